"""What Kubernetes adds to CEL, for `celpy`: networks, lists, strings.

Source: the API server's CEL libraries (apiserver `pkg/cel/library`) and cel-go's `ext.Strings`.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import re2
from celpy import celtypes
from celpy.celtypes import BoolType, IntType, ListType, StringType


@dataclass(frozen=True, slots=True)
class Ip:
    """An address, as `ip()` gives it."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Cidr:
    """A network with host bits, as `cidr()` gives it."""

    interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface


def _parse_ip(text: str) -> Ip:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address.scope_id):
        raise ValueError(f"IPv4-mapped or zoned address {text!r} is not allowed")
    return Ip(address)


def _parse_cidr(text: str) -> Cidr:
    address, slash, length = text.partition("/")
    if not slash or not length.isdigit() or str(int(length)) != length:
        raise ValueError(f"{text!r} is no network in CIDR notation")
    _parse_ip(address)
    return Cidr(ipaddress.ip_interface(text))


def _parses(parse: Callable[[str], object]) -> Callable[[str], BoolType]:
    def check(text: str) -> BoolType:
        try:
            parse(text)
        except ValueError:
            return BoolType(source=False)
        return BoolType(source=True)

    return check


def _ip(value: Any) -> Ip:
    """`ip(string)`, and the method `ip()` of a network; an address stays one."""
    if isinstance(value, Ip):
        return value
    return Ip(value.interface.ip) if isinstance(value, Cidr) else _parse_ip(value)


def _masked(network: Cidr) -> Cidr:
    masked = network.interface.network
    return Cidr(ipaddress.ip_interface(f"{masked.network_address}/{masked.prefixlen}"))


def _contains_ip(network: Cidr, address: Any) -> BoolType:
    return BoolType(_ip(address).address in network.interface.network)


def _contains_cidr(network: Cidr, inner: Any) -> BoolType:
    other = (inner if isinstance(inner, Cidr) else _parse_cidr(inner)).interface.network
    outer: Any = network.interface.network
    return BoolType(outer.version == other.version and other.subnet_of(outer))


def _family(value: Ip) -> IntType:
    return IntType(value.address.version)


def _is_sorted(values: ListType) -> BoolType:
    return BoolType(all(bool(a <= b) for a, b in pairwise(cast("list[Any]", values))))


def _sum(values: ListType) -> Any:
    total: Any = IntType(0)
    for value in values:
        total = total + value
    return total


def _index_of(container: Any, searched: Any, start: int = 0) -> IntType:
    if isinstance(container, str):
        return IntType(container.find(searched, start))
    return IntType(next((at for at, value in enumerate(container) if value == searched), -1))


def _last_index_of(container: Any, searched: Any) -> IntType:
    if isinstance(container, str):
        return IntType(container.rfind(searched))
    return IntType(max((at for at, value in enumerate(container) if value == searched), default=-1))


def _strings(values: Any) -> ListType:
    return ListType([StringType(value) for value in values])


def _split(text: str, between: str, most: int = -1) -> ListType:
    if most == 0:
        return ListType([])
    pieces = list(text) if not between else text.split(between, most - 1 if most > 0 else -1)
    return _strings(pieces)


def _replace(text: str, old: str, new: str, most: int = -1) -> StringType:
    return StringType(text.replace(old, new, most))


def _substring(text: str, start: int, end: int | None = None) -> StringType:
    last = len(text) if end is None else end
    if not 0 <= start <= last <= len(text):
        raise ValueError(f"invalid substring range. start: {start}, end: {last}")
    return StringType(text[start:last])


def _find(text: str, pattern: str) -> StringType:
    match = re2.search(pattern, text)
    return StringType(str(match[0]) if match else "")


def _find_all(text: str, pattern: str, most: int = -1) -> ListType:
    matches = [match[0] for match in re2.finditer(pattern, text)]
    return _strings(matches if most < 0 else matches[:most])


def _ascii(text: str, change: Callable[[str], str]) -> StringType:
    return StringType("".join(change(letter) if letter.isascii() else letter for letter in text))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "isIP": _parses(_parse_ip),
    "ip": _ip,
    "family": _family,
    "isCIDR": _parses(_parse_cidr),
    "cidr": _parse_cidr,
    "masked": _masked,
    "prefixLength": lambda network: IntType(network.interface.network.prefixlen),
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "isLoopback": lambda value: BoolType(value.address.is_loopback),
    "isUnspecified": lambda value: BoolType(value.address.is_unspecified),
    "isSorted": _is_sorted,
    "sum": _sum,
    "min": min,
    "max": max,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "split": _split,
    "join": lambda values, between="": StringType(between.join(values)),
    "replace": _replace,
    "substring": _substring,
    "trim": lambda text: StringType(text.strip()),
    "charAt": lambda text, at: StringType(text[at : at + 1]),
    "lowerAscii": lambda text: _ascii(text, str.lower),
    "upperAscii": lambda text: _ascii(text, str.upper),
    "find": _find,
    "findAll": _find_all,
    "matches": lambda text, pattern: BoolType(re2.search(pattern, text) is not None),
    "string": lambda value: StringType(str(value.address) if isinstance(value, Ip) else value),
    "timestamp": celtypes.TimestampType,
    "duration": celtypes.DurationType,
}
