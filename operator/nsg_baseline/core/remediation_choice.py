"""Which changes one write reverts: as few as its limits allow, and as many as critical openings need.

A harmless change can be in the way of a critical one: it has the priority that an approved rule needs, or the NSG has
no room. Such a change is reverted as well, whatever the limits of the remediation are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from nsg_baseline.core import remediation_limits
from nsg_baseline.core.assessment import SeverityConfig, decides
from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import LiveNSG, parse_live
from nsg_baseline.core.remediation_limits import Refused, refused_changes
from nsg_baseline.core.restored_document import restored_document
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.severity import opens_management, rate
from nsg_baseline.core.text.exposure_lines import ExposureEntry
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.tags import TagTable

_Slot = tuple[str, int]
"""A direction and a priority, which one rule of an NSG can have."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The changes that a write reverts, and those that it must not revert."""

    reverted: tuple[Change, ...]
    refused: tuple[Refused, ...] = ()

    @property
    def urgent_refused(self) -> int:
        """The number of changes with critical traffic that are not reverted."""
        return sum(item.change.urgent for item in self.refused)


def choose(
    live: LiveNSG,
    expected: Sequence[Rule],
    wanted: Sequence[Change],
    candidates: Sequence[Change],
    pool: Sequence[Change],
    severity_config: SeverityConfig,
) -> Choice:
    """Return what a write reverts.

    Args:
        live: the NSG as it was read for the write.
        expected: the rules that are approved, excepted or tolerated.
        wanted: the changes that are reverted if nothing prevents it.
        candidates: all changes that may be reverted once they are confirmed.
        pool: all changes of the kinds that may be reverted, also those that merely deny more.
        severity_config: the severity policy, and addresses of service tags.
    """
    while True:
        choice = _with_few_refused(live, expected, wanted, candidates, pool, severity_config.tags)
        # A rule behind the one that is removed now would be the next critical opening, and each write counts.
        unveiled = _unveiled(live, expected, choice, pool, severity_config)
        if not unveiled:
            return choice
        urgent = {change.fingerprint for change in unveiled}
        kept = {change.fingerprint: change for change in wanted}
        pool = [replace(change, urgent=change.urgent or change.fingerprint in urgent) for change in pool]
        wanted = [change for change in pool if change.fingerprint in urgent or change.fingerprint in kept]


def _with_few_refused(
    live: LiveNSG,
    expected: Sequence[Rule],
    wanted: Sequence[Change],
    candidates: Sequence[Change],
    pool: Sequence[Change],
    tags: TagTable | None,
) -> Choice:
    """Return the smallest choice that refuses no urgent change, or else the one that refuses the fewest."""
    choice = _possible(live, expected, wanted, tags)
    for changes in (wanted, [*wanted, *candidates], pool):
        chosen = _with_obstacles(live, changes, pool)
        while choice.urgent_refused and chosen:
            wider = _possible(live, expected, chosen, tags)
            if wider.urgent_refused < choice.urgent_refused:
                choice = wider
            chosen = _with_deciders(live, chosen, wider.refused, pool)
    return choice


def _with_deciders(
    live: LiveNSG, changes: Sequence[Change], refused: Iterable[Refused], pool: Sequence[Change]
) -> list[Change]:
    """Return changes together with those of the rules that decide what the write would open; empty if that adds none.

    An allow rule that another rule hides is such a rule. It opens nothing as long as it is hidden.
    """
    deciders = {rule.lower() for item in refused for rule in item.deciders}
    chosen = {change.fingerprint for change in changes}
    added = [change for change in pool if (change.rule or "").lower() in deciders and change.fingerprint not in chosen]
    return _with_obstacles(live, [*changes, *added], pool) if added else []


def _unveiled(
    live: LiveNSG, expected: Sequence[Rule], choice: Choice, pool: Sequence[Change], severity_config: SeverityConfig
) -> list[Change]:
    """Return the changes that are part of a critical opening once the others are reverted."""
    decided = (*choice.reverted, *(item.change for item in choice.refused))
    fingerprints = {change.fingerprint for change in decided}
    rest = [change for change in pool if change.fingerprint not in fingerprints]
    if not rest or not choice.reverted:
        return []
    after = parse_live(restored_document(live, choice.reverted)).rules
    left = exposure(expected, after, tags=severity_config.tags)
    if not left.exact:
        return [change for change in rest if change.opens]
    if rate(left.entries, severity_config.policy).severity != "critical":
        return []
    own = {
        change.fingerprint: [entry for entry in left.entries if decides(change, ExposureEntry(entry))]
        for change in rest
    }
    policy = severity_config.policy
    critical = [change for change in rest if rate(own[change.fingerprint], policy).severity == "critical"]
    return critical or [change for change in rest if opens_management(own[change.fingerprint], policy)]


def _possible(live: LiveNSG, expected: Sequence[Rule], changes: Sequence[Change], tags: TagTable | None) -> Choice:
    """Leave out the changes that a write must not revert. Each that is left out may be in the way of others."""
    refused: list[Refused] = []
    while changes and (also := refused_changes(live, expected, changes, tags)):
        refused += also
        left_out = {item.change.fingerprint for item in also}
        changes = [change for change in changes if change.fingerprint not in left_out]
    return Choice(tuple(changes), tuple(refused))


def _with_obstacles(live: LiveNSG, changes: Sequence[Change], pool: Sequence[Change]) -> list[Change]:
    """Return changes together with what is in the way of the urgent ones, in the order of the pool."""
    chosen = {change.fingerprint for change in changes}
    chosen |= {change.fingerprint for change in _in_their_priorities(live, changes, pool)}
    excess = len(live.rules) - remediation_limits.MAX_RULES
    for change in pool:
        if change.fingerprint in chosen:
            excess += (change.kind == "RuleDeleted") - (change.kind == "RuleCreated")
    removable = [change for change in pool if change.kind == "RuleCreated" and change.fingerprint not in chosen]
    chosen |= {change.fingerprint for change in removable[: max(0, excess)]}
    return [change for change in pool if change.fingerprint in chosen]


def _in_their_priorities(live: LiveNSG, changes: Iterable[Change], pool: Iterable[Change]) -> Iterator[Change]:
    """Yield the changes of rules that have the priorities which urgent changes need, and what those need in turn."""
    by_name = {(change.rule or "").lower(): change for change in pool if change.live is not None}
    occupants = {(rule.direction.lower(), rule.priority): by_name.get(rule.key) for rule in live.rules}
    waiting, seen = [change for change in changes if change.urgent], set[str]()
    while waiting:
        change = waiting.pop()
        seen.add(change.fingerprint)
        occupant = occupants.get(_needed(change)) if change.approved is not None else None
        if occupant is not None and occupant.fingerprint not in seen:
            yield occupant
            waiting.append(occupant)


def _needed(change: Change) -> _Slot:
    approved = change.approved or {}
    return str(approved.get("direction")).lower(), int(approved.get("priority") or 0)
