"""How much work a change causes: counted in rounds of routes and in incidents that are looked at, never in seconds."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

import pytest
from typing_extensions import override

from nsg_baseline.alerts import loop, route_loop
from nsg_baseline.alerts.changes import ChangeFeed
from nsg_baseline.alerts.namespace_turns import NamespaceTurns
from nsg_baseline.alerts.route_limit import MAX_ROUTES
from nsg_baseline.alerts.routed_incidents import RoutedIncidents
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.incident_changes import HistoryEntry
from nsg_baseline.api.route import NSGAlertRoute
from tests.support.alerts import OPERATOR, START, Clock, MemoryOutbox, incident, route, with_deliveries
from tests.support.chats import Chats

TENANT = "team-tenant"
WEB_1, WEB_2 = ObjectKey("team-web", "web-1"), ObjectKey("team-web", "web-2")


@pytest.fixture(autouse=True)
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the rounds that are due once a minute out of the counts."""
    monkeypatch.setattr(route_loop, "INTERVAL_SECONDS", 3600.0)


@dataclass(slots=True)
class CountingOutbox(MemoryOutbox):
    """An outbox that counts the rounds of the routes, by the Secrets that they read, and the looks at each incident."""

    rounds: Counter[tuple[str, str]] = field(default_factory=Counter)
    looks: Counter[ObjectKey] = field(default_factory=Counter)

    @override
    async def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        self.rounds[namespace, name] += 1
        return self.secrets.get((namespace, name))

    @override
    def incident(self, key: ObjectKey) -> NSGIncident | None:
        self.looks[key] += 1
        return self.stored.get(key)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                self.reported.clear()
                await self.reported.wait()

    def reasons(self, namespace: str) -> list[str]:
        routes = [item for key, item in self.stored_routes.items() if key[0] == namespace and item.status.conditions]
        return [item.status.conditions[0].reason for item in routes]

    def remove(self, gone: NSGAlertRoute) -> None:
        del self.stored_routes[gone.key]
        self.feed.route(gone.key)
        self.moved.set()


@contextlib.asynccontextmanager
async def running(outbox: MemoryOutbox) -> AsyncIterator[None]:
    task = asyncio.create_task(loop.run(outbox, OPERATOR, Clock(), allow_local=True))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def add_routes(outbox: MemoryOutbox, namespace: str, count: int) -> None:
    """Add routes without a Secret: they are ready when they have reported that."""
    outbox.put(*(route(f"route-{number:03}", namespace) for number in range(count)))


async def test_an_incident_wakes_the_routes_that_cover_it_once(chats: Chats) -> None:
    # Every change woke all 300 routes, and each of them read its Secret and all incidents.
    outbox = CountingOutbox()
    add_routes(outbox, TENANT, MAX_ROUTES + 10)
    outbox.put(*(incident(f"info-{number}", TENANT, severity="info") for number in range(20)))
    covering = [route("first", "team-web"), route("second", "team-web"), route("all")]
    outbox.put(*covering)
    outbox.secrets |= {to.key: chats.urls(to.metadata.name) for to in covering}
    async with running(outbox):
        routes = MAX_ROUTES + 10 + len(covering)
        await outbox.until(lambda: sum(len(outbox.reasons(name)) for name in (TENANT, "team-web", OPERATOR)) == routes)
        outbox.rounds.clear()
        outbox.looks.clear()
        outbox.put(incident("web-1", "team-web"))
        await outbox.until(lambda: len(outbox.stored[WEB_1].status.deliveries) == len(covering))
        outbox.put(incident("web-2", "team-web"))
        await outbox.until(lambda: len(outbox.stored[WEB_2].status.deliveries) == len(covering))
    assert outbox.rounds == {to.key: 2 for to in covering}, "the record of one route is no reason for another round"
    assert set(outbox.looks) <= {WEB_1, WEB_2}, "only what changed is looked at"
    # At the change, after the round, and at its own record.
    assert max(outbox.looks.values()) <= 3 * len(covering), "a record wakes its own route only, and no other tenant's"


async def test_the_records_of_a_route_cause_no_further_round(chats: Chats) -> None:
    # Each record changes an incident, so that a hundred of them are a hundred reasons to wake the route again.
    outbox = CountingOutbox()
    outbox.put(route(), *(incident(f"web-{number}", f"team-{number}") for number in range(100)))
    outbox.secrets[OPERATOR, "chat"] = chats.urls("a")
    async with running(outbox):
        await outbox.until(lambda: all(item.status.deliveries for item in outbox.stored.values()))
        outbox.put(incident("web-1", "team-web"))
        await outbox.until(lambda: bool(outbox.stored[WEB_1].status.deliveries))
    assert outbox.rounds == {(OPERATOR, "chat"): 2}
    assert max(outbox.looks.values()) <= 4, outbox.looks.most_common(3)


