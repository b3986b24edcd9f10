"""Just-in-time access and AKS: the limits between a genuine rule and a forged one."""

import hashlib
from typing import Any

import pytest

from nsg_baseline.core.presets.aks import checksums
from tests.support.preset_rules import Document, fits, rule


def jit(**fields: Any) -> Document:
    name = f"MicrosoftDefenderForCloud-JITRule_-1102345_{'A1' * 16}"
    description = "MDC JIT Network Access rule for policy 'default' of VM 'v'."
    return rule(name, "Inbound", "*", "10.0.0.4", "22,3389", {"description": description, "access": "Deny", **fields})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"protocol": "Udp"}, True),
        ({"protocol": "*"}, True),
        ({"protocol": "Icmp"}, False),
        ({"description": "ASC JIT Network Access rule"}, True),
        ({"description": "the MDC JIT Network Access rule"}, False),
        ({"description": ""}, False),
        ({"name": f"SecurityCenter-JITRule-1_{'0' * 32}"}, True),
        ({"name": f"SecurityCenter-JITRule-1_{'0' * 31}"}, False),
        ({"name": f"SecurityCenter-JITRule-1_{'0' * 32}0"}, False),
        ({"name": f"SecurityCenter-JITRule-12345678901_{'0' * 32}"}, False),
        ({"destinationPortRanges": ["22-23"]}, False),
        ({"destinationPortRanges": ["22", "80-81"]}, False),
        ({"destinationPortRanges": []}, False),
        ({"destinationAddressPrefix": None, "destinationAddressPrefixes": ["10.0.0.4", "10.0.0.9"]}, False),
        ({"destinationAddressPrefix": "10.0.0.0/24"}, False),
        ({"destinationAddressPrefix": "VirtualNetwork"}, False),
        ({"direction": "Outbound"}, False),
        ({"sourcePortRange": "53"}, False),
        # A request names the addresses that may connect; the rule that denies has no source of that kind.
        ({"access": "Allow", "sourceAddressPrefix": "203.0.113.7"}, True),
        ({"access": "Allow"}, True),
        ({"sourceAddressPrefix": "203.0.113.7"}, False),
        ({"access": "Allow", "sourceAddressPrefix": "Internet"}, False),
        ({"access": "Allow", "sourceAddressPrefix": None, "sourceAddressPrefixes": ["1.1.1.1", "Sql"]}, False),
        ({"access": "Allow", "sourceApplicationSecurityGroups": [{"id": "/a"}]}, False),
        ({"destinationApplicationSecurityGroups": [{"id": "/a"}]}, False),
    ],
)
def test_just_in_time_access(fields: Document, *, expected: bool) -> None:
    assert fits("DefenderJIT", jit(**fields)) is expected


def aks(
    protocol: str = "Tcp", sources: str = "Internet", ports: str = "443", family: int = 4, **fields: Any
) -> Document:
    text = f"{protocol}_{','.join(sorted(sources.split(',')))}_{','.join(sorted(ports.split(',')))}"
    checksum = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    several = {"sourceAddressPrefix": None, "sourceAddressPrefixes": sources.split(",")}
    return rule(
        f"k8s-azure-lb_allow_IPv{family}_{checksum}",
        "Inbound",
        sources,
        "20.8.0.7" if family == 4 else "2603:1030::7",
        ports,
        {"priority": 500, "protocol": protocol, **(several if "," in sources else {}), **fields},
    )  # fmt: skip


def aks_deny(**fields: Any) -> Document:
    common = {"priority": 4095, "access": "Deny", "protocol": "*"}
    return rule("k8s-azure-lb_deny-all_IPv4", "Inbound", "*", "20.8.0.7", "*", {**common, **fields})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (aks(), True),
        (aks("Udp", ports="53"), True),
        (aks("*", ports="3868"), True),
        (aks("Icmp"), False),
        (aks(ports="443,80,8080"), True),
        (aks(sources="203.0.113.0/24,198.51.100.0/24"), True),
        (aks(sources="2001:db8::/32", family=6), True),
        (aks(sources="2001:db8::/32"), False),
        (aks(family=6, destinationAddressPrefix="20.8.0.7"), False),
        (aks(family=6, destinationAddressPrefix=None, destinationAddressPrefixes=["2603::7", "20.8.0.7"]), False),
        (aks(priority=4095), True),
        (aks(priority=4096), False),
        (aks(priority=499), False),
        (aks(access="Deny"), False),
        (aks(direction="Outbound"), False),
        (aks(sourcePortRange="53"), False),
        (aks(description="mine"), False),
        (aks(sourceApplicationSecurityGroups=[{"id": "/a"}]), False),
        (aks(destinationApplicationSecurityGroups=[{"id": "/a"}]), False),
        (aks(destinationAddressPrefix="20.8.0.0/24"), False),
        (aks(destinationPortRanges=["442-443"]), False),
        # The provider writes the plural field even for one port.
        (aks(destinationPortRanges=None, destinationPortRange="443"), False),
        (aks_deny(), True),
        (aks_deny(access="Allow"), False),
        (aks_deny(protocol="Tcp"), False),
        (aks_deny(sourceAddressPrefix="Internet"), False),
        (aks_deny(destinationPortRanges=["80"]), False),
        (aks_deny(name="k8s-azure-lb_deny-all_IPv6"), False),
        (aks_deny(name="k8s-azure-lb_deny-all_IPv5"), False),
    ],
)
def test_aks(document: Document, *, expected: bool) -> None:
    assert fits("AKS", document) is expected


def test_the_checksum_of_aks_covers_protocol_sources_and_ports_in_any_order() -> None:
    # The provider sorts each of them as text. Services may spell one source in two ways.
    assert checksums("Tcp", ["b", "a"], [80, 443]) == checksums("Tcp", ["a", "b"], [443, 80, 80])
    assert checksums("Tcp", ["a"], [80]).isdisjoint(checksums("Udp", ["a"], [80]))
    address, prefix = checksums("Tcp", ["1.2.3.4"], [80]), checksums("Tcp", ["1.2.3.4/32"], [80])
    assert prefix <= address
    assert len(address) == 2
    text = hashlib.md5(b"Tcp_Internet_443", usedforsecurity=False).hexdigest()
    assert text in checksums("Tcp", ["internet"], [443])
    assert text not in checksums("Tcp", ["AzureCloud"], [443])
    host_bits = hashlib.md5(b"Tcp_10.1.0.0/16_443", usedforsecurity=False).hexdigest()
    assert host_bits in checksums("Tcp", ["10.1.2.3/16"], [443])
