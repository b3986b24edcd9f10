"""Each wrong response that hides the NSGs: scope, metric and an incident say so in time, and nothing is concluded."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.azure import client
from nsg_baseline.azure.client import ArmClient, new_session
from nsg_baseline.azure.clouds import Cloud
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.azure.read import ArmReader
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scope_loop import ScopeLoop
from nsg_baseline.engine.scope_snapshot import ScopeSnapshot
from nsg_baseline.kube.store import resource
from tests.azure.test_hostile_responses import FixedToken
from tests.engine.test_hostile_azure import SSH, WEB, HostileAzure
from tests.hostile.responses import HostileResponse, table
from tests.hostile.server import HostileServer, serve_hostile
from tests.support.alerts import OPERATOR
from tests.support.in_process_operator import PREFIX, InProcessOperator, in_process_operator

pytestmark = pytest.mark.slow

INTERVAL, LOST_AFTER = timedelta(minutes=1), timedelta(minutes=3)
LOSING = tuple(response for response in table() if response.reason)
READABLE = tuple(response for response in table() if not response.reason and response.nsgs)


@dataclass(slots=True)
class Watched:
    """The loop of a scope with two NSGs; SSH is open on one of them. Each step is one turn of the loop."""

    operator: InProcessOperator
    server: HostileServer
    azure: HostileAzure
    health: Health
    loop: ScopeLoop

    async def read(self, response: HostileResponse | None = None) -> None:
        """List the scope with a response; without one, Azure is well again."""
        self.server.response = response or self.azure.listing()
        self.azure.reconnect()
        await self.loop._list(self.snapshot())

    def snapshot(self) -> ScopeSnapshot:
        baselines = {(PREFIX + key[1]).lower(): key for key in self.operator.records.store.keys(NSGBaseline)}
        return ScopeSnapshot(self.scope, (self.scope,), baselines)

    @property
    def scope(self) -> NSGScope:
        stored = self.operator.records.store.find(NSGScope, ObjectKey("", "production"))
        assert stored is not None
        return resource(NSGScope, stored)

    @property
    def ready(self) -> tuple[str, str]:
        (condition,) = [item for item in self.scope.status.conditions if item.type == "Ready"]
        return condition.status, condition.reason

    def open_incidents(self, kind: str) -> list[NSGIncident]:
        incidents = self.operator.records.incidents.all()
        return [item for item in incidents if item.spec.kind == kind and item.status.state == "Open"]

    @property
    def drifting(self) -> set[str]:
        return {str(incident.spec.baseline) for incident in self.open_incidents("Drift")}


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Watched]:
    monkeypatch.setattr(client, "REQUEST_DEADLINE_SECONDS", 60)
    monkeypatch.setattr(client, "RETRY_BACKOFF_SECONDS", 0)
    session = new_session()
    async with (
        serve_hostile() as elsewhere,
        serve_hostile(elsewhere.url) as server,
        in_process_operator(tmp_path, {"web": WEB, "db": WEB}, "json://127.0.0.1:9") as operator,
    ):

        def connect() -> ArmReader:
            return ArmReader(ArmClient(Cloud(server.url, "s", "a"), FixedToken(), session, RateLimiter()))

        azure, health = HostileAzure({"web": WEB, "db": WEB}, connect=connect), Health()
        dependencies = Dependencies(azure, azure, operator.records, OPERATOR, operator.clock)
        loop = ScopeLoop("production", dependencies, lambda: started.snapshot(), health)  # noqa: PLW0108 - assigned below
        started = Watched(operator, server, azure, health, loop)
        await started.read()
        azure.nsgs["web"] = [*WEB, SSH]
        await started.read()
        assert started.drifting == {"web"}
        yield started
        assert elsewhere.requests == [], "a token went to another host"
    await session.close()


async def lose_and_find(watched: Watched, response: HostileResponse) -> None:
    """Give one response for the time after which the watch is lost, then none; the clock is the operator's own."""
    clock, failed = watched.operator.clock, watched.health.reconciles["production"].failed
    began = clock()
    await watched.read(response)
    assert watched.ready == ("False", response.reason)
    assert watched.health.reconciles["production"].failed == failed + 1
    assert watched.open_incidents("WatchLost") == [], "too early"
    clock.advance(seconds=LOST_AFTER.total_seconds() - 1)
    await watched.read(response)
    assert watched.open_incidents("WatchLost") == [], "too early"
    clock.advance(seconds=1)
    if watched.loop._failure is not None and watched.loop._failure.retry_after:
        # The next listing may come later than the incident must.
        await watched.loop._report_lost()
    else:
        await watched.read(response)
    (lost,) = watched.open_incidents("WatchLost")
    assert lost.status.opened_at == began
    assert response.reason in str(lost.status.summary)
    assert "web" in watched.drifting, "an incident ended although nothing could be read"
    assert watched.health.overdue() == [], "a restart would not help"
    clock.advance(seconds=INTERVAL.total_seconds())
    await watched.read()
    assert watched.ready[0] == "True"
    assert watched.open_incidents("WatchLost") == []
    assert watched.drifting == {"web"}
    assert not any("NSGDeleted" in incident.model_dump_json() for incident in watched.operator.records.incidents.all())
    clock.advance(hours=1)


async def test_each_response_that_hides_the_nsgs_loses_the_watch_in_time(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever answers in Azure's place, silence must not look like order, and must not look like a deletion either.
    for response in LOSING:
        with monkeypatch.context() as patched:
            if response.ending == "drip":
                patched.setattr(client, "REQUEST_DEADLINE_SECONDS", 0.3)
            try:
                await lose_and_find(watched, response)
            except AssertionError as error:
                error.add_note(f"response: {response.name}")
                raise
    assert len(LOSING) >= 80
    sys.stdout.write(f"{len(LOSING)} wrong responses, each of which lost the watch in time\n")


async def test_each_other_response_leaves_the_readable_nsgs_watched(watched: Watched) -> None:
    # One element that nobody can read must not cost the others their reading: both lost their approved rule here.
    for response in READABLE:
        await watched.read(response)
        assert watched.ready[0] == "True", response.name
        assert watched.drifting >= ({"web", "db"} if response.nsgs > 1 else {"web"}), response.name
        watched.operator.clock.advance(seconds=INTERVAL.total_seconds())
        await watched.read()
        assert watched.drifting == {"web"}, response.name
        watched.operator.clock.advance(hours=1)
    assert len(LOSING) + len(READABLE) >= 150
    sys.stdout.write(f"{len(READABLE)} wrong responses, each of which left the other NSGs watched\n")
