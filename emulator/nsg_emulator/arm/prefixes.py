"""Ports and address prefixes as the network provider reads them."""

import ipaddress
import re
import socket

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ANY = "*"
_TAG = re.compile(r"^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)*$")
_PORT = re.compile(r"^(\d{1,5})(?:-(\d{1,5}))?$")
_TOP_PORT = 65535


def is_port_range(value: str) -> bool:
    """`443`, `1000-2000`: integers of 0 to 65535, the first not above the second."""
    match = _PORT.match(value)
    if match is None:
        return False
    low = int(match[1])
    high = int(match[2]) if match[2] else low
    return low <= high <= _TOP_PORT


def is_tag(value: str) -> bool:
    """A service tag by its look. Which tags exist is not checked: Azure adds some every month."""
    return bool(_TAG.match(value))


def network(value: str) -> Network | None:
    """The network of a prefix, None when it is none.

    Host bits are refused (as reported). A bare `789` is the address 0.0.3.21: recorded, in 2017, and kept as sent.
    """
    address, slash, _ = value.partition("/")
    try:
        if ":" in value or slash:
            return ipaddress.ip_network(value) if ":" in value or address.count(".") else None
        return ipaddress.ip_network(socket.inet_ntoa(socket.inet_aton(address)))
    except (ValueError, OSError):
        return None


def overlap(prefixes: list[str]) -> tuple[str, str] | None:
    """The first two prefixes of a list that share an address, in the list's order of meeting."""
    spans = sorted(_span(prefix, parsed) for prefix in prefixes if (parsed := network(prefix)) is not None)
    widest: tuple[int, int, int, str] | None = None
    for span in spans:
        if widest is not None and span[0] == widest[0] and span[1] <= widest[2]:
            return widest[3], span[3]
        if widest is None or span[0] != widest[0] or span[2] > widest[2]:
            widest = span
    return None


def families(prefixes: list[str]) -> set[int]:
    """The IP versions that a list mentions."""
    return {parsed.version for prefix in prefixes if (parsed := network(prefix)) is not None}


def _span(prefix: str, net: Network) -> tuple[int, int, int, str]:
    return net.version, int(net.network_address), int(net.broadcast_address), prefix
