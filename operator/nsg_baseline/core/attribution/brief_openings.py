"""What NSGs without a baseline opened between two readings, from the writes in the Activity Log. Pure.

What such an NSG should have is not approved anywhere, so a rule counts as opened by the write that holds it. Whether
another rule of the NSG denies its traffic is not known.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.attribution.bodies import UnreadableBodyError
from nsg_baseline.core.attribution.brief_incident import BriefFinding
from nsg_baseline.core.attribution.effects import readable_body, writes_tags_alone
from nsg_baseline.core.attribution.writes import Write
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import STRICT, LiveNSG
from nsg_baseline.core.rules import Rule, semantic_key
from nsg_baseline.core.text.exposure_lines import LINES, statuses
from nsg_baseline.core.verdict import judge_unbaselined


@dataclass(frozen=True, slots=True)
class BriefOpening:
    """Rules that an NSG without a baseline had for a while.

    Attributes:
        since, until: from the write that holds them until a write that removes or changes them.
        is_whole: whether the NSG itself was created and deleted.
    """

    rules: tuple[Rule, ...]
    since: datetime
    until: datetime
    is_whole: bool = False


def brief_openings(writes: Iterable[Write], watched_since: datetime) -> tuple[BriefOpening, ...]:
    """Return the rules that were written after a time and removed by a later write, the earliest first.

    Only writes that certainly took effect and whose body is readable count. `writes` are those of one NSG, the earliest
    first.
    """
    present: dict[str, tuple[Rule, datetime]] = {}
    ended: dict[tuple[datetime, datetime], list[Rule]] = {}
    whole: list[BriefOpening] = []
    created_at: datetime | None = None
    for write in writes:
        if write.outcome != "Succeeded" or write.answered is None or write.begun < watched_since:
            continue
        if write.rule is None and "created" in write.statuses:
            created_at = write.answered
        after = _after(write, {name: rule for name, (rule, _) in present.items()})
        removed = [name for name, (rule, _) in present.items() if not _is_same(rule, after.get(name))]
        if write.rule is None and write.deletes and "nocontent" not in write.statuses and created_at is not None:
            rules = {rule.key: rule for rules in ended.values() for rule in rules} | _rules(present)
            whole.append(BriefOpening(tuple(rules.values()), created_at, write.answered, is_whole=True))
            present, ended, created_at = {}, {}, None
            continue
        for name in removed:
            rule, since = present.pop(name)
            ended.setdefault((since, write.answered), []).append(rule)
        present |= {name: (rule, write.answered) for name, rule in after.items() if name not in present}
    openings = [BriefOpening(tuple(rules), since, until) for (since, until), rules in ended.items()]
    return tuple(sorted((*openings, *whole), key=lambda opening: (opening.since, opening.until)))


def finding_of(nsg: NSGId, opening: BriefOpening, severity_config: SeverityConfig) -> BriefFinding | None:
    """Return what to report about an opening; None if a reading would not report it either.

    An NSG that exists on is reported only for what it opens, as in the readings.
    """
    verdict = judge_unbaselined(_live(nsg, opening.rules), severity_config)
    if not verdict.problems and not opening.is_whole:
        return None
    place = f"NSG {nsg.name}"
    exposure = statuses([replace(entry, place=place) for entry in verdict.exposure])[:LINES]
    reason = f"{place}: {verdict.reason}" if verdict.reason else None
    severity = verdict.change.severity
    return BriefFinding((verdict.change,), exposure, severity, reason, opening.since, opening.until, verdict.problems)


def _after(write: Write, present: Mapping[str, Rule]) -> dict[str, Rule]:
    """Return the rules after a write, as far as they are known."""
    try:
        return dict(_written(write, present))
    except UnreadableBodyError:
        return {**present}


def _written(write: Write, present: Mapping[str, Rule]) -> Iterator[tuple[str, Rule]]:
    if write.rule is not None:
        yield from ((name, rule) for name, rule in present.items() if name != write.rule)
        if not write.deletes:
            yield write.rule, readable_body(write).rule_of_rule(write.rule)
    elif not write.deletes and writes_tags_alone(write):
        yield from present.items()
    elif not write.deletes:
        yield from readable_body(write).all_rules().items()


def _is_same(rule: Rule, other: Rule | None) -> bool:
    return other is not None and semantic_key(rule, STRICT) == semantic_key(other, STRICT)


def _rules(present: Mapping[str, tuple[Rule, datetime]]) -> dict[str, Rule]:
    return {name: rule for name, (rule, _) in present.items()}


def _live(nsg: NSGId, rules: tuple[Rule, ...]) -> LiveNSG:
    return LiveNSG(nsg, "", "Succeeded", rules, {}, frozenset(), frozenset(), {})
