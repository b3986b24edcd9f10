"""A pause that Azure asks for is longer than the time after which a scope counts as not watched."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.azure.errors import MAX_RETRY_AFTER_SECONDS, AzureError
from nsg_baseline.engine.health import MIN_DEADLINE_SECONDS, Health
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scope_loop import ScopeLoop
from nsg_baseline.engine.scope_snapshot import ScopeSnapshot
from nsg_baseline.kube.store import resource
from tests.support.alerts import OPERATOR
from tests.support.in_process_operator import InProcessOperator, in_process_operator

DEADLINE_SECONDS = 60


def scope_of(operator: InProcessOperator) -> NSGScope:
    stored = operator.records.store.find(NSGScope, ObjectKey("", "production"))
    assert stored is not None
    return resource(NSGScope, stored)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110 - the store has no event for a test
            await asyncio.sleep(0.01)


@asynccontextmanager
async def throttled_loop(operator: InProcessOperator, health: Health) -> AsyncIterator[ScopeLoop]:
    """Run the loop of a scope whose first listing ends with the longest pause."""
    operator.azure.broken = AzureError("Throttled", "too many requests", MAX_RETRY_AFTER_SECONDS)
    dependencies = Dependencies(operator.azure, operator.azure, operator.records, OPERATOR, operator.clock)

    def current() -> ScopeSnapshot:
        scope = scope_of(operator)
        return ScopeSnapshot(scope, (scope,), {})

    loop = ScopeLoop("production", dependencies, current, health)
    running = asyncio.create_task(loop.run())
    try:
        await until(lambda: health.reconciles.get("production") is not None)
        yield loop
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_end_of_the_watch_is_reported_during_a_pause(tmp_path: Path) -> None:
    # Reported with the next listing only, it would be 15 minutes late.
    async with in_process_operator(tmp_path, {}, "json://127.0.0.1:1") as operator:
        health = Health()
        async with throttled_loop(operator, health) as loop:
            assert list(operator.records.incidents.all()) == []
            operator.clock.advance(minutes=3, seconds=-0.2)
            loop.trigger.recompute()
            for _ in range(10):
                await asyncio.sleep(0)
            operator.clock.advance(seconds=1)
            await until(lambda: any(incident.status.revision for incident in operator.records.incidents.all()))
        (incident,) = operator.records.incidents.all()
        assert (incident.spec.kind, incident.status.severity) == ("WatchLost", "high")
        assert "Throttled: too many requests" in str(incident.status.summary)
        assert health.reconciles["production"].failed == 1, "Azure is not asked again"


async def test_a_pause_that_azure_asks_for_restarts_no_process(tmp_path: Path) -> None:
    # The longest pause is longer than the deadline of the liveness probe.
    seconds = 0.0
    health = Health(lambda: seconds)
    async with in_process_operator(tmp_path, {}, "json://127.0.0.1:1") as operator, throttled_loop(operator, health):
        await until(lambda: scope_of(operator).status.observed_generation is not None)
        seconds = MAX_RETRY_AFTER_SECONDS + MIN_DEADLINE_SECONDS
        assert health.overdue() == []
        seconds += 1
        assert health.overdue() == ["production"]
