"""A baseline that is applied before its NSG is made, and one that may not speak any more."""

from pathlib import Path

import pytest

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.core.assignment import Refusal, RefusalReason
from nsg_baseline.engine.cleanup import resolve_orphans
from tests.support.chats import serving
from tests.support.in_process_operator import API, in_process_operator
from tests.support.rule_shorthand import terse

WEB = [terse("100 web allow tcp Internet -> *:443")]
SSH = terse("200 open-ssh allow tcp Internet -> *:22")


def _reason(operator: object, kind: str) -> str | None:
    conditions = operator.baseline("web").status.conditions  # type: ignore[attr-defined]  # a Home
    return next((condition.reason for condition in conditions if condition.type == kind), None)


async def test_an_nsg_that_was_never_there_is_waited_for(tmp_path: Path) -> None:
    # In GitOps both are merged at once, and Terraform takes its time: nobody deleted anything.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.edit("NSGBaseline", "web", {"rolloutGrace": "30m"}, "team-web")
        operator.azure.nsgs = {}
        await operator.reconcile()
        operator.clock.pass_by(minutes=29)
        await operator.reconcile()
        assert _reason(operator, "Compliant") == "AwaitingRollout"
        assert list(operator.records.incidents.all()) == []
        operator.clock.pass_by(minutes=1)
        await operator.reconcile()
        (incident,) = operator.records.incidents.all()
        assert [change.kind for change in incident.status.changes] == ["NSGDeleted"]


async def test_what_is_made_otherwise_than_declared_is_told_at_once(tmp_path: Path) -> None:
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        await operator.edit("NSGBaseline", "web", {"rolloutGrace": "30m"}, "team-web")
        operator.azure.nsgs = {}
        await operator.reconcile()
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        (incident,) = operator.records.incidents.all()
        assert [change.rule for change in incident.status.changes] == ["open-ssh"]


@pytest.mark.parametrize("matched_first", [True, False])
async def test_an_nsg_that_was_there_is_missed_at_once(tmp_path: Path, *, matched_first: bool) -> None:
    # Whether it ever matched or not: it was seen, and it is gone.
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
async def test_what_nobody_may_speak_of_any_more_is_over(tmp_path: Path, reason: RefusalReason, *, ends: bool) -> None:
    # Nobody will look at that NSG for this baseline again: its incident would be reminded of for ever. What may be
    # back in a minute, such as a scope that is applied again, ends no incident.
    async with serving() as chats, in_process_operator(tmp_path, {"web": WEB}, chats.urls("a")["urls"]) as operator:
        operator.azure.nsgs = {"web": [*WEB, SSH]}
        await operator.reconcile()
        await resolve_orphans(operator.records, {ObjectKey("team-web", "web"): Refusal(reason, "no")}, operator.clock())
        (incident,) = operator.records.incidents.all()
        assert incident.status.resolution == ("TargetRemoved" if ends else None)


async def test_a_scope_that_is_gone_for_a_minute_ends_nothing(tmp_path: Path) -> None:
    # While it is applied again, a wider scope covers its NSGs and does not allow this namespace.
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
