"""The addresses that channels may connect to. Pure.

An IPv6 address can contain an IPv4 address that a gateway connects to instead. Both must be allowed.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

Refusal = Literal["", "own", "private", "forbidden"]


def _networks(*texts: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(map(ip_network, texts))


OWN = _networks(
    *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"),
    *("::/127", "fe80::/10", "fec0::/10", "ff00::/8"),
    "168.63.129.16/32",  # Azure's DNS, health probes, and certificates for the guest agent
    *("100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::254/128"),  # metadata services of other clouds
)
PRIVATE = _networks(
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15"),
    *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "fc00::/7", "2001:db8::/32"),
)
_NAT64 = _networks("64:ff9b::/96", "64:ff9b:1::/48")
_COMPATIBLE = IPv6Network("::/96")
# The interface identifier of ISATAP, without the two variable bits.
_ISATAP, _ISATAP_BITS = 0x00005EFE, 0xFCFFFFFF
_INTERNAL_SUFFIXES = (".local", ".internal", ".svc", ".localhost", ".arpa", ".lan", ".home", ".corp")


def refusal(address: str, *, local: bool, private: bool) -> Refusal:
    """Return the reason why connections to an address are refused; empty if they are allowed.

    `local` allows addresses of the pod and of metadata services, `private` addresses of private networks.
    """
    try:
        meanings = list(_meanings(address))
    except ValueError:
        # A name would be resolved after this check, possibly to a refused address.
        return "forbidden"
    if not local and _any_in(meanings, OWN):
        return "own"
    return "private" if not private and _any_in(meanings, PRIVATE) else ""


def is_internal_name(host: str) -> bool:
    """Return whether only a resolver of the cluster or of a private network can resolve a host name."""
    return "." not in host or host.endswith(_INTERNAL_SUFFIXES)


def _any_in(addresses: list[IPv4Address | IPv6Address], networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address in network for address in addresses for network in networks)


def _meanings(text: str) -> Iterator[IPv4Address | IPv6Address]:
    """Yield an address and each IPv4 address that it contains."""
    address = ip_address(text.partition("%")[0])
    yield address
    if isinstance(address, IPv6Address):
        yield from filter(None, (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())))
        if _carries_last_bits(address):
            yield IPv4Address(int(address) & 0xFFFFFFFF)


def _carries_last_bits(address: IPv6Address) -> bool:
    is_compatible = address in _COMPATIBLE and int(address) > 1
    is_isatap = (int(address) >> 32) & _ISATAP_BITS == _ISATAP
    return is_compatible or is_isatap or any(address in network for network in _NAT64)
