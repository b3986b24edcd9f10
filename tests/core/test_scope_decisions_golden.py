"""All of what a decision about a scope stores and posts, as text."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from nsg_baseline.api.common import REQUESTED_AT
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.conditions import permissions
from nsg_baseline.core.observations import Failure, UnbaselinedNSG
from nsg_baseline.core.scope_decisions import (
    ScopeCounts,
    ScopeDecision,
    ScopeObservation,
    decide_scope,
    invalid_scope_status,
    lost_after,
)
from nsg_baseline.core.text.exposure_lines import statuses
from nsg_baseline.core.verdict import judge_unbaselined
from tests.support.decision_text import model, steps, yaml_text
from tests.support.decisions import API, SSH, live, scope
from tests.support.golden import compare
from tests.support.nsgs import NOW, NSG, rule
from tests.support.rules import Document

GOLDEN = Path(__file__).with_name("golden")
MINUTE = timedelta(minutes=1)
OPERATOR = "nsg-baseline-system"
COUNTS = ScopeCounts(nsgs=3, baselines=2, drifted=1)


def _observation(**spec: Any) -> ScopeObservation:
    return ScopeObservation(NOW, OPERATOR, scope(**spec), None, COUNTS)


def _unbaselined(name: str, *rules: Document) -> UnbaselinedNSG:
    verdict = judge_unbaselined(live(*rules, id=NSG.replace("/web", f"/{name}")))
    return UnbaselinedNSG(verdict.change, statuses(verdict.exposure), verdict.reason, verdict.problems)


def _stored(decision: ScopeDecision, **spec: Any) -> tuple[NSGIncident, ...]:
    return tuple(
        NSGIncident.model_validate(
            {
                "apiVersion": API,
                "kind": "NSGIncident",
                "metadata": {"name": step.name, "namespace": OPERATOR},
                "spec": {**step.subject.spec().model_dump(by_alias=True, exclude_none=True), **spec},
            }
        ).model_copy(update={"status": step.status})
        for step in decision.incidents
    )


def _after(before: ScopeObservation, decision: ScopeDecision, **fields: Any) -> ScopeObservation:
    stored = before.scope.model_copy(update={"status": decision.status})
    return replace(before, scope=stored, **{"incidents": _stored(decision), "now": NOW + MINUTE, **fields})


def _annotated(before: ScopeObservation, **annotations: str) -> ScopeObservation:
    metadata = before.scope.metadata.model_copy(update={"annotations": annotations, "generation": 4})
    return replace(before, scope=before.scope.model_copy(update={"metadata": metadata}))


def _text(observation: ScopeObservation) -> dict[str, Any]:
    decision = decide_scope(observation)
    return {"status": model(decision.status), "incidents": steps(decision.incidents)}


def test_decisions_about_a_scope_as_a_whole() -> None:
    # A text or a number that no other test looks at is still read by somebody.
    two = replace(
        _observation(), unbaselined=(_unbaselined("quiet", rule("web")), _unbaselined("Open", SSH), _unbaselined("a"))
    )
    opened = decide_scope(two)
    acknowledged = {"acknowledged": {"by": "jo@example.com", "note": "seen"}}
    failing = replace(_observation(), failure=Failure("Forbidden", "the identity may not read"))
    first = decide_scope(failing)
    lost = _after(failing, first, now=NOW + 3 * MINUTE, failure=Failure("Timeout", "no answer"))
    opened_lost = decide_scope(lost)
    texts = {
        "in order": _observation(),
        "requested, with tags and permissions": replace(
            _annotated(_observation(maxMode="Enforce"), **{REQUESTED_AT: "2026-11-25T11:59:00Z"}),
            service_tags=71,
            permissions=permissions("False", "MissingRights", "the identity lacks networkSecurityGroups/write"),
        ),
        "enforcement is suspended": _observation(maxMode="Enforce", suspendEnforcement=True),
        "one could not be judged": replace(_observation(), counts=replace(COUNTS, unreadable=1, failed=1)),
        "some could not be judged": replace(_observation(), counts=replace(COUNTS, unreadable=2, failed=3)),
        "NSGs without a baseline": two,
        "the same again": _after(two, opened),
        "one is worse": _after(two, opened, unbaselined=(*two.unbaselined, _unbaselined("rdp", SSH))),
        "acknowledged": _after(two, opened, incidents=_stored(opened, **acknowledged)),
        "one of them has a baseline": _after(
            two, opened, unbaselined=(), baselines=frozenset({NSG.lower().replace("/web", "/open")})
        ),
        "they are gone": _after(two, opened, unbaselined=(), baselines=frozenset({NSG.lower()})),
        "not readable": failing,
        "not readable, NSGs were counted": _after(two, opened, failure=failing.failure, unbaselined=()),
        "still not readable": lost,
        "still not readable, again": _after(lost, opened_lost, now=NOW + 4 * MINUTE),
        "not readable for another reason": _after(
            lost, opened_lost, now=NOW + 4 * MINUTE, failure=Failure("Forbidden", "x" * 3000)
        ),
        "readable again": _after(lost, opened_lost, failure=None, now=NOW + 5 * MINUTE),
    }
    compare(GOLDEN / "scope-decisions.yaml", yaml_text({why: _text(taken) for why, taken in texts.items()}))


def test_an_invalid_scope_keeps_the_rest_of_its_status() -> None:
    # The counts of the last reading are still the best that is known.
    stored = decide_scope(_observation()).status
    status = invalid_scope_status(stored, "spec.interval: too short", 2, NOW + MINUTE)
    (ready,) = status.conditions
    assert (ready.reason, ready.message, ready.observed_generation) == ("InvalidSpec", "spec.interval: too short", 2)
    assert ready.last_transition_time == NOW + MINUTE
    assert (status.observed_generation, status.nsgs) == (2, 3)


def test_a_scope_is_lost_after_three_intervals_and_ten_minutes_at_most() -> None:
    # The documentation promises both.
    intervals = {interval: lost_after(scope(interval=interval)) for interval in ("10s", "1m", "4m", "24h")}
    assert intervals == {"10s": timedelta(seconds=30), "1m": 3 * MINUTE, "4m": 10 * MINUTE, "24h": 10 * MINUTE}
