"""Drift that began and ended between two readings of an NSG, from the writes in the Activity Log. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.attribution.bodies import UnreadableBodyError
from nsg_baseline.core.attribution.brief_incident import BriefFinding
from nsg_baseline.core.attribution.effects import readable_body, writes_tags_alone
from nsg_baseline.core.attribution.writes import Write
from nsg_baseline.core.changes import tags_fingerprint
from nsg_baseline.core.nsg import ApprovedNSG, LiveNSG
from nsg_baseline.core.rules import Rule, differing_fields, semantic_key
from nsg_baseline.core.text.exposure_lines import statuses
from nsg_baseline.core.tolerations import co_owner_of
from nsg_baseline.core.verdict import judge

_State = Rule | Mapping[str, str] | None
# Names of rules contain no slash.
_WHOLE_NSG, _TAGS = "/nsg", "/tags"


@dataclass(frozen=True, slots=True)
class BriefDrift:
    """A state of one NSG that differed from the approved one.

    Attributes:
        rules: the differing rules by folded name; None for an approved rule that was absent.
        since, until: when it began and ended.
        tags: the tags, if they differed.
        is_deleted: whether the NSG did not exist.
    """

    rules: Mapping[str, Rule | None]
    since: datetime
    until: datetime
    tags: Mapping[str, str] | None = None
    is_deleted: bool = False


def brief_drifts(writes: Iterable[Write], approved: ApprovedNSG, watched_since: datetime) -> tuple[BriefDrift, ...]:
    """Return the drifts that began after a time and that a later write ended, the earliest first.

    Only writes that certainly took effect and whose body is readable count. What still differs after the last write is
    not among them, because the next reading reports it. `writes` are those of one NSG, the earliest first.
    """
    open_parts: dict[str, tuple[_State, datetime]] = {}
    ended: dict[tuple[datetime, datetime], dict[str, _State]] = {}
    for write in writes:
        if write.outcome != "Succeeded" or write.answered is None or write.begun < watched_since:
            continue
        for part, state, drifts in _states(write, approved, open_parts.keys()):
            if drifts:
                open_parts.setdefault(part, (state, write.answered))
            elif part in open_parts:
                seen, since = open_parts.pop(part)
                ended.setdefault((since, write.answered), {})[part] = seen
    return tuple(_drift(parts, since, until) for (since, until), parts in sorted(ended.items(), key=_times))


def finding_of(drift: BriefDrift, approved: ApprovedNSG, severity_config: SeverityConfig) -> BriefFinding | None:
    """Return what to report about a drift; None if it is none, for example because an exception covers it."""
    verdict = judge(approved, _live(drift, approved), drift.since, severity_config)
    if verdict.severity is None:
        return None
    exposure = statuses(verdict.exposure)
    return BriefFinding(verdict.changes, exposure, verdict.severity, verdict.reason, drift.since, drift.until)


def _times(item: tuple[tuple[datetime, datetime], object]) -> tuple[datetime, datetime]:
    return item[0]


def _drift(parts: Mapping[str, _State], since: datetime, until: datetime) -> BriefDrift:
    tags = parts.get(_TAGS)
    rules = {name: state for name, state in parts.items() if state is None or isinstance(state, Rule)}
    is_deleted = _WHOLE_NSG in rules
    rules.pop(_WHOLE_NSG, None)
    return BriefDrift(rules, since, until, tags if isinstance(tags, Mapping) else None, is_deleted)


def _states(write: Write, approved: ApprovedNSG, open_parts: Iterable[str]) -> Iterator[tuple[str, _State, bool]]:
    """Yield the name and the state of each part after a write, and whether the state differs from the approved one."""
    if write.rule is None:
        # A deletion of what does not exist succeeds, too. No write of an NSG succeeds without leaving it there.
        if not write.deletes or "nocontent" not in write.statuses:
            yield _WHOLE_NSG, None, write.deletes
        if write.deletes:
            return
    try:
        if write.rule is not None:
            yield _rule_state(write, write.rule, approved)
            return
        if not writes_tags_alone(write):
            yield from _rule_states(write, approved, open_parts)
        tags = readable_body(write).tags
        yield _TAGS, tags, tags_fingerprint(tags, approved) != tags_fingerprint(approved.tags or {}, approved)
    except UnreadableBodyError:
        return


def _rule_state(write: Write, name: str, approved: ApprovedNSG) -> tuple[str, _State, bool]:
    approved_rules = {rule.key: rule for rule in approved.rules}
    rule = None if write.deletes else readable_body(write).rule_of_rule(name)
    return name, rule, _drifts(rule, approved_rules.get(name), approved, write)


def _rule_states(write: Write, approved: ApprovedNSG, open_parts: Iterable[str]) -> Iterator[tuple[str, _State, bool]]:
    approved_rules, rules = {rule.key: rule for rule in approved.rules}, readable_body(write).all_rules()
    for name in sorted({*rules, *approved_rules, *open_parts} - {_WHOLE_NSG, _TAGS}):
        yield name, rules.get(name), _drifts(rules.get(name), approved_rules.get(name), approved, write)


def _drifts(rule: Rule | None, approved_rule: Rule | None, approved: ApprovedNSG, write: Write) -> bool:
    if rule is None:
        return approved_rule is not None
    key = semantic_key(rule, approved.comparison)
    if any(semantic_key(item.rule, approved.comparison) == key for item in approved.exceptions):
        return False
    if approved_rule is not None:
        return bool(differing_fields(approved_rule, rule, approved.comparison))
    return not write.own and co_owner_of(rule, approved.tolerate, write.caller.name) is None


def _live(drift: BriefDrift, approved: ApprovedNSG) -> LiveNSG | None:
    """Return the approved NSG with the parts of a drift; None if the NSG did not exist."""
    if drift.is_deleted:
        return None
    others = [rule for rule in approved.rules if rule.key not in drift.rules]
    return LiveNSG(
        id=approved.id,
        etag="",
        provisioning_state="Succeeded",
        rules=(*others, *(rule for rule in drift.rules.values() if rule is not None)),
        tags=drift.tags if drift.tags is not None else approved.tags or {},
        subnets=approved.subnets or frozenset(),
        network_interfaces=approved.network_interfaces or frozenset(),
        document={},
    )
