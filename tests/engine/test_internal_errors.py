"""Exceptions that nobody foresaw: reported on what they concern, counted, and without effect on the rest."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.decisions import Decision, Snapshot, decide
from nsg_baseline.engine import health, reconcile_baseline, scope_loop
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scope_loop import ScopeLoop
from nsg_baseline.engine.scope_snapshot import ScopeSnapshot
from nsg_baseline.kube.store import resource
from tests.support.alerts import OPERATOR
from tests.support.in_process_operator import PREFIX, InProcessOperator, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
STEP = health.MIN_DEADLINE_SECONDS * 2 / 3
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[InProcessOperator]:
    """Two NSGs with baselines."""
    async with in_process_operator(tmp_path, {"web": WEB, "db": WEB}, "json://127.0.0.1:1") as started:
        yield started


def fail_for(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make every decision about one baseline fail."""

    def failing(snapshot: Snapshot) -> Decision:
        if snapshot.baseline.metadata.name == name:
            raise RuntimeError("a secret")
        return decide(snapshot)

    monkeypatch.setattr(reconcile_baseline, "decide", failing)


def _ready(status: Any) -> tuple[str, str, str]:
    condition = next(state for state in status.conditions if state.type == "Ready")
    return condition.status, condition.reason, condition.message


def _scope(operator: InProcessOperator) -> NSGScope:
    stored = operator.records.store.find(NSGScope, ObjectKey("", "production"))
    assert stored is not None
    return resource(NSGScope, stored)


async def test_one_nsg_that_fails_does_not_hide_the_others(
    operator: InProcessOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An error about a single NSG must not stop the reconciles of a whole subscription.
    fail_for(monkeypatch, "db")
    operator.azure.nsgs["web"] = [*WEB, SSH]
    await operator.reconcile()
    incidents = {incident.spec.baseline: incident.status for incident in operator.records.incidents.all()}
    assert [change.rule for change in incidents["web"].changes] == ["open-ssh"]
    status, reason, message = _ready(operator.baseline("db").status)
    assert (status, reason) == ("False", "InternalError")
    assert "RuntimeError" in message
    assert "secret" not in message
    assert (incidents["db"].severity, incidents["db"].event) == ("high", "Opened")
    assert "1 NSG could not be judged" in _ready(_scope(operator).status)[2]
    monkeypatch.undo()
    await operator.reconcile()
    assert _ready(operator.baseline("db").status)[:2] == ("True", "Succeeded")
    incidents = {incident.spec.baseline: incident.status for incident in operator.records.incidents.all()}
    assert incidents["db"].state == "Resolved"


class Watch(Health):
    """A health endpoint whose clock advances by `STEP` seconds with each reconcile."""

    def __init__(self) -> None:
        self.seconds = 0.0
        super().__init__(lambda: self.seconds)


async def reconcile(operator: InProcessOperator, watch: Watch, times: int) -> None:
    """Run the scope's loop for some reconciles of the whole scope."""
    baselines = {(PREFIX + key[1]).lower(): key for key in operator.records.store.keys(NSGBaseline)}
    dependencies = Dependencies(operator.azure, operator.azure, operator.records, OPERATOR, operator.clock)
    remaining = times

    def current() -> ScopeSnapshot | None:
        nonlocal remaining
        remaining -= 1
        watch.seconds += STEP
        loop.trigger.ring()
        scope = _scope(operator)
        return ScopeSnapshot(scope, (scope,), baselines) if remaining >= 0 else None

    loop = ScopeLoop("production", dependencies, current, watch)
    await loop.run()


class Failing:
    """A reconciler that fails."""

    def __init__(self, *_: object) -> None:
        pass

    async def run(self) -> None:
        raise RuntimeError("a secret")


async def test_a_scope_that_fails_repeatedly_reports_it_and_fails_liveness(
    operator: InProcessOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A restart is the last resort against an internal error.
    watch = Watch()
    await reconcile(operator, watch, 1)
    assert _ready(_scope(operator).status)[:2] == ("True", "Succeeded")
    with monkeypatch.context() as patched:
        patched.setattr(scope_loop, "ScopeReconciler", Failing)
        await reconcile(operator, watch, 1)
        status, reason, message = _ready(_scope(operator).status)
        assert (status, reason) == ("False", "InternalError")
        assert "secret" not in message
        assert (watch.reconciles["production"].succeeded, watch.reconciles["production"].failed) == (1, 1)
        operator.clock.advance(minutes=3)
        await reconcile(operator, watch, 2)
        (incident,) = operator.records.incidents.all()
        assert (incident.spec.kind, incident.status.state) == ("WatchLost", "Open")
        assert watch.overdue() == ["production"]
    await reconcile(operator, watch, 2)
    assert _ready(_scope(operator).status)[:2] == ("True", "Succeeded")
    assert watch.overdue() == []
    (incident,) = operator.records.incidents.all()
    assert incident.status.state == "Resolved"
