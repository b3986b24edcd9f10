"""Exposure as people and machines read it: a line for each pair of deciders, all boxes in JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nsg_baseline.api.changes import ExposureStatus
from nsg_baseline.core.intervals import ALL_PORTS, Interval, prefixes
from nsg_baseline.core.severity import rate
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.box_phrases import NoPhraseError, phrase
from nsg_baseline.core.text.phrasing import cut, listed
from nsg_baseline.core.traffic.model import EVERYWHERE, Box, Entry, Place

LINES = 5
"""So many lines tell the traffic of one NSG; the rest is counted."""
_PAIRS_TOLD = 8
_TEXT_LENGTH = 1024
_NAME_LENGTH = 128
_NAMES_TOLD = 3
_PIECES_TOLD = 3


@dataclass(frozen=True, slots=True)
class ExposureEntry:
    """What one pair of deciders makes of its traffic, with the place where that is so if it is not the whole NSG."""

    entry: Entry
    place: str | None = None

    @property
    def text(self) -> str:
        """The traffic in words."""
        told = phrase(self.entry)
        return f"{self.place}: {told}" if self.place else told

    def document(self) -> dict[str, Any]:
        """Return it in the form of `-o json`."""
        entry = self.entry
        return {
            "effect": entry.effect,
            "direction": entry.direction,
            "text": self.text,
            "approvedRule": entry.approved_rule,
            "liveRule": entry.live_rule,
            "conditional": entry.conditional,
            "boxes": [_box(box) for box in entry.boxes],
        }


def statuses(exposed: Sequence[ExposureEntry]) -> tuple[ExposureStatus, ...]:
    """Return exposures in the form that a status holds: many pairs of one rule become one entry.

    Traffic that exists only if an address is Internet and VirtualNetwork at once is listed when nothing else is.
    """
    certain = [one for one in exposed if not one.entry.conditional]
    found = [_status(group) for group in _grouped(certain or exposed)]
    return tuple(sorted(found, key=lambda one: (one.effect != "Allowed", one.direction != "Inbound")))


def line(status: ExposureStatus) -> str:
    """Say what becomes of which traffic, and which rules decide it."""
    verb, other = ("allowed", "denied") if status.effect == "Allowed" else ("denied", "allowed")
    before = f"was {other} by {status.approved_rule}" if status.approved_rule else f"was {other}"
    after = f"now {verb} by {status.live_rule}" if status.live_rule else f"now {verb}: no rule applies"
    return f"newly {verb} {status.direction.lower()}: {status.text} ({before}, {after})"


def lines(found: Sequence[ExposureStatus]) -> tuple[str, ...]:
    """Return at most five lines."""
    if len(found) <= LINES:
        return tuple(map(line, found))
    more = f"and {len(found) - LINES + 1} more pieces of traffic; `nsgb plan -o json` lists them all"
    return (*map(line, found[: LINES - 1]), more)


def _grouped(exposed: Sequence[ExposureEntry]) -> list[list[ExposureEntry]]:
    """Put together what one rule decides in place of many, or what many decide in place of one."""
    groups = [[one] for one in exposed]
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
    for found in by_rule.values():
        rest += [found] if len(found) > _PAIRS_TOLD else [[one] for one in found]
    return rest


def _status(group: Sequence[ExposureEntry]) -> ExposureStatus:
    first = group[0].entry
    boxes = tuple(box for one in group for box in one.entry.boxes)
    approved_rule, live_rule = (
        _only(getattr(one.entry, side) for one in group) for side in ("approved_rule", "live_rule")
    )
    entry = Entry(first.effect, first.direction, approved_rule, live_rule, boxes, first.conditional)
    whole = ExposureEntry(entry, group[0].place)
    return ExposureStatus(
        effect=first.effect,
        direction=first.direction,
        text=cut(whole.text if len(group) == 1 else _together(whole, group), _TEXT_LENGTH),
        approved_rule=_names(one.entry.approved_rule for one in group),
        live_rule=_names(one.entry.live_rule for one in group),
    )


def _together(whole: ExposureEntry, group: Sequence[ExposureEntry]) -> str:
    """Say what many pairs decide: in one phrase if that is right, else the heaviest of them, and how many there are."""
    entry = whole.entry
    # One rule that now allows has all its traffic but what earlier rules take. Many have not what lies between them.
    opens_alone = entry.effect == "Allowed" and entry.live_rule is not None
    try:
        told = phrase(entry, exact=not opens_alone)
    except NoPhraseError:
        heaviest = sorted(group, key=lambda one: SEVERITIES.index(rate([one.entry]).severity))
        told = "; ".join(phrase(one.entry) for one in heaviest[:_PIECES_TOLD])
        told += f"; and {len(group) - _PIECES_TOLD} more"
    return f"{whole.place}: {told}" if whole.place else told


def _only(found: Iterable[str | None]) -> str | None:
    names = set(found)
    return names.pop() if len(names) == 1 else None


def _names(found: Iterable[str | None]) -> str | None:
    names = list(dict.fromkeys(name for name in found if name is not None))
    more = [f"{len(names) - _NAMES_TOLD} more"] if len(names) > _NAMES_TOLD else []
    return cut(listed([*names[:_NAMES_TOLD], *more]), _NAME_LENGTH) if names else None


def _box(box: Box) -> dict[str, Any]:
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
    return [str(one.first) if one.first == one.last else f"{one.first}-{one.last}" for one in ranges]


def _place(place: Place) -> dict[str, Any]:
    whole = place.ranges == EVERYWHERE
    texts = ["0.0.0.0/0", "::/0"] if whole else [text for one in place.ranges for text in prefixes(one)]
    return {"prefixes": texts, "tags": list(place.tags), "notTags": list(place.not_tags)}
