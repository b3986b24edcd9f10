"""Security rules for laws: any rule, the same rule spelled otherwise, and the same rule with another meaning.

Rules are flattened ARM documents. What each strategy promises is decided here by construction, never by asking the
code under test.
"""

import ipaddress
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Document = dict[str, Any]

SIDES = ("source", "destination")
PROTOCOLS = ("*", "Tcp", "Udp", "Icmp", "Esp", "Ah")
# Service tags with and without a region, and a number that a recorded rule holds.
WORDS = ("*", "Internet", "VirtualNetwork", "AzureLoadBalancer", "Storage.WestEurope", "SqlManagement", "789")
GROUP = "/subscriptions/{0}/resourceGroups/rg-{0}/providers/Microsoft.Network/applicationSecurityGroups/asg-{0}"
# Kept out of every generated rule, so that adding them always adds meaning.
SPARE_PORT = 60_000
SPARE_PREFIX = {4: "203.0.113.0/24", 6: "3fff::/20"}

priorities = st.integers(100, 4096)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,20}[A-Za-z0-9_]", fullmatch=True)


@st.composite
def prefixes(draw: st.DrawFn, family: int) -> str:
    """Return a prefix without host bits, or a bare address, in 10.0.0.0/8 or fd00::/8."""
    bits, base = (32, 10 << 24) if family == 4 else (128, 0xFD << 120)
    length = draw(st.integers(8, bits))
    host = draw(st.integers(0, 2 ** (bits - 8) - 1))
    network = ipaddress.ip_network((base | host, length), strict=False)
    return str(network.network_address) if length == bits else str(network)


def prefix_lists(family: int) -> st.SearchStrategy[list[str]]:
    """Return lists of prefixes of one family, at times overlapping."""
    return st.lists(prefixes(family), min_size=1, max_size=4)


@st.composite
def addresses(draw: st.DrawFn, side: str) -> Document:
    """Return one side's addresses: a word, a prefix, prefixes of one family, or application security groups."""
    form = draw(st.sampled_from(("word", "prefix", "prefixes", "groups")))
    if form == "word":
        return {f"{side}AddressPrefix": draw(st.sampled_from(WORDS))}
    if form == "groups":
        numbers = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True))
        return {f"{side}ApplicationSecurityGroups": [{"id": GROUP.format(number)} for number in numbers]}
    texts = draw(prefix_lists(draw(st.sampled_from((4, 6)))))
    return {f"{side}AddressPrefixes": texts} if form == "prefixes" else {f"{side}AddressPrefix": texts[0]}


@st.composite
def port_ranges(draw: st.DrawFn) -> str:
    """Return a port or a range below the spare port."""
    first = draw(st.integers(0, SPARE_PORT - 1))
    last = draw(st.integers(first, SPARE_PORT - 1))
    return str(first) if first == last else f"{first}-{last}"


@st.composite
def ports(draw: st.DrawFn, side: str) -> Document:
    """Return one side's ports: all, a port or range, or several."""
    if draw(st.booleans()):
        return {f"{side}PortRange": draw(st.just("*") | port_ranges())}
    return {f"{side}PortRanges": draw(st.lists(port_ranges(), min_size=1, max_size=4))}


@st.composite
def rules(draw: st.DrawFn, name: st.SearchStrategy[str] = names) -> Document:
    """Return any rule that a baseline may approve."""
    document: Document = {
        "name": draw(name),
        "priority": draw(priorities),
        "direction": draw(st.sampled_from(("Inbound", "Outbound"))),
        "access": draw(st.sampled_from(("Allow", "Deny"))),
        "protocol": draw(st.sampled_from(PROTOCOLS)),
    }
    for side in SIDES:
        document |= draw(addresses(side)) | draw(ports(side))
    if draw(st.booleans()):
        document["description"] = draw(st.text("abc é", min_size=1, max_size=10))
    return document


@st.composite
def respelled(draw: st.DrawFn, document: Document) -> Document:
    """Return the same rule as Azure may hold it all the same: other case, order, host bits, singular or plural."""
    again: Document = {key: draw(recased(document[key])) for key in ("name", "direction", "access", "protocol")}
    again["priority"] = draw(st.sampled_from((document["priority"], str(document["priority"]))))
    for side in SIDES:
        again |= draw(_addresses_again(document, side)) | draw(_ports_again(document, side))
    if "description" in document:
        again["description"] = document["description"]
    if draw(st.booleans()):
        again["flushConnection"] = draw(st.booleans())
    return dict(draw(st.permutations(list(again.items()))))


def recased(text: str) -> st.SearchStrategy[str]:
    """Return a text in other cases."""
    return st.sampled_from((text, text.lower(), text.upper(), text.swapcase()))


@st.composite
def _addresses_again(draw: st.DrawFn, document: Document, side: str) -> Document:
    singular, plural, groups = f"{side}AddressPrefix", f"{side}AddressPrefixes", f"{side}ApplicationSecurityGroups"
    unused: Document = draw(st.sampled_from(({}, {singular: ""}, {plural: []}, {groups: []})))
    if groups in document:
        again = [{"id": draw(recased(group["id"]))} for group in draw(st.permutations(document[groups]))]
        unused = {**unused, groups: again}
    texts = document.get(plural) or ([document[singular]] if document.get(singular) else [])
    if not texts:
        return unused
    spelled = [draw(_prefix_again(text)) for text in draw(_with_repeats(texts))]
    if draw(st.booleans()):
        spelled = [part for text in spelled for part in draw(_halved(text))]
    if len(spelled) == 1 and draw(st.booleans()):
        return {**unused, singular: spelled[0]}
    return {**unused, plural: spelled}


