"""What of an NSG is not compared, and is reported once when it changes: that it was created again, and the like."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nsg_baseline.api.baseline_status import LastSeen
from nsg_baseline.api.incident import IncidentStatus
from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.decisions.snapshot import Snapshot
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.incident_steps import IncidentNotice, IncidentStep
from nsg_baseline.core.incidents import SUMMARY_LENGTH
from nsg_baseline.core.nsg import LiveNSG
from nsg_baseline.core.restored_document import RULE_PROPERTIES
from nsg_baseline.core.text.phrasing import cut

_NSG = "*"
"""The NSG itself among the names of rules."""
_MOST, _NAME_LENGTH = 50, 200
_SETTLED = ("Succeeded", "Failed", "")
_OF_RULE = RULE_PROPERTIES | {"provisioningState"}
_OF_NSG = frozenset(
    {"provisioningState", "resourceGuid", "securityRules", "defaultSecurityRules", "networkInterfaces", "subnets"}
) | {"flowLogs", "flushConnection"}
_Rules = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Notice:
    """What a reading showed of what is not compared.

    Attributes:
        seen: what to store; the same as before if the report has to wait.
        step: the resolved incident that reports it; None if there is nothing to report now.
        due: when to report what has to wait.
    """

    seen: LastSeen | None
    step: IncidentStep | None = None
    due: datetime | None = None


def decide_notice(snapshot: Snapshot, others: Iterable[IncidentStep | None]) -> Notice:
    """Return what to store and to report. `others` are the other steps of the decision."""
    stored, live = snapshot.baseline.status.last_seen, snapshot.live
    is_response = snapshot.attempt is not None and snapshot.attempt.written
    # The response to a write may be incomplete. An operation that is in progress may still fail.
    if live is None or is_response or live.provisioning_state not in _SETTLED:
        return Notice(stored)
    seen = _seen(snapshot, live, stored)
    if stored is not None and seen == stored:
        return Notice(stored)
    news = list(_news(stored, seen, live.id.name))
    # The same when the decision is repeated after a crash.
    identity = fingerprint("Noted", str(stored.since) if stored is not None else None, news)
    if not news or any(incident.status.fingerprints == (identity,) for incident in snapshot.incidents):
        return Notice(seen)
    step = _step(snapshot, live.id, "; ".join(news), identity)
    names = {incident.metadata.name for incident in snapshot.incidents} | {other.name for other in others if other}
    # Two incidents of one second would have one name.
    return Notice(stored, due=snapshot.now + timedelta(seconds=1)) if step.name in names else Notice(seen, step)


def _seen(snapshot: Snapshot, live: LiveNSG, stored: LastSeen | None) -> LastSeen:
    properties = live.document["properties"]
    approved = {rule.name.lower() for rule in snapshot.baseline.spec.rules}
    rules = {str(rule["name"]): rule["properties"] for rule in properties["securityRules"]}
    rules = {name: rule for name, rule in rules.items() if name.lower() in approved}
    seen = LastSeen(
        since=snapshot.now,
        resource_guid=str(properties.get("resourceGuid") or "")[:64].lower() or None,
        flow_logs=bool(properties.get("flowLogs")),
        failed=tuple(sorted(_failed(live.provisioning_state, rules))[:_MOST]),
        unknown_properties=_merged(stored, _unknown(properties, rules)),
    )
    same = stored is not None and stored == seen.model_copy(update={"since": stored.since})
    return stored if stored is not None and same else seen


def _failed(state: str, rules: _Rules) -> Iterator[str]:
    if state == "Failed":
        yield _NSG
    yield from (name[:_NAME_LENGTH] for name, rule in rules.items() if rule.get("provisioningState") == "Failed")


def _unknown(properties: Mapping[str, Any], rules: _Rules) -> Iterator[str]:
    yield from (name[:_NAME_LENGTH] for name in sorted(properties) if name not in _OF_NSG)
    for rule, fields in sorted(rules.items()):
        yield from (f"{rule}/{name}"[:_NAME_LENGTH] for name in sorted(fields) if name not in _OF_RULE)


def _merged(stored: LastSeen | None, unknown: Iterable[str]) -> tuple[str, ...]:
    # A property that comes and goes is reported once.
    return tuple(dict.fromkeys((*(stored.unknown_properties if stored is not None else ()), *unknown)))[:_MOST]


def _news(stored: LastSeen | None, seen: LastSeen, nsg: str) -> Iterator[str]:
    before = stored or LastSeen(since=seen.since)
    if before.resource_guid and seen.resource_guid and before.resource_guid != seen.resource_guid:
        yield f"NSG {nsg} was deleted and created again"
    if before.flow_logs and not seen.flow_logs:
        yield f"NSG {nsg} has no flow logs any more"
    for name in seen.failed:
        if name not in before.failed:
            subject = f"NSG {nsg}" if name == _NSG else f"rule {name}"
            yield f"the last operation on {subject} failed, so Azure may not apply all of its rules"
    for name in seen.unknown_properties:
        if name not in before.unknown_properties:
            rule, _, field = name.rpartition("/")
            subject = f"rule {rule}" if rule else f"NSG {nsg}"
            yield f"{subject} has the property {field}, which the operator does not know and does not compare"


def _step(snapshot: Snapshot, nsg: NSGId, summary: str, identity: str) -> IncidentStep:
    summary = cut(summary, SUMMARY_LENGTH)
    status = IncidentStatus(
        state="Resolved",
        event="Resolved",
        events=("Resolved",),
        revision=1,
        severity="info",
        highest_severity="info",
        severity_reason="the baseline does not compare it",
        opened_at=snapshot.now,
        updated_at=snapshot.now,
        resolved_at=snapshot.now,
        resolution="Noted",
        summary=summary,
        change_count=0,
        fingerprints=(identity,),
        attribution="NotFound",
    )
    return IncidentStep(snapshot.subject, None, status, str(nsg), (IncidentNotice("NSGNoted", summary, warning=False),))
