"""A baseline whose NSG does not exist, and an NSG that its baseline may no longer manage."""

from pathlib import Path

import pytest

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.core.assignment import Refusal, RefusalReason
from nsg_baseline.engine.cleanup import resolve_orphans
from tests.support.chats import serving
from tests.support.in_process_operator import API, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")


def _condition_reason(operator: object, kind: str) -> str | None:
    conditions = operator.baseline("web").status.conditions  # type: ignore[attr-defined]  # a Home
    return next((condition.reason for condition in conditions if condition.type == kind), None)


async def test_an_nsg_that_never_existed_is_awaited_during_the_grace_period(tmp_path: Path) -> None:
    # With GitOps the baseline may be applied before Terraform creates the NSG. The NSG was not deleted.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.edit("NSGBaseline", "web", {"rolloutGrace": "30m"}, "team-web")
        operator.azure.nsgs = {}
        await operator.reconcile()
        operator.clock.advance(minutes=29)
        await operator.reconcile()
        assert _condition_reason(operator, "Compliant") == "AwaitingRollout"
        assert list(operator.records.incidents.all()) == []
        operator.clock.advance(minutes=1)
        await operator.reconcile()
        (incident,) = operator.records.incidents.all()
        assert [change.kind for change in incident.status.changes] == ["NSGDeleted"]


async def test_a_new_nsg_that_differs_from_its_baseline_is_reported_at_once(tmp_path: Path) -> None:
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.edit("NSGBaseline", "web", {"rolloutGrace": "30m"}, "team-web")
        operator.azure.nsgs = {}
        await operator.reconcile()
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        (incident,) = operator.records.incidents.all()
        assert [change.rule for change in incident.status.changes] == ["open-ssh"]


@pytest.mark.parametrize("matched_first", [True, False])
async def test_an_nsg_that_existed_is_reported_as_deleted_at_once(tmp_path: Path, *, matched_first: bool) -> None:
    # It was observed before, so its absence is a deletion, even if it never matched.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.edit("NSGBaseline", "web", {"rolloutGrace": "30m"}, "team-web")
        operator.azure.nsgs = {"web": WEB if matched_first else [*WEB, SSH]}
        await operator.reconcile()
        await operator.refresh()
        operator.azure.nsgs = {}
        await operator.reconcile()
        (incident,) = operator.records.incidents.all()
        assert "NSGDeleted" in {change.kind for change in incident.status.changes}


@pytest.mark.parametrize(
    ("reason", "ends"),
    [
        ("NamespaceNotAllowed", True),
        ("Conflict", True),
        ("TooManyBaselines", True),
        ("NoScope", False),
        ("InvalidSpec", False),
    ],
)
async def test_an_incident_of_a_lost_claim_is_resolved(tmp_path: Path, reason: RefusalReason, *, ends: bool) -> None:
    # No reconcile judges that NSG for this baseline any more, so reminders of its incident would never end. A cause
    # that may pass in a minute, such as a scope that is applied again, resolves no incident.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        await resolve_orphans(operator.records, {ObjectKey("team-web", "web"): Refusal(reason, "no")}, operator.clock())
        (incident,) = operator.records.incidents.all()
        assert incident.status.resolution == ("TargetRemoved" if ends else None)


async def test_a_scope_that_is_applied_again_resolves_no_incident(tmp_path: Path) -> None:
    # In the meantime a wider scope covers its NSGs and does not allow this namespace.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        operator.api.delete(API, "NSGScope", "production")
        await operator.refresh()
        await resolve_orphans(
            operator.records, {ObjectKey("team-web", "web"): Refusal("NamespaceNotAllowed", "no")}, operator.clock()
        )
        (incident,) = operator.records.incidents.all()
        assert incident.status.state == "Open"
