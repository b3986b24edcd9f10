"""Drift that began and ended between two readings of an NSG, from the writes in the Activity Log. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nsg_baseline.api.incident import IncidentStatus, NSGIncident
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.attribution.bodies import UnreadableBodyError
from nsg_baseline.core.attribution.effects import readable_body, writes_tags_alone
from nsg_baseline.core.attribution.writes import Write
from nsg_baseline.core.incident_changes import Finding
from nsg_baseline.core.incidents import opened_or_updated, resolved
from nsg_baseline.core.nsg import ApprovedNSG, LiveNSG
from nsg_baseline.core.rules import Rule, differing_fields, semantic_key
from nsg_baseline.core.text.exposure_lines import statuses
from nsg_baseline.core.text.rule_lines import summary
from nsg_baseline.core.tolerations import co_owner_of
from nsg_baseline.core.verdict import Verdict, judge

SEEN_WITHIN = timedelta(minutes=1)
"""An incident that opens this soon after the end of a drift is about that drift: a listing takes a while."""


@dataclass(frozen=True, slots=True)
class BriefDrift:
    """Rules of one NSG that differed from the approved ones.

    Attributes:
        rules: the rules by folded name; None for an approved rule that was absent.
        since, until: when it began and ended.
    """

    rules: Mapping[str, Rule | None]
    since: datetime
    until: datetime


def brief_drifts(writes: Iterable[Write], approved: ApprovedNSG, watched_since: datetime) -> tuple[BriefDrift, ...]:
    """Return the drifts that began after a time and that a later write ended, the earliest first.

    Only writes that certainly took effect and whose body is readable count. What still differs after the last write is
    not among them, because the next reading reports it. `writes` are those of one NSG, the earliest first.
    """
    open_rules: dict[str, tuple[Rule | None, datetime]] = {}
    ended: dict[tuple[datetime, datetime], dict[str, Rule | None]] = {}
    for write in writes:
        if write.outcome != "Succeeded" or write.answered is None or write.begun < watched_since:
            continue
        for key, rule, drifts in _states(write, approved, open_rules.keys()):
            if drifts:
                open_rules.setdefault(key, (rule, write.answered))
            elif key in open_rules:
                seen, since = open_rules.pop(key)
                ended.setdefault((since, write.answered), {})[key] = seen
    return tuple(BriefDrift(rules, since, until) for (since, until), rules in sorted(ended.items()))


def incident_of(
    drift: BriefDrift,
    approved: ApprovedNSG,
    incidents: Iterable[NSGIncident],
    interval: timedelta,
    severity_config: SeverityConfig,
) -> IncidentStatus | None:
    """Return the state of the resolved incident about a drift; None if one of the baseline's incidents covers it.

    `interval` is that of the readings.
    """
    verdict = judge(approved, _live(drift, approved), drift.since, severity_config)
    if verdict.compliant or any(_covers(incident, drift, verdict, interval) for incident in incidents):
        return None
    finding = Finding(
        verdict.changes,
        statuses(verdict.exposure),
        severity=verdict.severity,
        reason=verdict.reason,
        summary=f"{summary(verdict.changes)}, between two readings",
    )
    opened = opened_or_updated(IncidentStatus(), finding, drift.since)
    return resolved(opened, "Reverted", None, drift.until)


def _states(write: Write, approved: ApprovedNSG, open_rules: Iterable[str]) -> Iterator[tuple[str, Rule | None, bool]]:
    """Yield the state of rules after a write: folded name, rule, and whether it differs from the approved one."""
    approved_rules = {rule.key: rule for rule in approved.rules}
    try:
        if write.rule is None and (write.deletes or writes_tags_alone(write)):
            return
        if write.rule is not None:
            rule = None if write.deletes else readable_body(write).rule_of_rule(write.rule)
            yield write.rule, rule, _drifts(rule, approved_rules.get(write.rule), approved, write)
            return
        rules = readable_body(write).all_rules()
    except UnreadableBodyError:
        return
    for key in sorted({*rules, *approved_rules, *open_rules}):
        yield key, rules.get(key), _drifts(rules.get(key), approved_rules.get(key), approved, write)


def _drifts(rule: Rule | None, approved_rule: Rule | None, approved: ApprovedNSG, write: Write) -> bool:
    if rule is None:
        return approved_rule is not None
    key = semantic_key(rule, approved.comparison)
    if any(semantic_key(item.rule, approved.comparison) == key for item in approved.exceptions):
        return False
    if approved_rule is not None:
        return bool(differing_fields(approved_rule, rule, approved.comparison))
    return not write.own and co_owner_of(rule, approved.tolerate, write.caller.name) is None


def _live(drift: BriefDrift, approved: ApprovedNSG) -> LiveNSG:
    """Return the approved NSG with the rules of a drift."""
    others = [rule for rule in approved.rules if rule.key not in drift.rules]
    return LiveNSG(
        id=approved.id,
        etag="",
        provisioning_state="Succeeded",
        rules=(*others, *(rule for rule in drift.rules.values() if rule is not None)),
        tags=approved.tags or {},
        subnets=approved.subnets or frozenset(),
        network_interfaces=approved.network_interfaces or frozenset(),
        document={},
    )


def _covers(incident: NSGIncident, drift: BriefDrift, verdict: Verdict, interval: timedelta) -> bool:
    """Say whether a reading saw a drift, or this drift is reported already."""
    opened_at, resolved_at = incident.status.opened_at, incident.status.resolved_at
    if opened_at is None or opened_at > drift.until + SEEN_WITHIN or (resolved_at or drift.until) < drift.since:
        return False
    if {change.fingerprint for change in verdict.changes} & set(incident.status.fingerprints):
        return True
    # An open incident no longer lists the changes that ended, but a reading saw what lasted longer than the interval.
    return drift.until - max(drift.since, opened_at) > interval + SEEN_WITHIN
