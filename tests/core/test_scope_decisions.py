"""What a decision says about a scope: its conditions and its incidents."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.conditions import permissions
from nsg_baseline.core.ids import fold
from nsg_baseline.core.observations import Failure, UnbaselinedNSG
from nsg_baseline.core.scope_decisions import (
    ScopeCounts,
    ScopeDecision,
    ScopeObservation,
    decide_scope,
    invalid_scope_status,
)
from nsg_baseline.core.verdict import judge_unbaselined
from tests.support.decisions import API, SSH, live, scope
from tests.support.nsgs import NOW, NSG, rule
from tests.support.rules import Document

MINUTE = timedelta(minutes=1)
FORBIDDEN = Failure("Forbidden", "the identity may not read")
OPERATOR = "nsg-baseline-system"


def observation(**fields: Any) -> ScopeObservation:
    """Return a complete reading of a scope with three NSGs."""
    spec = fields.pop("spec", {})
    values = {
        "now": NOW,
        "namespace": OPERATOR,
        "scope": scope(**spec),
        "failure": None,
        "counts": ScopeCounts(nsgs=3, baselines=2, drifted=1),
    }
    return ScopeObservation(**{**values, **fields})


def carry_out(before: ScopeObservation, decision: ScopeDecision) -> ScopeObservation:
    """Return the next observation of the same world after a decision was stored."""
    stored = {incident.spec.kind: incident for incident in before.incidents}
    for step in decision.incidents:
        document = {
            "apiVersion": API,
            "kind": "NSGIncident",
            "metadata": {"name": step.name, "namespace": OPERATOR},
            "spec": step.subject.spec().model_dump(by_alias=True, exclude_none=True),
        }
        incident = NSGIncident.model_validate(document)
        stored[step.subject.kind] = incident.model_copy(update={"status": step.status})
    after = before.scope.model_copy(update={"status": decision.status})
    return replace(before, scope=after, incidents=tuple(stored.values()))


def unbaselined(name: str = "web", *rules: Document) -> UnbaselinedNSG:
    verdict = judge_unbaselined(live(*(rules or (SSH,)), id=NSG.replace("/web", f"/{name}")))
    return UnbaselinedNSG(verdict.change, reason=verdict.reason, problems=verdict.problems)


def states(decision: ScopeDecision) -> list[tuple[str, str, str]]:
    return [(state.type, state.status, state.reason) for state in decision.status.conditions]


def kinds(decision: ScopeDecision) -> list[tuple[str, str | None]]:
    return [(step.subject.kind, step.status.event) for step in decision.incidents]


def test_a_complete_reading_is_ready_and_counted() -> None:
    decision = decide_scope(observation())
    assert states(decision) == [("Ready", "True", "Succeeded")]
    assert decision.incidents == ()
    status = decision.status
    assert (status.nsgs, status.baselines, status.drifted, status.unbaselined) == (3, 2, 1, 0)


def test_a_failure_is_reported_at_once_and_nothing_is_concluded() -> None:
    # After an incomplete listing the counts of the last complete reading stay, and no incident ends.
    before = observation(unbaselined=(unbaselined(),))
    before = carry_out(before, decide_scope(before))
    failed = decide_scope(replace(before, failure=FORBIDDEN, unbaselined=(), counts=ScopeCounts(0, 0, 0)))
    assert states(failed) == [("Ready", "False", "Forbidden")]
    assert (failed.status.nsgs, failed.status.unbaselined) == (3, 1)
    assert failed.incidents == ()


@pytest.mark.parametrize(
    ("interval", "lost_after"),
    [("60s", 3 * MINUTE), ("10s", timedelta(seconds=30)), ("5m", 10 * MINUTE), ("24h", 10 * MINUTE)],
)
def test_a_scope_that_stays_unreadable_opens_an_incident(interval: str, lost_after: timedelta) -> None:
    # After three intervals, at most ten minutes, counted from the first failure. Later failures do not extend the time.
    world = observation(spec={"interval": interval}, failure=FORBIDDEN)
    for moment in (NOW, NOW + lost_after / 2, NOW + lost_after - timedelta(seconds=1)):
        world = replace(world, now=moment, failure=Failure("Timeout", "no answer"))
        decision = decide_scope(world)
        assert decision.incidents == ()
        world = carry_out(world, decision)
    lost = decide_scope(replace(world, now=NOW + lost_after))
    assert kinds(lost) == [("WatchLost", "Opened")]
    (step,) = lost.incidents
    assert step.status.severity == "high"
    assert [notice.reason for notice in step.notices] == ["WatchLostOpened"]
    assert "Timeout" in step.notices[0].message
    again = carry_out(world, lost)
    back = decide_scope(replace(again, failure=None, now=NOW + lost_after + MINUTE))
    assert [(step.subject.kind, step.status.resolution) for step in back.incidents] == [("WatchLost", "Reverted")]


def test_a_complete_reading_resets_the_time_of_failure() -> None:
    # Single failures of Azure are normal.
    world = observation(failure=FORBIDDEN)
    for minute in range(9):
        moment = NOW + minute * MINUTE
        world = replace(world, now=moment, failure=FORBIDDEN if minute % 2 else None)
        decision = decide_scope(world)
        assert decision.incidents == ()
        world = carry_out(world, decision)


def test_unbaselined_nsgs_are_one_incident_the_highest_severity_first() -> None:
    quiet = UnbaselinedNSG(replace(unbaselined("quiet").change, severity="low"))
    world = observation(unbaselined=(quiet, unbaselined("open")))
    decision = decide_scope(world)
    assert kinds(decision) == [("Unbaselined", "Opened")]
    (step,) = decision.incidents
    assert [fold(change.nsg or "").rpartition("/")[2] for change in step.status.changes] == ["open", "quiet"]
    assert decide_scope(carry_out(world, decision)).incidents == ()
    more = replace(carry_out(world, decision), unbaselined=(*world.unbaselined, unbaselined("new")))
    assert kinds(decide_scope(more)) == [("Unbaselined", "Updated")]


def internet(name: str, ports: str) -> Document:
    return rule(name, priority=300, sourceAddressPrefix="Internet", destinationPortRange=ports)


PRIVATE, HTTPS, RDP = rule("web"), internet("web", "443"), internet("rdp", "3389")


@pytest.mark.parametrize(
    ("before", "after", "is_news"),
    [
        (PRIVATE, SSH, True),
        (PRIVATE, HTTPS, True),
        (SSH, RDP, True),
        (SSH, internet("all", "*"), True),
        (internet("one", "8080"), internet("two", "8080-8090"), True),
        (internet("all", "*"), SSH, False),
        (SSH, PRIVATE, False),
        (HTTPS, rule("web", priority=200), False),
        (SSH, internet("another-name", "22"), False),
    ],
)
def test_more_exposure_of_an_unbaselined_nsg_is_a_new_revision(
    before: Document,
    after: Document,
    is_news: bool,  # noqa: FBT001 - a case
) -> None:
    # An incident about NSGs that are worse must not hide it, and what is closed must not wake anybody.
    open_nsg = unbaselined("open", internet("all", "*"))
    world = observation(unbaselined=(unbaselined("web", before), open_nsg))
    world = carry_out(world, decide_scope(world))
    changed = decide_scope(replace(world, unbaselined=(unbaselined("web", after), open_nsg)))
    assert any(step.notices for step in changed.incidents) == is_news
    # A step without its incident would open a second one.
    assert all(step.stored in world.incidents for step in changed.incidents)


@pytest.mark.parametrize(
    ("baselines", "resolution"), [(frozenset({NSG.lower()}), "Approved"), (frozenset(), "TargetRemoved")]
)
def test_how_an_incident_about_unbaselined_nsgs_ends(baselines: frozenset[str], resolution: str) -> None:
    # An NSG leaves the incident when it has a baseline, is ignored, or is deleted.
    world = observation(unbaselined=(unbaselined(),))
    world = replace(carry_out(world, decide_scope(world)), unbaselined=(), baselines=baselines)
    (step,) = decide_scope(world).incidents
    assert step.status.resolution == resolution


def test_missing_permissions_are_a_condition_beside_ready() -> None:
    missing = permissions("False", "MissingRights", "the identity lacks networkSecurityGroups/write")
    decision = decide_scope(observation(permissions=missing))
    assert states(decision) == [("Ready", "True", "Succeeded"), ("Permitted", "False", "MissingRights")]


def test_an_unchanged_scope_writes_nothing() -> None:
    world = observation(unbaselined=(unbaselined(),), failure=None)
    first = decide_scope(world)
    second = decide_scope(replace(carry_out(world, first), now=NOW + MINUTE))
    assert second.status == first.status
    assert second.incidents == ()


def test_an_invalid_scope_names_the_field() -> None:
    status = invalid_scope_status(scope().status, "spec.interval: too short", 2, NOW)
    (state,) = status.conditions
    assert (state.type, state.status, state.reason) == ("Ready", "False", "InvalidSpec")
    assert "spec.interval" in state.message


def test_nsgs_that_could_not_be_judged_are_counted_in_the_ready_condition() -> None:
    # The rest of the scope is watched, so it is Ready, but the message must say that some NSGs are not.
    counts = ScopeCounts(nsgs=3, baselines=2, drifted=0, unreadable=2, failed=1)
    (state,) = decide_scope(observation(counts=counts)).status.conditions
    assert (state.status, state.reason) == ("True", "Succeeded")
    assert "2 elements of the listing have no valid NSG id" in state.message
    assert "1 NSG could not be judged because of an internal error" in state.message
