"""What the identity may not do is said before it is needed; under exactly the given roles nothing is refused."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.core.permissions import ENFORCE, WATCH, WRITE
from nsg_emulator.arm.faults import unavailable
from tests.chaos.environment import API, OPERATOR, TEAM, Life, Stage, hurry, staged
from tests.chaos.objects import BEGINNING, SUBSCRIPTION, Actor, baseline, document, live
from tests.support.rule_shorthand import terse

WEB = Actor("web", "rg-prod")
SSH = terse("200 open-ssh allow tcp Internet -> *:22")
PERMISSIONS = "Microsoft.Authorization/permissions"


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    hurry(monkeypatch)
    spec = {"subscriptionId": SUBSCRIPTION, "resourceGroups": ["rg-prod"], "interval": "60s", "maxMode": "Enforce"}
    scope = {
        "apiVersion": API,
        "kind": "NSGScope",
        "metadata": {"name": "production"},
        "spec": {**spec, "allowedNamespaces": {"names": [TEAM]}},
    }
    objects = [scope, baseline(WEB, BEGINNING)]
    async with staged(tmp_path, monkeypatch, [document(WEB, BEGINNING)], objects) as found:
        yield found


def _condition(stage: Stage, kind: str = "Permitted") -> dict[str, Any]:
    (scope,) = stage.objects("NSGScope")
    return next(one for one in scope["status"]["conditions"] if one["type"] == kind)


def _asked(stage: Stage) -> int:
    return sum(PERMISSIONS in one.path for one in stage.azure.requests.records)


def _grant(stage: Stage, actions: tuple[str, ...]) -> None:
    stage.azure.configure(roles={OPERATOR: actions})


async def _pass(stage: Stage, life: Life) -> None:
    stage.clock.pass_by(minutes=1)
    await life.look()


async def test_a_missing_right_is_named_with_the_way_out_and_the_watch_goes_on(stage: Stage) -> None:
    # Else somebody learns of it when the first rule is not put back.
    _grant(stage, WATCH)
    life = Life(stage)
    await _pass(stage, life)
    found = _condition(stage)
    assert (found["status"], found["reason"]) == ("False", "MissingRights")
    assert WRITE in found["message"]
    assert "azure-role-enforce.json" in found["message"]
    assert _condition(stage, "Ready")["status"] == "True"
    await _pass(stage, life)
    events = [one for one in stage.cluster.list("events.k8s.io/v1", "Event") if one["reason"] == "MissingRights"]
    assert len(events) == 1
    _grant(stage, ENFORCE)
    await _pass(stage, life)
    assert _condition(stage)["status"] == "True"


async def test_who_only_watches_needs_no_right_to_write(stage: Stage) -> None:
    stage.cluster.patch(API, "NSGScope", "production", {"spec": {"maxMode": "Alert"}})
    _grant(stage, WATCH)
    await _pass(stage, Life(stage))
    assert _condition(stage)["status"] == "True"


async def test_under_exactly_the_roles_nothing_is_refused(stage: Stage) -> None:
    # A role that lacks what a write's polling needs leaves an NSG that nobody knows the state of.
    _grant(stage, ENFORCE)
    life = Life(stage)
    await _pass(stage, life)
    stage.azure.add_nsg(document(WEB, [*BEGINNING, SSH]))
    await _pass(stage, life)
    await stage.arm.activity_log.events(SUBSCRIPTION, datetime.now(UTC) - timedelta(hours=1))
    assert "open-ssh" not in (live(stage.azure, WEB) or {})
    assert not [one for one in stage.azure.requests.records if one.status == 403]


async def test_a_role_too_small_refuses_the_write(stage: Stage) -> None:
    # The emulator refuses as Azure does: else the test above would say nothing.
    _grant(stage, WATCH)
    stage.azure.add_nsg(document(WEB, [*BEGINNING, SSH]))
    await _pass(stage, Life(stage))
    assert "open-ssh" in (live(stage.azure, WEB) or {})
    assert [one.method for one in stage.azure.requests.records if one.status == 403] == ["PUT"]


async def test_it_is_not_asked_at_each_pass_and_again_after_an_hour_or_an_edit(stage: Stage) -> None:
    life = Life(stage)
    for _ in range(5):
        await _pass(stage, life)
    assert _asked(stage) == 1
    stage.clock.pass_by(hours=1)
    await _pass(stage, life)
    assert _asked(stage) == 2
    stage.cluster.patch(API, "NSGScope", "production", {"spec": {"interval": "2m"}})
    await _pass(stage, life)
    assert _asked(stage) == 3


async def test_what_cannot_be_looked_up_is_unknown_and_no_failure(stage: Stage) -> None:
    stage.azure.faults.add(unavailable(path=PERMISSIONS, count=None))
    await _pass(stage, Life(stage))
    assert _condition(stage)["status"] == "Unknown"
    assert _condition(stage, "Ready")["status"] == "True"