@st.composite
def _prefix_again(draw: st.DrawFn, text: str) -> str:
    if not _is_prefix(text):
        return draw(recased(text))
    network = ipaddress.ip_network(text, strict=False)
    if network.num_addresses == 1:
        return draw(st.sampled_from((str(network.network_address), str(network), str(network).upper())))
    host = draw(st.integers(0, network.num_addresses - 1))
    address = ipaddress.ip_address(int(network.network_address) + host)
    shown = draw(st.sampled_from((str(address), address.exploded.upper())))
    return f"{shown}/{network.prefixlen}"


@st.composite
def _halved(draw: st.DrawFn, text: str) -> list[str]:
    if not _is_prefix(text):
        return [text]
    network = ipaddress.ip_network(text, strict=False)
    if network.num_addresses == 1 or not draw(st.booleans()):
        return [text]
    return draw(st.permutations([str(half) for half in network.subnets()]))


@st.composite
def _ports_again(draw: st.DrawFn, document: Document, side: str) -> Document:
    singular, plural = f"{side}PortRange", f"{side}PortRanges"
    texts = document.get(plural) or [document[singular]]
    spelled = [part for text in draw(_with_repeats(texts)) for part in draw(_port_again(text))]
    if len(spelled) == 1 and draw(st.booleans()):
        return {singular: spelled[0], **draw(st.sampled_from(({}, {plural: []})))}
    return {plural: spelled, **draw(st.sampled_from(({}, {singular: ""})))}


@st.composite
def _port_again(draw: st.DrawFn, spelling: str | int) -> list[str | int]:
    # What was respelled once may be respelled again: numbers and n-n occur.
    text = str(spelling)
    if text in ("*", "0-65535"):
        return [draw(st.sampled_from(("*", "0-65535")))]
    first, _, last = text.partition("-")
    if first == (last or first):
        spellings: tuple[str | int, ...] = (first, f"{first}-{first}", int(first))
        return [draw(st.sampled_from(spellings))]
    cut = draw(st.integers(int(first), int(last) - 1))
    overlap = draw(st.integers(int(first), cut + 1))
    return draw(st.sampled_from(([text], [f"{overlap}-{last}", f"{first}-{cut}"])))


def _with_repeats(texts: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(texts), max_size=2).flatmap(lambda more: st.permutations([*texts, *more]))


def _is_prefix(text: str) -> bool:
    return ("." in text and text[0].isdigit()) or ":" in text


@st.composite
def altered(draw: st.DrawFn, document: Document) -> tuple[Document, str]:
    """Return the same rule with one field of another meaning, and that field's name."""
    field = draw(st.sampled_from(tuple(_ALTERATIONS)))
    return _ALTERATIONS[field](document), field


def _other(field: str, values: tuple[str, ...]) -> Callable[[Document], Document]:
    return lambda document: {**document, field: next(value for value in values if value != document[field])}


def _other_priority(document: Document) -> Document:
    return {**document, "priority": 100 + (document["priority"] + 1) % 3997}


def _more_addresses(side: str) -> Callable[[Document], Document]:
    singular, plural, groups = f"{side}AddressPrefix", f"{side}AddressPrefixes", f"{side}ApplicationSecurityGroups"

    def alter(document: Document) -> Document:
        kept = {key: value for key, value in document.items() if key not in (singular, plural)}
        texts = document.get(plural) or [document.get(singular)]
        if groups in document or not _is_prefix(texts[0]):
            return {**kept, singular: "ApiManagement"}
        return {**kept, plural: [*texts, SPARE_PREFIX[6 if ":" in texts[0] else 4]]}

    return alter


def _other_groups(side: str) -> Callable[[Document], Document]:
    key = f"{side}ApplicationSecurityGroups"
    return lambda document: {**document, key: [*document.get(key, ()), {"id": GROUP.format(10)}]}


def _more_ports(side: str) -> Callable[[Document], Document]:
    singular, plural = f"{side}PortRange", f"{side}PortRanges"

    def alter(document: Document) -> Document:
        kept = {key: value for key, value in document.items() if key not in (singular, plural)}
        texts = document.get(plural) or [document[singular]]
        return {**kept, singular: str(SPARE_PORT)} if "*" in texts else {**kept, plural: [*texts, str(SPARE_PORT)]}

    return alter


_ALTERATIONS: dict[str, Callable[[Document], Document]] = {
    "priority": _other_priority,
    "direction": _other("direction", ("Inbound", "Outbound")),
    "access": _other("access", ("Allow", "Deny")),
    "protocol": _other("protocol", ("Tcp", "Udp")),
    **{f"{side}AddressPrefix": _more_addresses(side) for side in SIDES},
    **{f"{side}ApplicationSecurityGroups": _other_groups(side) for side in SIDES},
    **{f"{side}PortRange": _more_ports(side) for side in SIDES},
}
