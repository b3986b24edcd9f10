"""Exposure as text and as JSON: one line for each pair of deciding rules, and all boxes in JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nsg_baseline.api.changes import ExposureStatus
from nsg_baseline.core.intervals import ALL_PORTS, Interval, prefixes
from nsg_baseline.core.severity import rank, rate
from nsg_baseline.core.text.box_phrases import NoPhraseError, phrase
from nsg_baseline.core.text.phrasing import cut, listed
from nsg_baseline.core.traffic.model import EVERYWHERE, Box, Entry, Place

LINES = 5
"""The maximum number of lines about the traffic of one NSG; the rest is counted."""
_SHOWN_PAIRS = 8
_TEXT_LENGTH = 1024
_NAME_LENGTH = 128
_SHOWN_NAMES = 3
_SHOWN_ENTRIES = 3


@dataclass(frozen=True, slots=True)
class ExposureEntry:
    """The traffic that one pair of rules decides; `place` names the part of the NSG, if it is not the whole NSG."""

    entry: Entry
    place: str | None = None

    @property
    def text(self) -> str:
        """The traffic as a phrase."""
        description = phrase(self.entry)
        return f"{self.place}: {description}" if self.place else description

    def document(self) -> dict[str, Any]:
        """Return the entry in the form of `-o json`."""
        entry = self.entry
        return {
            "effect": entry.effect,
            "direction": entry.direction,
            "text": self.text,
            "approvedRule": entry.approved_rule,
            "liveRule": entry.live_rule,
            "conditional": entry.conditional,
            "boxes": [box_document(box) for box in entry.boxes],
        }


def statuses(exposed: Sequence[ExposureEntry]) -> tuple[ExposureStatus, ...]:
    """Return exposures in the form of a status: many pairs of one rule become one entry.

    Traffic that exists only if VirtualNetwork contains public addresses is listed only if there is no other.
    """
    certain = [pair for pair in exposed if not pair.entry.conditional]
    exposure = [_status(group) for group in _grouped(certain or exposed)]
    return tuple(sorted(exposure, key=lambda status: (status.effect != "Allowed", status.direction != "Inbound")))


def line(status: ExposureStatus) -> str:
    """Return a line with the effect on some traffic and the rules that decide it."""
    verb, other = ("allowed", "denied") if status.effect == "Allowed" else ("denied", "allowed")
    before = f"was {other} by {status.approved_rule}" if status.approved_rule else f"was {other}"
    after = f"now {verb} by {status.live_rule}" if status.live_rule else f"now {verb}: no rule applies"
    return f"newly {verb} {status.direction.lower()}: {status.text} ({before}, {after})"


def lines(exposure: Sequence[ExposureStatus]) -> tuple[str, ...]:
    """Return at most `LINES` lines."""
    if len(exposure) <= LINES:
        return tuple(map(line, exposure))
    more = f"and {len(exposure) - LINES + 1} more pieces of traffic; `nsgb plan -o json` lists them all"
    return (*map(line, exposure[: LINES - 1]), more)


def _grouped(exposed: Sequence[ExposureEntry]) -> list[list[ExposureEntry]]:
    """Group the pairs in which one rule replaces many, or many rules replace one."""
    groups = [[pair] for pair in exposed]
    sides: tuple[Literal["approved_rule", "live_rule"], ...] = ("live_rule", "approved_rule")
    for side in sides:
        groups = _joined(groups, side)
    return groups


def _joined(
    groups: list[list[ExposureEntry]], side: Literal["approved_rule", "live_rule"]
) -> list[list[ExposureEntry]]:
    by_rule: dict[tuple[Any, ...], list[ExposureEntry]] = {}
    rest: list[list[ExposureEntry]] = []
    for group in groups:
        if len(group) > 1:
            rest.append(group)
            continue
        entry = group[0].entry
        key = (entry.effect, entry.direction, entry.conditional, group[0].place, getattr(entry, side))
        by_rule.setdefault(key, []).append(group[0])
    for pairs in by_rule.values():
        rest += [pairs] if len(pairs) > _SHOWN_PAIRS else [[pair] for pair in pairs]
    return rest


def _status(group: Sequence[ExposureEntry]) -> ExposureStatus:
    first = group[0].entry
    boxes = tuple(box for pair in group for box in pair.entry.boxes)
    approved_rule, live_rule = (
        _only(getattr(pair.entry, side) for pair in group) for side in ("approved_rule", "live_rule")
    )
    tags = tuple(tag for tag in first.tags if all(tag in pair.entry.tags for pair in group))
    entry = Entry(first.effect, first.direction, approved_rule, live_rule, boxes, first.conditional, tags)
    whole = ExposureEntry(entry, group[0].place)
    return ExposureStatus(
        effect=first.effect,
        direction=first.direction,
        text=cut(whole.text if len(group) == 1 else _together(whole, group), _TEXT_LENGTH),
        approved_rule=_names(pair.entry.approved_rule for pair in group),
        live_rule=_names(pair.entry.live_rule for pair in group),
    )


def _together(whole: ExposureEntry, group: Sequence[ExposureEntry]) -> str:
    """Return one phrase for the traffic of many pairs if it is exact, else phrases for the most severe of them."""
    entry = whole.entry
    # One rule that now allows decides all its traffic that no earlier rule decides. Many rules may leave gaps.
    opens_alone = entry.effect == "Allowed" and entry.live_rule is not None
    try:
        text = phrase(entry, exact=not opens_alone)
    except NoPhraseError:
        most_severe = sorted(group, key=lambda pair: rank(rate([pair.entry])))
        text = "; ".join(phrase(pair.entry) for pair in most_severe[:_SHOWN_ENTRIES])
        text += f"; and {len(group) - _SHOWN_ENTRIES} more"
    return f"{whole.place}: {text}" if whole.place else text


def _only(rules: Iterable[str | None]) -> str | None:
    names = set(rules)
    return names.pop() if len(names) == 1 else None


def _names(rules: Iterable[str | None]) -> str | None:
    names = list(dict.fromkeys(name for name in rules if name is not None))
    more = [f"{len(names) - _SHOWN_NAMES} more"] if len(names) > _SHOWN_NAMES else []
    return cut(listed([*names[:_SHOWN_NAMES], *more]), _NAME_LENGTH) if names else None


def box_document(box: Box) -> dict[str, Any]:
    """Return a box in the form of `-o json`."""
    return {
        "protocols": list(box.protocols),
        "sourcePorts": _ports(box.source_ports),
        "destinationPorts": _ports(box.destination_ports),
        "source": _place(box.source),
        "destination": _place(box.destination),
    }


def _ports(ranges: Sequence[Interval]) -> list[str]:
    if tuple(ranges) == ALL_PORTS:
        return ["0-65535"]
    return [
        str(interval.first) if interval.first == interval.last else f"{interval.first}-{interval.last}"
        for interval in ranges
    ]


def _place(place: Place) -> dict[str, Any]:
    whole = place.ranges == EVERYWHERE
    texts = ["0.0.0.0/0", "::/0"] if whole else [text for interval in place.ranges for text in prefixes(interval)]
    return {"prefixes": texts, "tags": list(place.tags), "notTags": list(place.not_tags)}
