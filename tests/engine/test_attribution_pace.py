"""How often the Activity Log is asked, with a clock that stands: by one query for all, and not for ever."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from typing_extensions import override

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.engine.attribution import AttributionLoop
from tests.support.chats import serving
from tests.support.in_process_operator import InProcessOperator, in_process_operator
from tests.support.rule_shorthand import terse

WEB = [terse("100 web allow tcp Internet -> *:443")]
SSH = terse("200 open-ssh allow tcp Internet -> *:22")


class Log:
    """An Activity Log that has nothing, or refuses."""

    def __init__(self, broken: AzureError | None = None) -> None:
        self.broken = broken
        self.since: list[datetime] = []
        self.was_asked = asyncio.Event()

    @property
    def asked(self) -> int:
        return len(self.since)

    async def events(self, subscription_id: str, since: datetime) -> list[dict[str, Any]]:
        del subscription_id
        self.since.append(since)
        self.was_asked.set()
        if self.broken is not None:
            raise self.broken
        return []


async def _half_an_hour(operator: InProcessOperator, log: Log) -> None:
    attributing = AttributionLoop(lambda _: (log, frozenset()), operator.records, operator.clock)
    for _ in range(40 * 12):
        operator.clock.pass_by(seconds=5)
        await attributing.ask()


async def test_a_hundred_incidents_are_one_query_a_minute_and_given_up_after_half_an_hour(tmp_path: Path) -> None:
    # The log's own limit is shared by all who read the subscription.
    names = [f"web-{number:03}" for number in range(100)]
    async with (
        serving() as chats,
        in_process_operator(tmp_path, dict.fromkeys(names, WEB), chats.urls("a")["urls"]) as operator,
    ):
        await operator.reconcile()
        operator.azure.nsgs = {name: [*WEB, SSH] for name in names}
        await operator.reconcile()
        log = Log()
        await _half_an_hour(operator, log)
        assert 29 <= log.asked <= 32
        incidents = list(operator.records.incidents.all())
        assert {incident.status.attribution for incident in incidents} == {"NotFound"}
        # No author was found: that must not send another alert.
        assert {incident.status.revision for incident in incidents} == {1}


async def test_a_log_that_refuses_ends_nothing(tmp_path: Path) -> None:
    # A missing right to read the log must not lose an alert or cause endless requests.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.reconcile()
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        log = Log(AzureError("Forbidden", "no right to read the log"))
        await _half_an_hour(operator, log)
        (incident,) = operator.records.incidents.all()
        assert incident.status.attribution == "NotFound"
        assert log.asked <= 32
        assert operator.clock.now - (incident.status.opened_at or operator.clock.now) > timedelta(minutes=30)


async def test_what_was_open_while_nobody_looked_is_given_an_answer(tmp_path: Path) -> None:
    # The operator was away for the half hour after it: "looked for" must not stand there for ever.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.reconcile()
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        operator.clock.pass_by(hours=48)
        log = Log()
        await AttributionLoop(lambda _: (log, frozenset()), operator.records, operator.clock).ask()
        (incident,) = operator.records.incidents.all()
        assert incident.status.attribution == "NotFound"
        assert log.since == [operator.clock.now - timedelta(days=1)]


async def test_it_sleeps_until_there_is_something_to_ask(tmp_path: Path) -> None:
    # A loop that looks every few seconds for nothing is work for nothing, and a new incident must wake it.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.reconcile()
        log = Log()
        attributing = AttributionLoop(lambda _: (log, frozenset()), operator.records, operator.clock)
        task = asyncio.create_task(attributing.run())
        try:
            operator.azure.nsgs = {"web": [*WEB, SSH]}
            await operator.reconcile()
            operator.clock.pass_by(seconds=5)
            operator.azure.nsgs = {"web": WEB}
            await operator.reconcile()
            async with asyncio.timeout(60):
                await log.was_asked.wait()
        finally:
            task.cancel()
            await asyncio.wait([task])
        assert log.asked == 1


async def test_what_happened_while_the_log_was_read_is_not_undone(tmp_path: Path) -> None:
    # The rule comes back while the log is read: the incident is open, and must not be written back as over.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.reconcile()
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        operator.azure.nsgs = {"web": WEB}
        await operator.reconcile()
        operator.clock.pass_by(minutes=31)

        class Meanwhile(Log):
            @override
            async def events(self, subscription_id: str, since: datetime) -> list[dict[str, Any]]:
                (incident,) = operator.records.incidents.all()
                again = {"state": "Open", "revision": 3, "event": "Updated", "resolved_at": None, "resolution": None}
                await operator.records.change(incident.key, lambda status: status.model_copy(update=again))
                return await super().events(subscription_id, since)

        await AttributionLoop(lambda _: (Meanwhile(), frozenset()), operator.records, operator.clock).ask()
        (incident,) = operator.records.incidents.all()
        assert (incident.status.state, incident.status.revision) == ("Open", 3)
        assert incident.status.attribution == "NotFound"


async def test_one_refusal_is_no_answer(tmp_path: Path) -> None:
    # "Not in the log" of a log that could not be read just then would be false.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.reconcile()
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        operator.clock.pass_by(minutes=45)
        log = Log(AzureError("Throttled", "too many requests"))
        attributing = AttributionLoop(lambda _: (log, frozenset()), operator.records, operator.clock)
        await attributing.ask()
        (incident,) = operator.records.incidents.all()
        assert incident.status.attribution is None
