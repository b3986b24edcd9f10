"""Echoes: rules that were only renumbered or renamed, and keep their place among the others.

A rule that is inserted above others makes its author renumber them. They decide the same traffic as before, except for
what the new rule decides now.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from nsg_baseline.core.changes import Change
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.text.exposure_lines import ExposureEntry
from nsg_baseline.core.traffic.model import DIRECTIONS
from nsg_baseline.core.traffic.rule_diff import align, ordered

_RENUMBERED = {"priority", "description"}
RENUMBERED = "renumbered, in the same order"


def with_echoes(
    changes: Sequence[Change],
    approved: Sequence[Rule],
    live: Sequence[Rule],
    exposed: Sequence[ExposureEntry],
    decides: Callable[[Change, ExposureEntry], bool],
) -> tuple[Change, ...]:
    """Return changes, those that are only echoes with what they are echoes of.

    All traffic that is decided differently keeps a change that decides it and has no such text.
    """
    texts = dict(_echoes(changes, approved, live))
    while True:
        orphans = [pair for pair in exposed if _is_orphan(pair, changes, texts, decides)]
        if not orphans:
            break
        deciding = {change.fingerprint for change in changes for pair in orphans if decides(change, pair)}
        texts = {identity: text for identity, text in texts.items() if identity not in deciding}
    return tuple(replace(change, echo=texts.get(change.fingerprint)) for change in changes)


def _is_orphan(
    pair: ExposureEntry,
    changes: Sequence[Change],
    texts: Mapping[str, str],
    decides: Callable[[Change, ExposureEntry], bool],
) -> bool:
    deciding = [change for change in changes if decides(change, pair)]
    return bool(deciding) and all(change.fingerprint in texts for change in deciding)


def _echoes(changes: Sequence[Change], approved: Sequence[Rule], live: Sequence[Rule]) -> Iterator[tuple[str, str]]:
    by_rule = {(change.kind, (change.rule or "").lower()): change for change in changes if change.tolerated_by is None}
    for direction in DIRECTIONS:
        for approved_rule, live_rule in align(ordered(approved, direction), ordered(live, direction)):
            if approved_rule is None or live_rule is None:
                continue
            if approved_rule.key == live_rule.key:
                updated = by_rule.get(("RuleUpdated", live_rule.key))
                if updated is not None and "priority" in updated.fields and set(updated.fields) <= _RENUMBERED:
                    yield updated.fingerprint, RENUMBERED
                continue
            deleted = by_rule.get(("RuleDeleted", approved_rule.key))
            created = by_rule.get(("RuleCreated", live_rule.key))
            if deleted is not None and created is not None:
                yield deleted.fingerprint, f"renamed to {live_rule.name}"
                yield created.fingerprint, f"{approved_rule.name} with another name"
