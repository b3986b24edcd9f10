"""Traffic in a phrase that reads aloud: `TCP 22 from Internet to any`."""

from collections.abc import Sequence

from nsg_baseline.core.intervals import (
    ALL_IPV4,
    ALL_IPV6,
    ALL_PORTS,
    Interval,
    common,
    port_text,
    prefix_over,
    prefixes,
    without,
)
from nsg_baseline.core.text.phrasing import listed
from nsg_baseline.core.traffic.box_algebra import Patience, hull, kinds, largest, rest_of
from nsg_baseline.core.traffic.boxes import likely
from nsg_baseline.core.traffic.model import EVERYWHERE, PROTOCOLS, Box, Entry, Place
from nsg_baseline.core.traffic.tags import INTERNET, LOAD_BALANCER_ADDRESS, PUBLIC, complement, is_group, upper

SHOWN = 3
"""Up to this number, boxes and exceptions from a box are listed."""
SHOWN_VALUES = 4
# So many steps are spent on a better way to tell some boxes; a step takes about 40 microseconds.
_PATIENCE = 500
_ELSE = "what earlier rules decide"
_NETWORK = Place(tags=("VirtualNetwork",))
_WITHIN = Box(source=_NETWORK, destination=_NETWORK)
# What goes without saying where a default rule denies the rest. What is allowed to the Internet does not.
_UNDERSTOOD = {
    "DenyAllInBound": (_WITHIN, Box(source=Place((LOAD_BALANCER_ADDRESS,)))),
    "DenyAllOutBound": (_WITHIN,),
}


class NoPhraseError(Exception):
    """There is no short way to say some traffic, all of it and nothing else."""


def phrase(entry: Entry, *, exact: bool = False) -> str:
    """Say which traffic an entry is about.

    Where a default rule denies, on one of the two sides, it goes without saying that the defaults before it do not.
    What earlier rules take out of a rule's traffic may stay unsaid, unless `exact`.

    Raises:
        NoPhraseError: it takes too many words to be exact.
    """
    boxes = entry.boxes if entry.conditional else likely(entry.boxes)
    deciders = (entry.approved_rule or "", entry.live_rule or "")
    understood = [] if entry.conditional else [box for name in deciders for box in _UNDERSTOOD.get(name, ())]
    told = "; ".join(_region(group, understood, exact=exact) for group in kinds(boxes))
    return f"{told} (where an address is Internet and VirtualNetwork at once)" if entry.conditional else told


def box_phrase(box: Box) -> str:
    """Say which traffic a box holds."""
    return f"{_protocols(box)} from {place_phrase(box.source)} to {place_phrase(box.destination)}"


def place_phrase(place: Place) -> str:
    """Say which addresses a place holds."""
    where = " and ".join(map(_tag, _telling(place)))
    ranges = _ranges(place.ranges)
    if ranges != "any":
        where = f"{ranges} in {where}" if where else ranges
    outside = " and ".join(map(_tag, place.not_tags))
    return f"{where or 'any'} outside {outside}" if outside else where or "any"


def _telling(place: Place) -> list[str]:
    """Return a place's words without those that say nothing new: a service's public addresses are Internet."""
    public = place.ranges != EVERYWHERE and common(place.ranges, PUBLIC) == place.ranges
    services = [tag for tag in place.tags if tag.lower() != INTERNET and upper(tag.lower(), None) == PUBLIC]
    told = [tag for tag in place.tags if tag.lower() != INTERNET or not (public or services)]
    return [tag for tag in told if not _opaque(tag)]


def _region(boxes: Sequence[Box], understood: Sequence[Box] = (), *, exact: bool = False) -> str:
    whole = hull(boxes)
    patience = Patience(_PATIENCE)
    exceptions = _exceptions(whole, [*boxes, *understood], patience)
    parts = largest(boxes, patience, understood)
    few = parts if parts is not None and len(parts) <= SHOWN else None
    if few is not None and (exceptions is None or _effort(few) <= _effort([whole, *exceptions])):
        return "; ".join(map(box_phrase, few))
    if exceptions is None and exact:
        raise NoPhraseError
    if exceptions is None:
        return f"{box_phrase(whole)} except {_ELSE}"
    told = listed([_exception(one, whole) for one in exceptions])
    return f"{box_phrase(whole)} except {told}" if told else box_phrase(whole)


def _exceptions(whole: Box, boxes: Sequence[Box], patience: Patience) -> list[Box] | None:
    """Return what a box holds beyond others, in few boxes; None when they are many."""
    rest = rest_of(whole, boxes, patience)
    found = largest(rest, patience) if rest else rest
    return found if found is not None and len(found) <= SHOWN else None


