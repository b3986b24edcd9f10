"""How often the Activity Log is queried, with a fake clock: one query for all incidents, and an end."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from typing_extensions import override

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.engine.attribution import AttributionLoop
from tests.support.chats import serving
from tests.support.in_process_operator import InProcessOperator, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")


class FakeActivityLog:
    """An Activity Log that is empty, or refuses each query."""

    def __init__(self, broken: AzureError | None = None) -> None:
        self.broken = broken
        self.since: list[datetime] = []
        self.queried = asyncio.Event()

    @property
    def queries(self) -> int:
        return len(self.since)

    async def events(self, subscription_id: str, since: datetime) -> tuple[list[dict[str, Any]], bool]:
        del subscription_id
        self.since.append(since)
        self.queried.set()
        if self.broken is not None:
            raise self.broken
        return [], True


async def _query_for_forty_minutes(operator: InProcessOperator, log: FakeActivityLog) -> None:
    attributing = AttributionLoop(lambda _: (log, frozenset()), operator.records, operator.clock)
    for _ in range(40 * 12):
        operator.clock.advance(seconds=5)
        await attributing.ask()


async def test_a_hundred_incidents_are_one_query_a_minute_for_half_an_hour(tmp_path: Path) -> None:
    # All clients that read the log of a subscription share one limit.
    names = [f"web-{number:03}" for number in range(100)]
    async with (
        serving() as chats,
        in_process_operator(tmp_path, dict.fromkeys(names, WEB), chats.urls("a")["urls"]) as operator,
    ):
        await operator.reconcile()
        operator.azure.nsgs = {name: [*WEB, SSH] for name in names}
        await operator.reconcile()
        log = FakeActivityLog()
        await _query_for_forty_minutes(operator, log)
        assert 29 <= log.queries <= 32
        incidents = list(operator.records.incidents.all())
        assert {incident.status.attribution for incident in incidents} == {"NotFound"}
        # No author was found: that must not send another alert.
        assert {incident.status.revision for incident in incidents} == {1}


async def test_a_forbidden_log_ends_the_attribution_only(tmp_path: Path) -> None:
    # A missing right to read the log must not lose an alert or cause endless requests.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.reconcile()
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        log = FakeActivityLog(AzureError("Forbidden", "no right to read the log"))
        await _query_for_forty_minutes(operator, log)
        (incident,) = operator.records.incidents.all()
        assert incident.status.attribution == "NotFound"
        assert log.queries <= 32
        assert operator.clock.now - (incident.status.opened_at or operator.clock.now) > timedelta(minutes=30)


async def test_an_incident_from_before_a_long_downtime_gets_an_attribution(tmp_path: Path) -> None:
    # The operator was down for the half hour of queries. The attribution must not stay pending indefinitely.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.reconcile()
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        operator.clock.advance(hours=48)
        log = FakeActivityLog()
        await AttributionLoop(lambda _: (log, frozenset()), operator.records, operator.clock).ask()
        (incident,) = operator.records.incidents.all()
        assert incident.status.attribution == "NotFound"
        assert log.since == [operator.clock.now - timedelta(days=1)]


async def test_the_loop_sleeps_until_an_incident_needs_attribution(tmp_path: Path) -> None:
    # A loop that polls for new incidents wastes work, and a new incident must wake it.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.reconcile()
        log = FakeActivityLog()
        attributing = AttributionLoop(lambda _: (log, frozenset()), operator.records, operator.clock)
        task = asyncio.create_task(attributing.run())
        try:
            operator.azure.nsgs = {"web": [*WEB, SSH]}
            await operator.reconcile()
            operator.clock.advance(seconds=5)
            operator.azure.nsgs = {"web": WEB}
            await operator.reconcile()
            async with asyncio.timeout(60):
                await log.queried.wait()
        finally:
            task.cancel()
            await asyncio.wait([task])
        assert log.queries == 1


async def test_an_update_during_a_query_is_kept(tmp_path: Path) -> None:
    # The drift recurs while the log is read: the incident is open, and must not be written back as resolved.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.reconcile()
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        operator.azure.nsgs = {"web": WEB}
        await operator.reconcile()
        operator.clock.advance(minutes=31)

        class UpdatingLog(FakeActivityLog):
            @override
            async def events(self, subscription_id: str, since: datetime) -> tuple[list[dict[str, Any]], bool]:
                (incident,) = operator.records.incidents.all()
                again = {"state": "Open", "revision": 3, "event": "Updated", "resolved_at": None, "resolution": None}
                await operator.records.change(incident.key, lambda status: status.model_copy(update=again))
                return await super().events(subscription_id, since)

        await AttributionLoop(lambda _: (UpdatingLog(), frozenset()), operator.records, operator.clock).ask()
        (incident,) = operator.records.incidents.all()
        assert (incident.status.state, incident.status.revision) == ("Open", 3)
        assert incident.status.attribution == "NotFound"


async def test_a_throttled_query_is_not_an_answer(tmp_path: Path) -> None:
    # "Not in the log" would be false for a log that could not be read.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.reconcile()
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        operator.clock.advance(minutes=45)
        log = FakeActivityLog(AzureError("Throttled", "too many requests"))
        attributing = AttributionLoop(lambda _: (log, frozenset()), operator.records, operator.clock)
        await attributing.ask()
        (incident,) = operator.records.incidents.all()
        assert incident.status.attribution is None
