"""Traffic as a short phrase: `TCP 22 from Internet to any`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from nsg_baseline.core.intervals import (
    ALL_IPV4,
    ALL_IPV6,
    ALL_PORTS,
    Interval,
    port_text,
    prefix_over,
    prefixes,
    without,
)
from nsg_baseline.core.text.phrasing import listed
from nsg_baseline.core.traffic.box_algebra import StepBudget, hull, kinds, largest, subtract_all
from nsg_baseline.core.traffic.likely import likely
from nsg_baseline.core.traffic.model import EVERYWHERE, PROTOCOLS, Box, Entry, Place
from nsg_baseline.core.traffic.rule_semantics import ICMPV6
from nsg_baseline.core.traffic.tags import LOAD_BALANCER, LOAD_BALANCER_ADDRESS, PLATFORM, complement, is_group

SHOWN = 3
"""Up to this number, boxes and exceptions from a box are listed."""
SHOWN_VALUES = 4
# The number of steps spent on a shorter phrase for some boxes; a step takes about 40 microseconds.
_STEPS = 500
# The position of the resource group in the parts of a resource id.
_RESOURCE_GROUP = 4
_ELSE = "what earlier rules decide"
_NETWORK = Place(tags=("VirtualNetwork",))
_WITHIN = Box(source=_NETWORK, destination=_NETWORK)
# Traffic that a phrase need not exclude where a default rule denies the rest: the default rules before it allow that.
# Traffic to the Internet is always named.
_UNDERSTOOD = {
    "DenyAllInBound": (_WITHIN, Box(source=Place((LOAD_BALANCER_ADDRESS,)))),
    "DenyAllOutBound": (_WITHIN,),
}


class NoPhraseError(Exception):
    """No short phrase describes exactly this traffic."""


def phrase(entry: Entry, *, exact: bool = False) -> str:
    """Return a phrase for the traffic of an entry.

    Where a default rule denies on one of the two sides, the traffic that the default rules before it allow is not
    excluded explicitly. Unless `exact`, the phrase may leave out which parts earlier rules decide.

    Raises:
        NoPhraseError: `exact` is set, and the exact phrase would be too long.
    """
    if entry.conditional:
        return f"{_conditional(entry.boxes, exact=exact)} (only if VirtualNetwork contains public addresses)"
    deciders = (entry.approved_rule or "", entry.live_rule or "")
    understood = [box for name in deciders for box in _UNDERSTOOD.get(name, ())]
    boxes = likely(_with_names(entry))
    return "; ".join(_region(group, understood, exact=exact) for group in kinds(boxes))


def box_phrase(box: Box) -> str:
    """Return a phrase for the traffic in a box."""
    return f"{_protocols(box)} from {place_phrase(box.source)} to {place_phrase(box.destination)}"


def place_phrase(place: Place) -> str:
    """Return a phrase for the addresses of a place."""
    tags = (*place.tags, *place.not_tags)
    where = " and ".join(_tag(tag, tags) for tag in place.tags if not _opaque(tag))
    ranges = _ranges(place.ranges)
    if ranges != "any":
        where = f"{ranges} in {where}" if where else ranges
    outside = " and ".join(_tag(tag, tags) for tag in place.not_tags)
    return f"{where or 'any'} outside {outside}" if outside else where or "any"


def _with_names(entry: Entry) -> Sequence[Box]:
    """Return the boxes of an entry with the names of tags that a service tags file resolves."""
    side: Literal["source", "destination"] = "source" if entry.direction == "Inbound" else "destination"
    boxes: Sequence[Box] = entry.boxes
    for tag in entry.tags:
        if tag.ranges is not None and tag.name.lower() not in (*PLATFORM, LOAD_BALANCER):
            # All boxes of the entry are within the tag.
            boxes = [_with_name(box, side, tag.name, tag.ranges) for box in boxes]
    return boxes


def _with_name(box: Box, side: Literal["source", "destination"], name: str, ranges: tuple[Interval, ...]) -> Box:
    place: Place = getattr(box, side)
    named = replace(
        place, ranges=EVERYWHERE if place.ranges == ranges else place.ranges, tags=tuple(sorted({*place.tags, name}))
    )
    return replace(box, source=named) if side == "source" else replace(box, destination=named)


def _conditional(boxes: Sequence[Box], *, exact: bool) -> str:
    """Return a phrase for boxes that contain nothing in the likely reading, which the algebra of boxes uses."""
    if len(boxes) <= SHOWN:
        return "; ".join(map(box_phrase, boxes))
    if exact:
        raise NoPhraseError
    return f"{box_phrase(hull(boxes))} except {_ELSE}"


def _region(boxes: Sequence[Box], understood: Sequence[Box], *, exact: bool) -> str:
    whole = hull(boxes)
    budget = StepBudget(_STEPS)
    exceptions = _exceptions(whole, [*boxes, *understood], budget)
    parts = largest(boxes, budget, understood)
    few_parts = parts if parts is not None and len(parts) <= SHOWN else None
    if few_parts is not None and (exceptions is None or _effort(few_parts) <= _effort([whole, *exceptions])):
        return "; ".join(map(box_phrase, few_parts))
    if exact and (exceptions is None or _is_long(exceptions)):
        raise NoPhraseError
    if exceptions is None:
        return f"{box_phrase(whole)} except {_ELSE}"
    excluded = listed([_exception(box, whole) for box in exceptions])
    return f"{box_phrase(whole)} except {excluded}" if excluded else box_phrase(whole)


def _exceptions(whole: Box, boxes: Sequence[Box], budget: StepBudget) -> list[Box] | None:
    """Return the part of `whole` outside all of `boxes` as at most `SHOWN` boxes; None if it takes more."""
    rest = subtract_all(whole, boxes, budget)
    exceptions = largest(rest, budget) if rest else rest
    return exceptions if exceptions is not None and len(exceptions) <= SHOWN else None


def _is_long(boxes: Sequence[Box]) -> bool:
    """Return whether boxes have more addresses than a phrase lists."""
    return any(_ranges(place.ranges, 0) == "" for box in boxes for place in (box.source, box.destination))


def _effort(boxes: Sequence[Box]) -> int:
    """Return an estimate of how hard a phrase for boxes is to read; larger is harder."""
    places = [place for box in boxes for place in (box.source, box.destination)]
    return 2 * len(boxes) + sum(2 * len(place.not_tags) + 4 * (_ranges(place.ranges, 0) == "") for place in places)


def _exception(box: Box, whole: Box) -> str:
    """Return a phrase for a box inside `whole` that names only the parts in which they differ."""
    same_traffic = (box.protocols, box.source_ports, box.destination_ports) == (
        whole.protocols,
        whole.source_ports,
        whole.destination_ports,
    )
    parts = [] if same_traffic else [_protocols(box)]
    if box.source != whole.source:
        parts.append(f"from {place_phrase(_difference(box.source, whole.source))}")
    if box.destination != whole.destination:
        parts.append(f"to {place_phrase(_difference(box.destination, whole.destination))}")
    return " ".join(parts)


def _difference(place: Place, whole: Place) -> Place:
    """Return a place without the limits that it shares with `whole`."""
    ranges = EVERYWHERE if place.ranges == whole.ranges else place.ranges
    tags = tuple(tag for tag in place.tags if tag not in whole.tags)
    return Place(ranges, tags, tuple(tag for tag in place.not_tags if tag not in whole.not_tags))


def _protocols(box: Box) -> str:
    words = [word for tag in box.destination.tags if (word := _opaque(tag))]
    names = listed([*map(_protocol, box.protocols)]) if box.protocols != PROTOCOLS else ""
    ports = _ports(box.destination_ports)
    source_ports = _ports(box.source_ports)
    if not names and ports:
        ports = f"but ports {ports.removeprefix('but ')}" if ports.startswith("but ") else f"on ports {ports}"
    head = " ".join(part for part in (names or "all traffic", ports) if part)
    if names and (not ports or ports.startswith("but ")) and {"Tcp", "Udp"} & set(box.protocols):
        head = f"all {head}"
    if words and box.protocols == ("Other",):
        head = ""
    tail = f"with source port {source_ports}" if source_ports else ""
    return " ".join(part for part in (head, *words, tail) if part)


def _ports(ranges: tuple[Interval, ...]) -> str:
    """Return a phrase for ports; an empty text for all ports."""
    outside = without(ALL_PORTS, ranges)
    if ranges and len(outside) < len(ranges):
        return f"but {_values(list(map(port_text, outside)), ' ports')}" if outside else ""
    return _values(list(map(port_text, ranges)), " ports")


def _protocol(name: str) -> str:
    return "other protocols" if name == "Other" else name.upper()


def _opaque(tag: str) -> str:
    if tag.lower() == ICMPV6:
        return "ICMPv6"
    return tag if tag.startswith(("protocol ", "port ")) else ""


def _tag(tag: str, others: Sequence[str]) -> str:
    """Return a tag as in a phrase; of two groups with one name, with the resource group."""
    if not is_group(tag):
        return tag
    name = tag.rsplit("/", 1)[-1]
    parts = tag.split("/")
    is_ambiguous = any(other != tag and is_group(other) and _group_name(other) == name.lower() for other in others)
    return f"ASG {parts[_RESOURCE_GROUP]}/{name}" if is_ambiguous and len(parts) > _RESOURCE_GROUP else f"ASG {name}"


def _group_name(tag: str) -> str:
    return tag.rsplit("/", 1)[-1].lower()


def _ranges(ranges: tuple[Interval, ...], shown: int = SHOWN_VALUES) -> str:
    """Return a phrase for addresses; with `shown=0`, an empty text if there are too many to list them all."""
    whole_families = {EVERYWHERE: "any", (ALL_IPV4,): "0.0.0.0/0", (ALL_IPV6,): "::/0"}
    if ranges in whole_families:
        return whole_families[ranges]
    if ranges == (LOAD_BALANCER_ADDRESS,):
        return "AzureLoadBalancer"
    texts = [text for interval in ranges for text in prefixes(interval)]
    outside = [text for interval in complement(ranges) for text in prefixes(interval)]
    if len(texts) > SHOWN_VALUES and (short := _prefix_except(ranges)):
        return short
    if len(outside) < len(texts) and len(outside) <= SHOWN_VALUES:
        return f"any but {listed(outside)}"
    if not shown and len(texts) > SHOWN_VALUES:
        return ""
    return _values(texts)


def _prefix_except(ranges: tuple[Interval, ...]) -> str:
    """Return a phrase of one prefix with a few exceptions; an empty text if the addresses are not of that form."""
    families = {interval.family for interval in ranges}
    if len(families) > 1:
        return ""
    cover = prefix_over(ranges[0].family, ranges[0].first, ranges[-1].last)
    if cover in EVERYWHERE:
        return ""
    outside = [text for interval in without((cover,), ranges) for text in prefixes(interval)]
    return f"{prefixes(cover)[0]} but {listed(outside)}" if len(outside) <= SHOWN else ""


def _values(texts: Sequence[str], noun: str = "") -> str:
    if len(texts) <= SHOWN_VALUES:
        return ", ".join(texts)
    return f"{', '.join(texts[: SHOWN_VALUES - 1])} and {len(texts) - SHOWN_VALUES + 1} more{noun}"