def _effort(boxes: Sequence[Box]) -> int:
    """Return how hard boxes are to read."""
    places = [place for box in boxes for place in (box.source, box.destination)]
    return 2 * len(boxes) + sum(2 * len(place.not_tags) + 4 * (_ranges(place.ranges, 0) == "") for place in places)


def _exception(box: Box, whole: Box) -> str:
    """Say which traffic a box holds, but not what it has in common with the whole."""
    same_traffic = (box.protocols, box.source_ports, box.destination_ports) == (
        whole.protocols,
        whole.source_ports,
        whole.destination_ports,
    )
    parts = [] if same_traffic else [_protocols(box)]
    if box.source != whole.source:
        parts.append(f"from {place_phrase(_beyond(box.source, whole.source))}")
    if box.destination != whole.destination:
        parts.append(f"to {place_phrase(_beyond(box.destination, whole.destination))}")
    return " ".join(parts)


def _beyond(place: Place, whole: Place) -> Place:
    """Return a part of a place without what the whole place says already."""
    ranges = EVERYWHERE if place.ranges == whole.ranges else place.ranges
    tags = tuple(tag for tag in place.tags if tag not in whole.tags)
    return Place(ranges, tags, tuple(tag for tag in place.not_tags if tag not in whole.not_tags))


def _protocols(box: Box) -> str:
    words = [word for tag in box.destination.tags if (word := _opaque(tag))]
    names = listed([*map(_protocol, box.protocols)]) if box.protocols != PROTOCOLS else ""
    ports = _ports(box.destination_ports)
    via = _ports(box.source_ports)
    if not names and ports:
        ports = f"but ports {ports.removeprefix('but ')}" if ports.startswith("but ") else f"on ports {ports}"
    head = " ".join(part for part in (names or "all traffic", ports) if part)
    if names and (not ports or ports.startswith("but ")) and {"Tcp", "Udp"} & set(box.protocols):
        head = f"all {head}"
    if words and box.protocols == ("Other",):
        head = ""
    return " ".join(part for part in (head, *words, f"with source port {via}" if via else "") if part)


def _ports(ranges: tuple[Interval, ...]) -> str:
    """Say which ports: nothing for all of them."""
    outside = without(ALL_PORTS, ranges)
    if ranges and len(outside) < len(ranges):
        return f"but {_values(list(map(port_text, outside)))}" if outside else ""
    return _values(list(map(port_text, ranges))) if outside else ""


def _protocol(name: str) -> str:
    return "other protocols" if name == "Other" else name.upper()


def _opaque(tag: str) -> str:
    return tag if tag.startswith(("protocol ", "port ")) else ""


def _tag(tag: str) -> str:
    return f"ASG {tag.rsplit('/', 1)[-1]}" if is_group(tag) else tag


def _ranges(ranges: tuple[Interval, ...], shown: int = SHOWN_VALUES) -> str:
    """Say which addresses; an empty text when that would take more values than may be shown and none were asked."""
    known = {EVERYWHERE: "any", (ALL_IPV4,): "0.0.0.0/0", (ALL_IPV6,): "::/0"}
    if ranges in known:
        return known[ranges]
    if ranges == (LOAD_BALANCER_ADDRESS,):
        return "AzureLoadBalancer"
    texts = [text for one in ranges for text in prefixes(one)]
    outside = [text for one in complement(ranges) for text in prefixes(one)]
    if len(texts) > SHOWN_VALUES and (told := _but(ranges)):
        return told
    if len(outside) < len(texts) and len(outside) <= SHOWN_VALUES:
        return f"any but {listed(outside)}"
    if not shown and len(texts) > SHOWN_VALUES:
        return ""
    return _values(texts)


def _but(ranges: tuple[Interval, ...]) -> str:
    """Say addresses as one prefix without a few others; an empty text where that is not so."""
    families = {one.family for one in ranges}
    if len(families) > 1:
        return ""
    cover = prefix_over(ranges[0].family, ranges[0].first, ranges[-1].last)
    if cover in EVERYWHERE:
        return ""
    outside = [text for one in without((cover,), ranges) for text in prefixes(one)]
    return f"{prefixes(cover)[0]} but {listed(outside)}" if len(outside) <= SHOWN else ""


def _values(texts: Sequence[str]) -> str:
    if len(texts) <= SHOWN_VALUES:
        return ", ".join(texts)
    return f"{', '.join(texts[: SHOWN_VALUES - 1])} and {len(texts) - SHOWN_VALUES + 1} more"
