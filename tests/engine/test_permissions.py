"""Missing permissions are reported before they are needed, and the example roles are sufficient."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.core.permissions import ENFORCE, WATCH, WRITE
from nsg_emulator.arm.faults import unavailable
from tests.chaos.environment import (
    API,
    OPERATOR,
    TEAM,
    ChaosEnvironment,
    OperatorRun,
    chaos_environment,
    shorten_pauses,
)
from tests.chaos.objects import BEGINNING, SUBSCRIPTION, Actor, baseline, document, live
from tests.support.rule_shorthand import arm_rule

WEB = Actor("web", "rg-prod")
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")
PERMISSIONS = "Microsoft.Authorization/permissions"


@pytest.fixture
async def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ChaosEnvironment]:
    shorten_pauses(monkeypatch)
    spec = {"subscriptionId": SUBSCRIPTION, "resourceGroups": ["rg-prod"], "interval": "60s", "maxMode": "Enforce"}
    scope = {
        "apiVersion": API,
        "kind": "NSGScope",
        "metadata": {"name": "production"},
        "spec": {**spec, "allowedNamespaces": {"names": [TEAM]}},
    }
    objects = [scope, baseline(WEB, BEGINNING)]
    async with chaos_environment(tmp_path, monkeypatch, [document(WEB, BEGINNING)], objects) as started:
        yield started


def _condition(environment: ChaosEnvironment, kind: str = "Permitted") -> dict[str, Any]:
    (scope,) = environment.objects("NSGScope")
    return next(condition for condition in scope["status"]["conditions"] if condition["type"] == kind)


def _permission_requests(environment: ChaosEnvironment) -> int:
    return sum(PERMISSIONS in record.path for record in environment.azure.requests.records)


def _grant(environment: ChaosEnvironment, actions: tuple[str, ...]) -> None:
    environment.azure.configure(roles={OPERATOR: actions})


async def _reconcile(environment: ChaosEnvironment, operator_run: OperatorRun) -> None:
    environment.clock.advance(minutes=1)
    await operator_run.reconcile()


async def test_a_missing_right_is_reported_with_its_fix_and_reconciles_continue(environment: ChaosEnvironment) -> None:
    # Otherwise it is noticed only when the first rule is not restored.
    _grant(environment, WATCH)
    operator_run = OperatorRun(environment)
    await _reconcile(environment, operator_run)
    permitted = _condition(environment)
    assert (permitted["status"], permitted["reason"]) == ("False", "MissingRights")
    assert WRITE in permitted["message"]
    assert "azure-role-enforce.json" in permitted["message"]
    assert _condition(environment, "Ready")["status"] == "True"
    await _reconcile(environment, operator_run)
    events = [
        event for event in environment.cluster.list("events.k8s.io/v1", "Event") if event["reason"] == "MissingRights"
    ]
    assert len(events) == 1
    _grant(environment, ENFORCE)
    await _reconcile(environment, operator_run)
    assert _condition(environment)["status"] == "True"


async def test_alert_mode_needs_no_right_to_write(environment: ChaosEnvironment) -> None:
    environment.cluster.patch(API, "NSGScope", "production", {"spec": {"maxMode": "Alert"}})
    _grant(environment, WATCH)
    await _reconcile(environment, OperatorRun(environment))
    assert _condition(environment)["status"] == "True"


async def test_the_example_roles_are_sufficient(environment: ChaosEnvironment) -> None:
    # A role without the right to poll an operation would leave an NSG in an unknown state.
    _grant(environment, ENFORCE)
    operator_run = OperatorRun(environment)
    await _reconcile(environment, operator_run)
    environment.azure.add_nsg(document(WEB, [*BEGINNING, SSH]))
    await _reconcile(environment, operator_run)
    await environment.arm.activity_log.events(SUBSCRIPTION, datetime.now(UTC) - timedelta(hours=1))
    assert "open-ssh" not in (live(environment.azure, WEB) or {})
    assert not [record for record in environment.azure.requests.records if record.status == 403]


async def test_an_insufficient_role_refuses_the_write(environment: ChaosEnvironment) -> None:
    # It shows that the emulator checks roles. Otherwise the test above would prove nothing.
    _grant(environment, WATCH)
    environment.azure.add_nsg(document(WEB, [*BEGINNING, SSH]))
    await _reconcile(environment, OperatorRun(environment))
    assert "open-ssh" in (live(environment.azure, WEB) or {})
    assert [record.method for record in environment.azure.requests.records if record.status == 403] == ["PUT"]


async def test_permissions_are_read_again_after_an_hour_or_an_edit_only(environment: ChaosEnvironment) -> None:
    operator_run = OperatorRun(environment)
    for _ in range(5):
        await _reconcile(environment, operator_run)
    assert _permission_requests(environment) == 1
    environment.clock.advance(hours=1)
    await _reconcile(environment, operator_run)
    assert _permission_requests(environment) == 2
    environment.cluster.patch(API, "NSGScope", "production", {"spec": {"interval": "2m"}})
    await _reconcile(environment, operator_run)
    assert _permission_requests(environment) == 3


async def test_unreadable_permissions_are_unknown_and_not_a_failure(environment: ChaosEnvironment) -> None:
    environment.azure.faults.add(unavailable(path=PERMISSIONS, count=None))
    await _reconcile(environment, OperatorRun(environment))
    assert _condition(environment)["status"] == "Unknown"
    assert _condition(environment, "Ready")["status"] == "True"
