"""Events in the loop of a scope: what is read because of a hint, and which condition the scope then has."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core import conditions
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scope_hints import LISTING
from nsg_baseline.engine.scope_loop import ScopeLoop
from nsg_baseline.engine.scope_snapshot import ScopeSnapshot
from nsg_baseline.kube.store import resource
from tests.support.alerts import OPERATOR
from tests.support.in_process_operator import PREFIX, InProcessOperator, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")
NSG = (PREFIX + "web").lower()
QUEUE = "https://account.queue.core.windows.net/events"
DEADLINE = 60.0


@dataclass
class RunningLoop:
    """The loop of the scope, which lists once a day."""

    operator: InProcessOperator
    loop: ScopeLoop
    health: Health

    async def list(self) -> None:
        """Wait for another listing."""
        self.health.ended.clear()
        self.loop.trigger.ring()
        async with asyncio.timeout(DEADLINE):
            await self.health.ended.wait()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds()` is true. It is evaluated after each request to the API server."""
        requested = asyncio.Event()

        def on_request(_: object) -> None:
            requested.set()

        self.operator.api.requests.listeners.append(on_request)
        async with asyncio.timeout(DEADLINE):
            while not holds():
                await requested.wait()
                requested.clear()
        self.operator.api.requests.listeners.remove(on_request)

    def events(self) -> tuple[str, str] | None:
        """Return status and reason of the condition about events."""
        status = self.operator.api.get("nsg-baseline.io/v1alpha1", "NSGScope", "production").get("status") or {}
        states = [state for state in status.get("conditions", ()) if state["type"] == "EventsReady"]
        return (states[0]["status"], states[0]["reason"]) if states else None

    def incidents(self) -> Any:
        return [(item.spec.kind, item.status.detected_by) for item in self.operator.records.incidents.all()]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[RunningLoop]:
    async with in_process_operator(folder, {"web": WEB}, "json://127.0.0.1:1") as operator:
        await operator.edit("NSGScope", "production", {"interval": "24h", "events": {"queueUrl": QUEUE}})
        world = Dependencies(operator.azure, operator.azure, operator.records, OPERATOR, operator.clock)

        def current() -> ScopeSnapshot:
            stored = operator.records.store.find(NSGScope, ObjectKey("", "production"))
            assert stored is not None
            scope = resource(NSGScope, stored)
            claims = {(PREFIX + key[1]).lower(): key for key in operator.records.store.keys(NSGBaseline)}
            return ScopeSnapshot(scope, (scope,), claims)

        health = Health()
        loop = ScopeLoop("production", world, current, health)
        task = asyncio.create_task(loop.run())
        async with asyncio.timeout(DEADLINE):
            await health.ended.wait()
        yield RunningLoop(operator, loop, health)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_hint_reads_its_nsg_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as started:
        started.operator.azure.nsgs["web"] = [*WEB, SSH]
        assert await started.loop.hint(NSG)
        assert started.incidents() == [("Drift", "Event")]


async def test_a_hint_of_an_nsg_without_a_baseline_lists_the_scope(tmp_path: Path) -> None:
    async with running(tmp_path) as started:
        started.operator.azure.nsgs["stray"] = [SSH]
        assert await started.loop.hint(LISTING)
        assert started.incidents() == [("Unbaselined", None)]


async def test_a_hint_is_not_answered_with_success_when_azure_fails(tmp_path: Path) -> None:
    # The message stays in the queue, and the NSG is read again.
    async with running(tmp_path) as started:
        started.operator.azure.broken = AzureError("ServerError", "500")
        assert not await started.loop.hint(NSG)
        assert not await started.loop.hint(LISTING)
        started.operator.azure.broken = None
        assert await started.loop.hint(NSG)


async def test_an_nsg_that_lost_its_baseline_meanwhile_needs_no_reading(tmp_path: Path) -> None:
    async with running(tmp_path) as started:
        assert await started.loop.hint(NSG.replace("web", "gone"))


async def test_the_state_of_the_queue_is_a_condition_at_once(tmp_path: Path) -> None:
    # The next listing is a day away.
    async with running(tmp_path) as started:
        assert started.events() is None
        started.loop.events_are(conditions.receiving_events(QUEUE))
        await started.until(lambda: started.events() == ("True", "Receiving"))
        started.loop.events_are(conditions.no_events("Forbidden", "no role"))
        await started.until(lambda: started.events() == ("False", "Forbidden"))
        await started.list()
        assert started.events() == ("False", "Forbidden"), "a listing keeps the condition"
        started.loop.events_are(None)
        await started.until(lambda: started.events() is None)


async def test_drift_without_an_event_makes_the_condition_false(tmp_path: Path) -> None:
    # An attacker who may write the event subscription deletes it first. The empty queue looks healthy.
    async with running(tmp_path) as started:
        started.loop.events_are(conditions.receiving_events(QUEUE))
        started.operator.azure.nsgs["web"] = [*WEB, SSH]
        await started.list()
        assert started.incidents() == [("Drift", "Listing")]
        await started.until(lambda: started.events() == ("True", "Receiving"))
        started.operator.clock.advance(minutes=10)
        started.loop.trigger.recompute()
        await started.until(lambda: started.events() == ("False", "EventsMissing"))
        assert await started.loop.hint(NSG)
        await started.until(lambda: started.events() == ("True", "Receiving"))
