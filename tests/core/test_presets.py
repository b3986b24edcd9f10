"""Presets: genuine rules of known writers are tolerated; forged and edited ones are not.

The rules of SQL Managed Instance are recorded. Names and shapes of the others come from public sources; the checksum
of the cluster that was examined live is unchanged.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nsg_baseline.core.nsg import flatten
from nsg_baseline.core.presets import PRESETS
from nsg_baseline.core.rules import normalise
from tests.support.recorded import recorded_nsgs

Document = dict[str, Any]
SQLMI_PREFIX = "Microsoft.Sql-managedInstances_UseOnly_mi-"
DATABRICKS_PREFIX = "Microsoft.Databricks-workspaces_UseOnly_databricks-"
LEAST = 20


def _inbound(name: str, priority: int, **fields: Any) -> Document:
    common = {"direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourcePortRange": "*"}
    return {"name": name, "priority": priority, **common, **fields}


def _aks_allow(number: int, protocol: str, sources: list[str], ports: list[int], family: int = 4) -> Document:
    checksum_input = f"{protocol}_{','.join(sorted(sources))}_{','.join(sorted(map(str, ports)))}"
    checksum = hashlib.md5(checksum_input.encode(), usedforsecurity=False).hexdigest()
    side = {"sourceAddressPrefix": sources[0]} if len(sources) == 1 else {"sourceAddressPrefixes": sources}
    address = f"20.8.{number}.7" if family == 4 else f"2603:1030::{number + 1}"
    return _inbound(
        f"k8s-azure-lb_allow_IPv{family}_{checksum}",
        500 + number,
        protocol=protocol,
        **side,
        destinationAddressPrefixes=[address],
        destinationPortRanges=[str(port) for port in ports],
    )


def _aks() -> Iterator[Document]:
    yield _inbound(
        "k8s-azure-lb_allow_IPv4_0e71c69d55927e99928ad7d522e5dd4f",
        500,
        sourceAddressPrefix="Internet",
        destinationAddressPrefixes=["20.8.0.7"],
        destinationPortRanges=["10254", "443", "80"],
    )
    for number in range(1, 10):
        yield _aks_allow(number, "Tcp", ["Internet"], [443, 80, 8000 + number][: 1 + number % 3])
    yield _aks_allow(10, "Udp", ["Internet"], [53])
    yield _aks_allow(11, "*", ["Internet"], [3868])
    yield _aks_allow(12, "Tcp", ["203.0.113.0/24"], [443])
    yield _aks_allow(13, "Tcp", ["203.0.113.7/32", "198.51.100.0/25"], [443, 80])
    yield _aks_allow(14, "Tcp", ["AzureFrontDoor.Backend"], [443])
    yield _aks_allow(15, "Tcp", ["10.0.0.0/8"], [9443])
    yield _aks_allow(16, "Tcp", ["2001:db8::/32"], [443], family=6)
    yield _aks_allow(17, "Tcp", ["Internet"], [443], family=6)
    several = _aks_allow(18, "Tcp", ["Internet"], [443])
    yield {**several, "destinationAddressPrefixes": ["10.224.0.4", "10.224.0.5", "10.224.0.6"]}
    for family, addresses in ((4, ["20.8.0.7", "20.8.0.8"]), (6, ["2603:1030::7"])):
        yield _inbound(
            f"k8s-azure-lb_deny-all_IPv{family}",
            4095 if family == 4 else 4094,
            access="Deny",
            protocol="*",
            sourceAddressPrefix="*",
            destinationAddressPrefixes=addresses,
            destinationPortRange="*",
        )


def _jit() -> Iterator[Document]:
    for number in range(20):
        allows = number % 2 == 1
        separator, sign = "-" if allows else "_", "-" if number % 3 == 0 else ""
        brand, short = ("MicrosoftDefenderForCloud", "MDC") if number % 5 == 4 else ("SecurityCenter", "ASC")
        ports = {"destinationPortRange": "22"} if allows else {"destinationPortRanges": ["22", "3389", "5985", "5986"]}
        yield _inbound(
            f"{brand}-JITRule{separator}{sign}11023{number:04}{separator}{number:032X}",
            100 + number if allows else 1000 + number,
            access="Allow" if allows else "Deny",
            protocol="Tcp" if allows else "*",
            sourceAddressPrefix=f"203.0.113.{number}" if number % 4 == 1 else "*",
            destinationAddressPrefix=f"10.1.0.{number + 4}",
            description=f"{short} JIT Network Access rule for policy 'default' of VM 'v{number}'.",
            **ports,
        )


_WEBAPP_PORTS = ["443", "3306", "8443-8451"]
_DATABRICKS = (
    ("worker-to-worker-inbound", "Inbound", "*", "VirtualNetwork", "VirtualNetwork", ["*"]),
    ("control-plane-to-worker-ssh", "Inbound", "Tcp", "AzureDatabricks", "VirtualNetwork", ["22"]),
    ("control-plane-to-worker-proxy", "Inbound", "Tcp", "AzureDatabricks", "VirtualNetwork", ["5557"]),
    ("worker-to-databricks-webapp", "Outbound", "Tcp", "VirtualNetwork", "AzureDatabricks", ["443"]),
    (
        "worker-to-databricks-webapp",
        "Outbound",
        "Tcp",
        "VirtualNetwork",
        "AzureDatabricks",
        ["443", "3306", "8443-8451"],
    ),
    ("worker-to-sql", "Outbound", "Tcp", "VirtualNetwork", "Sql", ["3306"]),
    ("worker-to-storage", "Outbound", "Tcp", "VirtualNetwork", "Storage", ["443"]),
    ("worker-to-worker-outbound", "Outbound", "*", "VirtualNetwork", "VirtualNetwork", ["*"]),
    ("worker-to-eventhub", "Outbound", "Tcp", "VirtualNetwork", "EventHub", ["9093"]),
)


def _databricks() -> Iterator[Document]:
    for first in (100, 101, 102):
        for number, (kind, direction, protocol, source, destination, ports) in enumerate(_DATABRICKS):
            ports_field = {"destinationPortRange": ports[0]} if len(ports) == 1 else {"destinationPortRanges": ports}
            yield _inbound(
                DATABRICKS_PREFIX + kind,
                first + number,
                direction=direction,
                protocol=protocol,
                sourceAddressPrefix=source,
                destinationAddressPrefix=destination,
                **ports_field,
            )


def _sqlmi() -> Iterator[Document]:
    for nsg in recorded_nsgs():
        for rule in nsg["properties"]["securityRules"]:
            if rule["name"].startswith(SQLMI_PREFIX):
                yield flatten(rule)


GENUINE: dict[str, list[Document]] = {
    "AKS": list(_aks()),
    "DefenderJIT": list(_jit()),
    "Databricks": list(_databricks()),
    "SQLManagedInstance": list(_sqlmi()),
}
EACH = [pytest.param(preset, rule, id=f"{preset}-{n}") for preset in GENUINE for n, rule in enumerate(GENUINE[preset])]


def _without_side(rule: Document, side: str) -> Document:
    return {key: value for key, value in rule.items() if not key.startswith(f"{side}Address")}


def _without_ports(rule: Document) -> Document:
    return {key: value for key, value in rule.items() if not key.startswith("destinationPort")}


def _from_everywhere(rule: Document) -> Document | None:
    """Return it with any source; None where its writer may say so."""
    if rule["access"] == "Deny" or "JITRule" in rule["name"] or rule["direction"] == "Outbound":
        return None
    return {**_without_side(rule, "source"), "sourceAddressPrefix": "0.0.0.0/0"}


def _other_access(rule: Document) -> Document | None:
    # Just-in-time access writes rules of both kinds alike.
    other = "Deny" if rule["access"] == "Allow" else "Allow"
    if "JITRule" in rule["name"] and rule["sourceAddressPrefix"] == "*":
        return None
    return {**rule, "access": other}


def _other_direction(rule: Document) -> Document:
    return {**rule, "direction": "Outbound" if rule["direction"] == "Inbound" else "Inbound"}


_EDITS: dict[str, Callable[[Document], Document | None]] = {
    "another name": lambda rule: {**rule, "name": rule["name"] + "x"},
    "a priority of its own": lambda rule: None if "JITRule" in rule["name"] else {**rule, "priority": 480},
    "another direction": lambda rule: {
        **rule,
        "direction": "Outbound" if rule["direction"] == "Inbound" else "Inbound",
    },
    "another access": _other_access,
    "another protocol": lambda rule: {**rule, "protocol": "Icmp"},
    "a wide range of ports": lambda rule: {**_without_ports(rule), "destinationPortRanges": ["1-65000"]},
    "one port more": lambda rule: {**_without_ports(rule), "destinationPortRanges": ["22-23"]},
    "every destination": lambda rule: {**_without_side(rule, "destination"), "destinationAddressPrefix": "0.0.0.0/0"},
    "every source": _from_everywhere,
    "a source port": lambda rule: {**rule, "sourcePortRange": "1024-65535"},
    "a description": lambda rule: {**rule, "description": "allow for the demo"},
}


def test_there_are_enough_genuine_rules_of_each_preset() -> None:
    # The parametrized tests below would pass without any case if a list was empty.
    assert all(len(rules) >= LEAST for rules in GENUINE.values())
    assert set(GENUINE) <= set(PRESETS)


@pytest.mark.parametrize(("preset", "rule"), EACH)
def test_a_genuine_rule_matches_exactly_its_preset(preset: str, rule: Document) -> None:
    # Reporting each of these rules every hour would make people disable the operator.
    assert [name for name, fits in PRESETS.items() if fits(normalise(rule))] == [preset]


@pytest.mark.parametrize("edit", _EDITS)
@pytest.mark.parametrize(("preset", "rule"), EACH)
def test_an_edited_or_forged_rule_matches_no_preset(preset: str, rule: Document, edit: str) -> None:
    # An attacker would choose such a name to hide a rule.
    forged = _EDITS[edit](rule)
    if forged is not None:
        assert not PRESETS[preset](normalise(forged)), edit  # type: ignore[index]  # the keys are those of PRESETS


def test_the_name_of_another_aks_rule_is_a_forgery() -> None:
    # The checksum in the name covers protocol, sources and ports, so the name does not match another rule.
    https, dns = (next(rule for rule in GENUINE["AKS"] if rule["priority"] == number) for number in (501, 510))
    assert not PRESETS["AKS"](normalise({**dns, "name": https["name"]}))
