"""What to store about the guardrails after a reconcile of a scope: their incidents, and their own status."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nsg_baseline.api.changes import REASON_LENGTH
from nsg_baseline.api.guardrail_status import SHOWN_VIOLATIONS, TEXT_LENGTH, GuardrailStatus, ViolationStatus
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.incident_changes import Resolution
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core import conditions
from nsg_baseline.core.changes import Change, fingerprint
from nsg_baseline.core.conditions import update_conditions
from nsg_baseline.core.guardrails import Violation
from nsg_baseline.core.ids import NSGId, fold
from nsg_baseline.core.incident_changes import Finding
from nsg_baseline.core.incident_steps import IncidentStep, open_incident
from nsg_baseline.core.incidents import SUMMARY_LENGTH
from nsg_baseline.core.scope_decisions import scope_step, scope_subject
from nsg_baseline.core.text.exposure_lines import box_document
from nsg_baseline.core.text.guardrail_lines import decider, sentence, traffic
from nsg_baseline.core.text.phrasing import counted, cut

NAME_LENGTH = 128


@dataclass(frozen=True, slots=True)
class NSGViolation:
    """A violation, and the NSG that has it."""

    nsg: NSGId
    violation: Violation


@dataclass(frozen=True, slots=True)
class GuardrailResult:
    """One guardrail in one scope.

    Attributes:
        nsgs: number of NSGs that it applies to.
        excepted: folded ids of the NSGs that have an exception now.
        violations: the violations, sorted by NSG.
    """

    description: str = ""
    nsgs: int = 0
    excepted: frozenset[str] = frozenset()
    violations: tuple[NSGViolation, ...] = ()


@dataclass(frozen=True, slots=True)
class GuardrailObservation:
    """The guardrails in one scope after a reconcile.

    Attributes:
        namespace: the operator's, where the incidents are stored: a team must not be able to acknowledge them.
        is_complete: whether the scope was read completely.
        results: by name of the guardrail.
        incidents: all stored incidents about guardrails in the scope.
    """

    now: datetime
    namespace: str
    scope: NSGScope
    is_complete: bool
    results: Mapping[str, GuardrailResult]
    incidents: tuple[NSGIncident, ...] = ()


def decide_guardrails(observation: GuardrailObservation) -> tuple[IncidentStep, ...]:
    """Return the changes of incidents. One incident is about all NSGs of a scope that violate one guardrail."""
    open_incidents = _open_by_guardrail(observation.incidents)
    names = sorted({*observation.results, *open_incidents})
    steps = (_step(observation, name, open_incidents.get(name)) for name in names)
    return tuple(step for step in steps if step is not None)


def violating_nsgs(incidents: Iterable[NSGIncident]) -> Mapping[str, frozenset[str]]:
    """Return the names of guardrails that NSGs violate according to open incidents, by folded NSG id."""
    names: dict[str, frozenset[str]] = {}
    for incident in incidents:
        if incident.spec.guardrail is not None and incident.status.state != "Resolved":
            for nsg in {fold(change.nsg) for change in incident.status.changes if change.nsg}:
                names[nsg] = names.get(nsg, frozenset()) | {incident.spec.guardrail}
    return names


def guardrail_status(
    stored: GuardrailStatus, results: Sequence[GuardrailResult], generation: int, now: datetime
) -> GuardrailStatus:
    """Return the status of a guardrail from its results in all scopes."""
    violations = sorted((entry for result in results for entry in result.violations), key=lambda entry: entry.nsg.key)
    violating = len({entry.nsg.key for entry in violations})
    nsgs = sum(result.nsgs for result in results)
    text = f"checked {counted(nsgs, 'NSG')} in {counted(len(results), 'scope')}"
    return stored.model_copy(
        update={
            "observed_generation": generation,
            "conditions": update_conditions(stored.conditions, [conditions.ready(text)], generation, now),
            "nsgs": nsgs,
            "violating": violating,
            "excepted": sum(len(result.excepted) for result in results),
            "violations": tuple(map(_violation_status, violations[:SHOWN_VIOLATIONS])),
        }
    )


def invalid_guardrail_status(stored: GuardrailStatus, message: str, generation: int, now: datetime) -> GuardrailStatus:
    """Return the status of a guardrail whose spec is invalid. It is not checked."""
    state = conditions.not_ready("InvalidSpec", message)
    return stored.model_copy(
        update={
            "observed_generation": generation,
            "conditions": update_conditions(stored.conditions, [state], generation, now),
            "violations": (),
            "violating": 0,
            "nsgs": 0,
            "excepted": 0,
        }
    )


def _open_by_guardrail(incidents: Iterable[NSGIncident]) -> dict[str, NSGIncident]:
    by_name: dict[str, list[NSGIncident]] = {}
    for incident in incidents:
        if incident.spec.guardrail is not None:
            by_name.setdefault(incident.spec.guardrail, []).append(incident)
    candidates = {name: open_incident(about) for name, about in by_name.items()}
    return {name: incident for name, incident in candidates.items() if incident is not None}


def _step(observation: GuardrailObservation, name: str, incident: NSGIncident | None) -> IncidentStep | None:
    result = observation.results.get(name, GuardrailResult())
    finding = _finding(name, result)
    if not observation.is_complete and (finding is None or not _contains_stored(finding, incident)):
        # What was not read may violate the guardrail as before.
        return None
    subject = replace(scope_subject("Guardrail", observation.namespace, observation.scope), guardrail=name)
    return scope_step(subject, incident, finding, _resolution(observation, name, incident), observation.now)


def _contains_stored(finding: Finding, incident: NSGIncident | None) -> bool:
    stored = incident.status.fingerprints if incident is not None else ()
    return set(stored) <= set(finding.fingerprints)


def _resolution(observation: GuardrailObservation, name: str, incident: NSGIncident | None) -> Resolution:
    """Return how an incident without violations ended: by an exception, with the guardrail, or by a change in Azure."""
    result = observation.results.get(name)
    if result is None:
        return "TargetRemoved"
    violating = (
        {fold(change.nsg) for change in incident.status.changes if change.nsg} if incident is not None else set()
    )
    return "Approved" if violating and violating <= result.excepted else "Reverted"


def _finding(name: str, result: GuardrailResult) -> Finding | None:
    if not result.violations:
        return None
    changes = tuple(_change(name, entry) for entry in result.violations)
    first = result.violations[0]
    reason = f"guardrail {name} forbids it" if first.violation.effect == "Allowed" else f"guardrail {name} requires it"
    purpose = f": {result.description}" if result.description else ""
    return Finding(changes, reason=cut(f"{reason}{purpose}", REASON_LENGTH), summary=_summary(name, result))


def _summary(name: str, result: GuardrailResult) -> str:
    first, others = result.violations[0], len(result.violations) - 1
    nsg = f"NSG {first.nsg.name} ({first.nsg.resource_group})"
    more = f" (and {counted(others, 'more violation')})" if others else ""
    return cut(f"guardrail {name} is violated: {nsg}: {sentence(first.violation)}{more}", SUMMARY_LENGTH)


def _change(name: str, entry: NSGViolation) -> Change:
    violation = entry.violation
    rule = decider(violation)
    boxes = [box_document(box) for box in violation.boxes]
    identity = fingerprint("GuardrailViolated", name, entry.nsg.key, violation.clause, rule, boxes)
    return Change(
        "GuardrailViolated",
        rule,
        identity,
        live=violation.rule.document if violation.rule is not None else None,
        severity=violation.severity,
        nsg=str(entry.nsg),
    )


def _violation_status(entry: NSGViolation) -> ViolationStatus:
    violation, rule = entry.violation, decider(entry.violation)
    return ViolationStatus(
        nsg=str(entry.nsg),
        clause=violation.clause,
        effect=violation.effect,
        rule=cut(rule, NAME_LENGTH) if rule is not None else None,
        text=cut(traffic(violation), TEXT_LENGTH),
    )
