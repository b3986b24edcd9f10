"""Groups of channels: a pager for criticals and a chat for everything, with one object and one status."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from nsg_baseline.alerts import loop
from nsg_baseline.alerts.channels import SENDER
from nsg_baseline.alerts.route_groups import GroupedOutbox, members
from nsg_baseline.alerts.selection import next_selection, selected_since
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import Message, NSGAlertRoute, RouteStatus
from nsg_baseline.core.conditions import delivering, not_ready, update_conditions
from tests.support.alert_scenarios import OPEN
from tests.support.alerts import OPERATOR, START, Clock, MemoryOutbox, incident, route
from tests.support.chats import Chats

PAGER = {"name": "pager", "urlsFrom": {"name": "chat", "key": "pager"}, "match": {"minSeverity": "critical"}}
CHAT = {"name": "chat", "urlsFrom": {"name": "chat", "key": "chat"}, "match": {"maxSeverity": "high"}}
LOW: dict[str, Any] = {"severity": "low"}


@pytest.fixture(autouse=True)
def _end_of_the_sender() -> Iterator[None]:
    yield
    SENDER.close()


def grouped(**spec: Any) -> NSGAlertRoute:
    return route(**{"urlsFrom": None, "channels": [PAGER, CHAT], **spec})


@asynccontextmanager
async def running(outbox: MemoryOutbox) -> AsyncIterator[None]:
    task = asyncio.create_task(loop.run(outbox, OPERATOR, Clock(), allow_local=True))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def settled(outbox: MemoryOutbox, *names: str, of: NSGIncident) -> None:
    """Return when these groups have recorded the current revision of an incident."""
    async with asyncio.timeout(60):
        while True:
            status = outbox.stored[of.key].status
            recorded = {
                item.route.rpartition("/")[2] for item in status.deliveries if item.revision == of.status.revision
            }
            if recorded >= set(names):
                return
            # A report follows each record.
            outbox.reported.clear()
            await outbox.reported.wait()


async def test_each_group_gets_its_incidents_and_what_follows(chats: Chats) -> None:
    outbox = MemoryOutbox()
    to = grouped()
    outbox.put(to)
    urls = {name: chats.urls(name)["urls"] for name in ("pager", "chat")}
    outbox.secrets[to.key] = urls
    async with running(outbox):
        outbox.put(low := incident(**LOW))
        await settled(outbox, "chat", of=low)
        outbox.put(critical := incident("web-2", **OPEN))
        await settled(outbox, "pager", of=critical)
        assert [name for name, _ in chats.messages] == ["chat", "pager"]
        # It escalates: the pager is notified for the first time, and the chat, which knows it, of the change.
        worse = incident(**{**OPEN, "revision": 2, "event": "Escalated"})
        deliveries = outbox.stored[low.key].status.deliveries
        outbox.put(worse.model_copy(update={"status": worse.status.model_copy(update={"deliveries": deliveries})}))
        await settled(outbox, "chat", "pager", of=worse)
    events = {name: body["alert"]["event"] for name, body in chats.bodies[2:]}
    assert events == {"chat": "Escalated", "pager": "Opened"}
    recorded = {item.route: item.revision for item in outbox.stored[worse.key].status.deliveries}
    assert recorded == {f"{OPERATOR}/chat/chat": 2, f"{OPERATOR}/chat/pager": 2}
    assert outbox.condition(to).reason == "Delivering"
    assert outbox.stored_routes[to.key].status.channels == 2
    # A restart repeats nothing.
    count = len(chats.messages)
    async with running(outbox):
        outbox.put(other := incident("web-3", **LOW))
        await settled(outbox, "chat", of=other)
    assert len(chats.messages) == count + 1


async def test_a_broken_group_is_named_and_does_not_delay_the_others(chats: Chats) -> None:
    outbox = MemoryOutbox()
    to = grouped(channels=[{**PAGER, "match": None}, CHAT])
    outbox.put(to)
    outbox.secrets[to.key] = {"chat": chats.urls("chat")["urls"], "pager": chats.urls("pager")["urls"]}
    chats.stuck.add("pager")
    async with running(outbox):
        outbox.put(low := incident(**LOW))
        await settled(outbox, "chat", of=low)
        chats.answers["pager"] = 500
        chats.released.set()
        async with asyncio.timeout(60):
            while [item.reason for item in outbox.stored_routes[to.key].status.conditions] != ["Undelivered"]:
                outbox.reported.clear()
                await outbox.reported.wait()
    assert outbox.condition(to).message.startswith("channels pager: 1 message not delivered to line 1 of the Secret")
    assert outbox.stored_routes[to.key].status.undelivered == 1


def _status(reason: str, *messages: Message) -> RouteStatus:
    state = delivering() if reason == "Delivering" else not_ready(reason, "text")
    return RouteStatus(conditions=update_conditions((), [state], 1, START), channels=1, in_flight=messages)


async def test_groups_share_one_status_and_keep_their_own_messages() -> None:
    # Two groups may have the same channel: their messages in flight must not replace each other.
    outbox, message = MemoryOutbox(), Message(channel="c", key="k", incidents=())
    outbox.put(grouped())
    shared = GroupedOutbox(outbox, Clock())
    pager, chat = shared.routes()
    assert [pager.metadata.name, chat.metadata.name] == ["chat/pager", "chat/chat"]
    await shared.report(pager, _status("SecretNotFound", message))
    await shared.report(chat, _status("Delivering", message))
    stored = outbox.stored_routes[grouped().key].status
    assert [(item.group, item.key) for item in stored.in_flight] == [("pager", "k"), ("chat", "k")]
    assert (stored.conditions[0].reason, stored.conditions[0].message) == ("SecretNotFound", "channels pager: text")
    # After a restart, a group that has not reported yet loses neither its messages nor the reason of the route.
    restarted = GroupedOutbox(outbox, Clock())
    pager, chat = restarted.routes()
    assert [item.group for item in pager.status.in_flight] == ["pager"]
    await restarted.report(chat, _status("Delivering"))
    stored = outbox.stored_routes[grouped().key].status
    assert [item.group for item in stored.in_flight] == ["pager"]
    assert stored.conditions[0].reason == "SecretNotFound"
    await restarted.report(pager, _status("Delivering"))
    assert outbox.stored_routes[grouped().key].status.conditions[0].reason == "Delivering"


def test_a_route_without_groups_stays_as_it_is() -> None:
    plain = route()
    assert members(plain) == (plain,)


def test_the_first_group_has_the_heartbeat_and_urls_from_precedes_the_groups() -> None:
    parts = members(route(channels=[PAGER, CHAT], heartbeat={"at": "08:00"}))
    assert [(part.metadata.name, part.spec.heartbeat is not None) for part in parts] == [
        ("chat", True),
        ("chat/pager", False),
        ("chat/chat", False),
    ]
    assert [part.spec.urls_from and part.spec.urls_from.key for part in parts] == ["urls", "pager", "chat"]


def test_a_group_selects_the_same_incidents_since_its_route_does() -> None:
    # Otherwise what reached no group during a long outage would be forgotten after a day.
    parts = members(grouped())
    assert [selected_since(part) for part in parts] == [START, START]
    edited = grouped(channels=[PAGER])
    status = edited.status.model_copy(update={"selection": next_selection(grouped(), START)})
    meta = edited.metadata.model_copy(update={"generation": 2})
    edited = edited.model_copy(update={"metadata": meta, "status": status})
    assert [selected_since(part) for part in members(edited)] == [None]
