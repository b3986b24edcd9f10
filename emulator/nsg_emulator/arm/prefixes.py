"""Parses ports and address prefixes like the network provider."""

import ipaddress
import re
import socket

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ANY = "*"
_TAG = re.compile(r"^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)*$")
_PORT = re.compile(r"^(\d{1,5})(?:-(\d{1,5}))?$")
_TOP_PORT = 65535


def is_port_range(value: str) -> bool:
    """Return whether a text is a port or a range such as `1000-2000`, low end first, from 0 to 65535."""
    match = _PORT.match(value)
    if match is None:
        return False
    low = int(match[1])
    high = int(match[2]) if match[2] else low
    return low <= high <= _TOP_PORT


def is_tag(value: str) -> bool:
    """Return whether a text has the form of a service tag. Its existence is not checked: Azure adds tags monthly."""
    return bool(_TAG.match(value))


def network(value: str) -> Network | None:
    """Return the network of a prefix; None if it is not a prefix.

    Host bits are rejected (as reported). `789` is the address 0.0.3.21 (recorded in 2017) and stored as sent.
    """
    address, slash, _ = value.partition("/")
    try:
        if ":" in value or slash:
            return ipaddress.ip_network(value) if ":" in value or address.count(".") else None
        return ipaddress.ip_network(socket.inet_ntoa(socket.inet_aton(address)))
    except (ValueError, OSError):
        return None


def overlap(prefixes: list[str]) -> tuple[str, str] | None:
    """Return the first two prefixes of a list that overlap; None if no two do."""
    spans = sorted(_span(prefix, parsed) for prefix in prefixes if (parsed := network(prefix)) is not None)
    widest: tuple[int, int, int, str] | None = None
    for span in spans:
        if widest is not None and span[0] == widest[0] and span[1] <= widest[2]:
            return widest[3], span[3]
        if widest is None or span[0] != widest[0] or span[2] > widest[2]:
            widest = span
    return None


def families(prefixes: list[str]) -> set[int]:
    """Return the IP versions of the prefixes in a list."""
    return {parsed.version for prefix in prefixes if (parsed := network(prefix)) is not None}


def _span(prefix: str, net: Network) -> tuple[int, int, int, str]:
    return net.version, int(net.network_address), int(net.broadcast_address), prefix