async def test_a_refused_route_is_used_as_soon_as_there_is_room() -> None:
    outbox = CountingOutbox()
    add_routes(outbox, TENANT, MAX_ROUTES + 1)
    async with running(outbox):
        await outbox.until(lambda: len(outbox.reasons(TENANT)) == MAX_ROUTES + 1)
        assert Counter(outbox.reasons(TENANT)) == {"SecretNotFound": MAX_ROUTES, "TooManyRoutes": 1}
        outbox.remove(route("route-000", TENANT))
        await outbox.until(lambda: "TooManyRoutes" not in outbox.reasons(TENANT))


async def test_an_edited_route_looks_at_all_incidents_again(chats: Chats) -> None:
    outbox = CountingOutbox()
    outbox.put(route(minSeverity="critical"), incident())
    outbox.secrets[OPERATOR, "chat"] = chats.urls("a")
    async with running(outbox):
        await outbox.until(lambda: outbox.reasons(OPERATOR) == ["Delivering"])
        outbox.put(route(minSeverity="low"))
        await chats.until(lambda: len(chats.messages) == 1)


async def test_namespaces_take_turns() -> None:
    # A tenant's hundreds of routes are one neighbour among others, and everything else runs between two of them.
    turns, order = NamespaceTurns(), list[str]()

    async def work(namespace: str) -> None:
        await turns.take(namespace)
        order.append(namespace)
        if namespace == "web":
            await turns.take(namespace)
            order.append("web again")

    def elsewhere() -> None:
        order.append("-")
        if len(order) < 20:
            asyncio.get_running_loop().call_soon(elsewhere)

    tasks = [asyncio.create_task(work(namespace)) for namespace in (*["evil"] * 5, "web", "db")]
    asyncio.get_running_loop().call_soon(elsewhere)
    await asyncio.gather(*tasks)
    assert [name for name in order if name != "-"][:6] == ["evil", "web", "db", "evil", "web again", "evil"]
    text = "".join(name[0] for name in order).strip("-")
    assert "-" in text
    assert "ee" not in text


async def test_a_cancelled_turn_delays_nobody() -> None:
    turns = NamespaceTurns()
    first = asyncio.create_task(turns.take("evil"))
    await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(60):
        await turns.take("web")


def records(*names: str) -> NSGIncident:
    return with_deliveries(incident(), *((name, 1) for name in names))


@pytest.mark.parametrize(
    ("before", "after", "concerned"),
    [
        (None, incident(), None),
        (incident(), None, None),
        (incident(), incident(revision=2), None),
        (incident(), records("team-web/chat"), frozenset({"team-web/chat"})),
        (records("team-web/a", "team-web/b"), records("team-web/a"), frozenset({"team-web/b"})),
        (incident(), incident(), frozenset()),
    ],
    ids=["new", "deleted", "new revision", "record", "record removed", "same"],
)
def test_a_record_concerns_its_route_only(
    before: NSGIncident | None, after: NSGIncident | None, concerned: frozenset[str] | None
) -> None:
    feed = ChangeFeed()
    feed.incident(WEB_1, before, after)
    assert feed.take().incidents == {WEB_1: concerned}
    assert not feed.take(), "what was taken is not taken again"


def test_changes_of_one_incident_add_up() -> None:
    feed = ChangeFeed()
    feed.incident(WEB_1, records("team-web/a"), records("team-web/a", "team-web/b"))
    feed.incident(WEB_1, records("team-web/a", "team-web/b"), records("team-web/b"))
    assert feed.take().incidents == {WEB_1: frozenset({"team-web/a", "team-web/b"})}
    feed.incident(WEB_1, incident(), incident(revision=2))
    feed.incident(WEB_1, incident(revision=2), incident(revision=2))
    assert feed.take().incidents == {WEB_1: None}


def test_the_history_of_notifications_concerns_no_route() -> None:
    noted = HistoryEntry.model_validate({"at": START, "kind": "Notified", "severity": "info"})
    after = incident().model_copy(update={"status": incident().status.model_copy(update={"history": (noted,)})})
    feed = ChangeFeed()
    feed.incident(WEB_1, incident(), after)
    assert feed.take().incidents == {WEB_1: frozenset()}


def test_incidents_are_found_by_namespace_and_by_record() -> None:
    index, web, other = RoutedIncidents(), records("team-web/a", "team-web/b"), incident("db-1", "team-db")
    index.put(WEB_1, web)
    index.put(other.key, other)
    assert (list(index.all()), list(index.all("team-web")), list(index.all("none"))) == ([web, other], [web], [])
    assert (list(index.notified("team-web/b")), index.find(WEB_1)) == ([web], web)
    index.put(WEB_1, records("team-web/a"))
    assert not index.notified("team-web/b")
    index.put(WEB_1, None)
    assert (list(index.all()), list(index.all("team-web")), index.find(WEB_1)) == ([other], [], None)
    assert not index.notified("team-web/a")
