"""What a remediation must not write: a priority twice, more rules than ARM takes, traffic that is not approved."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import LiveNSG, parse_live
from nsg_baseline.core.restored_document import restored_document
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.model import Entry
from nsg_baseline.core.traffic.tags import TagTable

MAX_RULES = 1000
"""Custom rules of an NSG, in both directions together (Azure's limit)."""
_UNCLEAR = "it cannot be computed whether the write would allow traffic that is not approved"


@dataclass(frozen=True, slots=True)
class Refused:
    """A change whose reversal must not be written, with the reason of a blocked remediation.

    `deciders` has the rules that decide the traffic which the write would open, as approved and as written.
    """

    change: Change
    reason: str
    message: str
    deciders: frozenset[str] = frozenset()


def refused_changes(
    live: LiveNSG, expected: Sequence[Rule], candidates: Sequence[Change], tags: TagTable | None
) -> list[Refused]:
    """Return changes that have to be left out of the write that would revert all candidates.

    Args:
        live: the NSG as it was read for the write.
        expected: the rules that are approved, excepted or tolerated.
        candidates: the changes to revert, the most severe first.
        tags: addresses of service tags; None without a service tags file.

    Returns:
        None of the candidates if the write is safe. Without those returned, further ones may have to be left out.
    """
    document = restored_document(live, candidates)
    return (
        _priority_taken(document, candidates)
        or _too_many_rules(document, candidates)
        or list(_opening(live, expected, document, candidates, tags))
    )


def _priority_taken(document: Mapping[str, Any], candidates: Sequence[Change]) -> list[Refused]:
    """Return the restored rules whose priority another rule has. If both are restored, the more severe goes first."""
    restored = {(change.rule or "").lower(): change for change in candidates if change.approved is not None}
    rank = {name: position for position, name in enumerate(restored)}
    refused: dict[str, Refused] = {}
    for slot, names in _slots(document).items():
        last = max(names, key=lambda name: rank.get(name.lower(), -1))
        change = restored.get(last.lower())
        if len(names) > 1 and change is not None:
            rules = " and ".join(names[:2])
            message = f"{rules} would both have priority {slot[1]} {slot[0]}; change the priority of one of them"
            refused[last] = Refused(change, "PriorityTaken", message)
    return list(refused.values())


def _slots(document: Mapping[str, Any]) -> dict[tuple[str, int], list[str]]:
    slots: dict[tuple[str, int], list[str]] = {}
    for rule in document["properties"]["securityRules"]:
        slot = str(rule["properties"]["direction"]).lower(), int(rule["properties"]["priority"])
        slots.setdefault(slot, []).append(str(rule["name"]))
    return slots


def _too_many_rules(document: Mapping[str, Any], candidates: Sequence[Change]) -> list[Refused]:
    """Return as many deleted rules as there is no room for, the least severe."""
    count = len(document["properties"]["securityRules"])
    added = [change for change in candidates if change.kind == "RuleDeleted"]
    message = f"the NSG would have {count} rules; Azure's limit is {MAX_RULES}. Remove rules that are not needed"
    excess = max(0, count - MAX_RULES)
    return [Refused(change, "TooManyRules", message) for change in added[len(added) - excess :]] if excess else []


def _opening(
    live: LiveNSG,
    expected: Sequence[Rule],
    document: Mapping[str, Any],
    candidates: Sequence[Change],
    tags: TagTable | None,
) -> Iterator[Refused]:
    """Yield the changes whose reversal would allow traffic that is not approved."""
    after = parse_live(document).rules
    beyond = exposure(expected, after, tags=tags)
    if beyond.exact and not _allowed(beyond.entries):
        return
    newly = exposure(live.rules, after, tags=tags)
    if not newly.exact:
        yield from (Refused(change, "WouldOpen", _UNCLEAR) for change in candidates if not _only_closes(change))
        return
    for entry in _allowed(newly.entries):
        parts = [exposure(expected, after, tags=tags, restrict=box) for box in entry.boxes]
        opened = [opening for part in parts for opening in _allowed(part.entries)]
        if opened or not all(part.exact for part in parts):
            deciders = (rule for opening in opened for rule in (opening.approved_rule, opening.live_rule) if rule)
            yield from _responsible(entry, candidates, frozenset(deciders))


def _allowed(entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.effect == "Allowed"]


def _responsible(entry: Entry, candidates: Sequence[Change], deciders: frozenset[str]) -> list[Refused]:
    """Return the change of the rule that denies the traffic now, or else of the rule that would allow it."""
    for rule in (entry.approved_rule, entry.live_rule):
        changes = [change for change in candidates if rule and (change.rule or "").lower() == rule.lower()]
        if changes:
            message = f"reverting {rule} would allow traffic that is not approved"
            return [Refused(change, "WouldOpen", message, deciders) for change in changes]
    message = "the write would allow traffic that is not approved"
    return [Refused(change, "WouldOpen", message, deciders) for change in candidates if not _only_closes(change)]


def _only_closes(change: Change) -> bool:
    """Say whether a reversal cannot allow anything: it removes an allow rule, or adds a deny rule."""
    if change.kind == "RuleCreated":
        return str((change.live or {}).get("access")).lower() == "allow"
    return change.kind == "RuleDeleted" and str((change.approved or {}).get("access")).lower() == "deny"
