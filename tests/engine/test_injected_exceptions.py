"""An exception in any function that a reconcile calls: the operator lives, says so, and recovers.

The functions come from the calls of a reconcile, so a new function is covered without a new test.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from typing_extensions import override

from nsg_baseline.api.scope import NSGScope
from nsg_baseline.engine import scope_loop, scopes
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Store
from nsg_baseline.kube.sync import sync
from tests.chaos.environment import API, KINDS, SYSTEM, ChaosEnvironment
from tests.chaos.objects import BEGINNING, document
from tests.engine.enforced_environment import NSGS, enforced_environment
from tests.support.injection import Function, Injection, observed_task, recorded_calls
from tests.support.rule_shorthand import arm_rule

FOLDERS = ("core", "azure", "kube", "engine")
SHARDS = 8
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")
SECONDS = 120
SUPERVISORS = {
    Function("engine/refusals.py", "RefusalRecorder.run"),
    Function("engine/scope_loop.py", "ScopeLoop.run"),
    Function("engine/scopes.py", "Scopes._arrange_again"),
    Function("engine/scopes.py", "Scopes.run"),
}
"""The functions that catch what the others raise. They do nothing else."""
RECOVERY = 3
"""Reconciles after which a single exception must have no effect."""


class ReconcileEvents(Health):
    """A health endpoint that a test can wait on for the next reconcile."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = asyncio.Event()

    @override
    def reconciled(self, scope: str, seconds: float, *, whole: bool) -> None:
        super().reconciled(scope, seconds, whole=whole)
        self.moved.set()


class RunningScopes:
    """The loops of all scopes, over the real edges."""

    def __init__(self, environment: ChaosEnvironment) -> None:
        self.environment = environment
        self.store = Store(KINDS)
        self.records = Records(environment.kube, self.store)
        self.health = ReconcileEvents()
        self.scopes = scopes.Scopes(self._dependencies, self.records, environment.clock, self.health)
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await sync(self.environment.kube, self.store, KINDS)
        self.task = observed_task(self.scopes.run())
        await self._reconciled()

    async def reconcile(self) -> None:
        """Request a reconcile of the whole scope, and wait for its end."""
        clock = self.environment.clock
        clock.advance(minutes=1)
        annotation = {"metadata": {"annotations": {"nsg-baseline.io/requestedAt": clock().isoformat()}}}
        self.environment.cluster.patch(API, "NSGScope", "production", annotation)
        await sync(self.environment.kube, self.store, KINDS)
        await self._reconciled()

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _reconciled(self) -> None:
        assert self.task is not None
        moved = asyncio.create_task(self.health.moved.wait())
        async with asyncio.timeout(SECONDS):
            await asyncio.wait({moved, self.task}, return_when=asyncio.FIRST_COMPLETED)
        moved.cancel()
        assert not self.task.done(), self.task
        self.health.moved.clear()

    def _dependencies(self, _: NSGScope) -> Dependencies:
        arm = self.environment.arm
        return Dependencies(
            arm.reader, arm.writer, self.records, SYSTEM, self.environment.clock, rights=arm.permissions
        )


@pytest.fixture
async def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ChaosEnvironment]:
    """Three NSGs on two pages, all enforced. What failed is tried again at once."""
    monkeypatch.setattr(scope_loop, "RESTART_SECONDS", 0)
    monkeypatch.setattr(scopes, "RETRY_SECONDS", 0)
    async with enforced_environment(tmp_path, monkeypatch, "24h") as started:
        yield started


@asynccontextmanager
async def struck(environment: ChaosEnvironment) -> AsyncIterator[RunningScopes]:
    """Open SSH on one NSG of a running operator, long after the last time."""
    running = RunningScopes(environment)
    await running.start()
    await running.reconcile()
    environment.clock.advance(hours=3)
    environment.azure.add_nsg(document(NSGS["web"], [*BEGINNING, SSH]))
    try:
        yield running
    finally:
        await running.stop()


def ready(resource: dict[str, Any]) -> str:
    (condition,) = [item for item in resource["status"]["conditions"] if item["type"] == "Ready"]
    return f"{condition['status']} {condition['reason']}: {condition['message']}"


def is_reported(running: RunningScopes) -> bool:
    """Return whether the operator reports a fault: in a condition, or in its metrics."""
    resources = [resource for kind in ("NSGScope", "NSGBaseline") for resource in running.environment.objects(kind)]
    conditions = [ready(resource) for resource in resources]
    types = {condition["type"] for resource in resources for condition in resource["status"]["conditions"]}
    is_said = any(text.startswith("False") or "could not be judged" in text for text in conditions)
    health = running.health
    return is_said or "Stalled" in types or bool(health.reconciles["production"].failed + health.internal_errors)


def is_well(running: RunningScopes) -> bool:
    objects = running.environment.objects
    conditions = [ready(resource) for kind in ("NSGScope", "NSGBaseline") for resource in objects(kind)]
    return all(text.startswith("True Succeeded") and "could not" not in text for text in conditions)


async def recorded(environment: ChaosEnvironment) -> list[Function]:
    async with struck(environment) as running:
        with recorded_calls(*FOLDERS) as calls:
            await running.reconcile()
            await running.reconcile()
    return sorted(calls - SUPERVISORS)


# An exception in a function that was given a coroutine leaves it without an await.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
async def test_an_exception_is_reported_and_does_not_last(environment: ChaosEnvironment, shard: int) -> None:
    functions = await recorded(environment)
    assert len(functions) > 200
    silent, sick = [], []
    for function in functions[shard::SHARDS]:
        injection = Injection(function)
        # Without this, structlog renders the local variables of each frame, which takes seconds.
        with structlog.testing.capture_logs():
            async with struck(environment) as running:
                with injection.armed():
                    await running.reconcile()
                reported = is_reported(running)
                for _ in range(RECOVERY):
                    await running.reconcile()
                # What fails after a reconcile is reported before the next one.
                if injection.fired and not (reported or is_reported(running)):
                    silent.append(str(function))
                if not is_well(running):
                    sick.append(str(function))
    assert (silent, sick) == ([], [])
