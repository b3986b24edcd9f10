"""Databricks and SQL Managed Instance: every kind of rule, and the limits between a genuine rule and a forged one.

The texts and ports are those of Microsoft's documentation and of recorded rules.
"""

from typing import Any

import pytest

from nsg_baseline.core.nsg import flatten
from tests.support.preset_rules import Document, fits, rule
from tests.support.recorded import recorded_nsgs

DATABRICKS = "Microsoft.Databricks-workspaces_UseOnly_databricks-"
SQLMI = "Microsoft.Sql-managedInstances_UseOnly_mi-"
SUBNET = "10.0.0.0/24"
NETWORK = "VirtualNetwork"
PREFIXES = {"sourceAddressPrefix", "sourceAddressPrefixes", "destinationAddressPrefix", "destinationAddressPrefixes"}


def _databricks(kind: str, direction: str, source: str, destination: str, ports: str, description: str) -> Document:
    protocol = "*" if kind.startswith("worker-to-worker") else "Tcp"
    name = DATABRICKS + kind
    return rule(name, direction, source, destination, ports, {"description": description, "protocol": protocol})


PLANE = "AzureDatabricks"
WITHIN, SSH = "worker nodes communication within a cluster.", "Databricks control plane management of worker nodes."
TO_PLANE = "workers communication with Databricks {}."
DATABRICKS_RULES = [
    ("worker-to-worker-inbound", "Inbound", NETWORK, NETWORK, "*", WITHIN),
    ("worker-to-worker-outbound", "Outbound", NETWORK, NETWORK, "*", WITHIN),
    ("control-plane-to-worker-ssh", "Inbound", PLANE, NETWORK, "22", SSH),
    (
        *("control-plane-to-worker-proxy", "Inbound", PLANE, NETWORK, "5557"),
        "Databricks control plane communication with worker nodes.",
    ),
    *(
        (kind, "Outbound", NETWORK, PLANE, ports, TO_PLANE.format(text))
        for kind, text in (("worker-to-databricks-webapp", "Webapp"), ("worker-to-databricks-cp", "control plane"))
        for ports in ("443", "443,3306", "443,8443-8451", "443,3306,8443-8451")
    ),
    ("worker-to-sql", "Outbound", NETWORK, "Sql", "3306", "workers communication with Azure SQL services."),
    ("worker-to-storage", "Outbound", NETWORK, "Storage", "443", "workers communication with Azure Storage services."),
    (
        *("worker-to-eventhub", "Outbound", NETWORK, "EventHub", "9093"),
        "worker communication with Azure Eventhub services.",
    ),
]
EACH_DATABRICKS = [_databricks(*row[:-1], description=f"Required for {row[-1]}") for row in DATABRICKS_RULES]


@pytest.mark.parametrize("document", EACH_DATABRICKS, ids=[f"{row[0]} {row[4]}" for row in DATABRICKS_RULES])
def test_each_rule_of_databricks_with_its_description_or_none(document: Document) -> None:
    # Templates that declare the same rules leave the description out.
    assert fits("Databricks", document)
    assert fits("Databricks", {**document, "description": document["description"].upper()})
    assert fits("Databricks", {**document, "description": ""})
    assert not fits("Databricks", {**document, "description": f"{document['description']}!"})
    other_port = {**document, "destinationPortRanges": ["444"]}
    assert not fits("Databricks", other_port)


@pytest.mark.parametrize(("priority", "expected"), [(100, True), (199, True), (200, False), (99, False)])
def test_databricks_and_sql_use_the_first_hundred_priorities(priority: int, *, expected: bool) -> None:
    # An attacker who copies a name wants a priority before or after them.
    for preset, document in (("Databricks", EACH_DATABRICKS[0]), ("SQLManagedInstance", sqlmi("aad-out"))):
        assert fits(preset, {**document, "priority": priority}) is expected


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["10.0.0.0/24", "10.0.1.0/24"], True),
        (["10.0.0.0/16", "10.1.0.0/16"], True),
        (["172.16.0.0/16", "192.168.0.0/16"], True),
        (["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/32"], False),
        (["10.0.0.0/24", "8.8.8.0/24"], False),
        (["100.64.0.0/24"], True),
        (["9.255.255.255/32"], False),
        (["VirtualNetwork"], True),
        (["10.0.0.0/24", "Internet"], False),
    ],
)
def test_workers_are_in_the_network_or_in_two_private_subnets(sources: list[str], *, expected: bool) -> None:
    # Only between workers; the same addresses on both sides, and no more than two subnets of /16.
    side = {"sourceAddressPrefixes": sources, "destinationAddressPrefixes": sources}
    document = {key: value for key, value in EACH_DATABRICKS[0].items() if key not in PREFIXES}
    assert fits("Databricks", {**document, **side}) is expected
    other = {**side, "destinationAddressPrefixes": ["10.9.0.0/24"]}
    assert not fits("Databricks", {**document, **other})


def test_a_subnet_is_not_the_network_for_other_rules_of_databricks() -> None:
    sql = _databricks("worker-to-sql", "Outbound", NETWORK, "Sql", "3306", "")
    assert fits("Databricks", sql)
    assert not fits("Databricks", {**sql, "sourceAddressPrefix": SUBNET})
    assert not fits("Databricks", {**sql, "name": "worker-to-sql"})
    group = [{"id": "/subscriptions/1/a"}]
    inbound = {key: value for key, value in EACH_DATABRICKS[0].items() if key not in PREFIXES}
    groups = {"sourceApplicationSecurityGroups": group, "destinationApplicationSecurityGroups": group}
    assert not fits("Databricks", {**inbound, **groups})


STORAGE = "Allow outbound communication with storage over HTTPS"
SQLMI_RULES: dict[str, tuple[str, str, str, str, str, str]] = {
    "sqlmgmt-in": (
        *("Inbound", "Tcp", "SqlManagement", SUBNET, "9000,9003,1438,1440,1452"),
        "Allow MI provisioning Control Plane Deployment and Authentication Service",
    ),
    "corpsaw-in": ("Inbound", "Tcp", "CorpNetSaw", SUBNET, "9000,9003,1440", "Allow MI Supportability"),
    "corppublic-in": (
        *("Inbound", "Tcp", "CorpNetPublic", SUBNET, "9000,9003"),
        "Allow MI Supportability through Corpnet ranges",
    ),
    "healthprobe-in": (
        *("Inbound", "*", "AzureLoadBalancer", SUBNET, "*"),
        "Allow Azure Load Balancer inbound traffic",
    ),
    "internal-in": ("Inbound", "*", SUBNET, SUBNET, "*", "Allow MI internal inbound traffic"),
    "internal-out": ("Outbound", "*", SUBNET, SUBNET, "*", "Allow MI internal outbound traffic"),
    "services-out": (
        *("Outbound", "Tcp", SUBNET, "AzureCloud", "443,12000"),
        "Allow MI services outbound traffic over https",
    ),
    "aad-out": (
        *("Outbound", "Tcp", SUBNET, "AzureActiveDirectory", "443"),
        "Allow communication with Azure Active Directory over https",
    ),
    "onedsc-out": (
        *("Outbound", "Tcp", SUBNET, "OneDsCollector", "443"),
        "Allow communication with the One DS Collector over https",
    ),
    "strg-p-out": ("Outbound", "*", SUBNET, "Storage", "443", STORAGE),
    "strg-s-out": ("Outbound", "*", SUBNET, "Storage.westeurope", "443", STORAGE),
    "optional-azure-out": ("Outbound", "Tcp", SUBNET, "AzureCloud", "443", "Allow AzureCloud outbound https traffic"),
}


def sqlmi(kind: str, subnet: str = "10-0-0-0-24", version: str = "-v10", **fields: Any) -> Document:
    direction, protocol, source, destination, ports, description = SQLMI_RULES[kind]
    name = f"{SQLMI}{kind}-{subnet}{version}"
    return rule(
        name, direction, source, destination, ports, {"protocol": protocol, "description": description, **fields}
    )


@pytest.mark.parametrize("kind", SQLMI_RULES)
def test_each_rule_of_sql_managed_instance(kind: str) -> None:
    assert fits("SQLManagedInstance", sqlmi(kind))
    assert fits("SQLManagedInstance", sqlmi(kind, version="", description=None))
    assert not fits("SQLManagedInstance", sqlmi(kind, description="Allow"))
    assert not fits("SQLManagedInstance", sqlmi(kind, destinationPortRanges=["445"]))
    assert not fits("SQLManagedInstance", sqlmi(kind, protocol="Icmp"))
    assert not fits("SQLManagedInstance", sqlmi(kind, access="Deny"))


def test_the_recorded_rules_are_of_these_kinds() -> None:
    # The table above is from the documentation; what Azure really wrote must agree with it.
    rules = [flatten(item) for nsg in recorded_nsgs() for item in nsg["properties"]["securityRules"]]
    names = [item["name"].removeprefix(SQLMI) for item in rules if item["name"].startswith(SQLMI)]
    assert names
    assert all(any(name.startswith(f"{kind}-10-") or f"{kind}-" in name for kind in SQLMI_RULES) for name in names)


@pytest.mark.parametrize(
    ("subnet", "source", "expected"),
    [
        ("10-0-0-0-24", "10.0.0.0/24", True),
        ("10-0-0-0-24", "10.7.0.0/24", True),
        ("10-0-0-0-24", "192.168.3.0/24", True),
        ("10-0-0-0-24", "10.7.0.0/25", False),
        ("10-0-0-0-24", "10.7.0.0/23", False),
        ("10-0-0-0-24", "8.8.8.0/24", False),
        ("8-8-8-0-24", "8.8.8.0/24", True),
        ("10-0-0-0-16", "10.0.0.0/16", True),
        ("10-0-0-0-15", "10.0.0.0/15", False),
        ("0-0-0-0-0", "0.0.0.0/0", False),
        ("10-0-0-0-24", "*", False),
    ],
)
def test_a_renumbered_subnet_is_private_and_of_the_same_size(subnet: str, source: str, *, expected: bool) -> None:
    # The name is chosen by an attacker, so it may not stand for half the Internet.
    assert fits("SQLManagedInstance", sqlmi("aad-out", subnet, sourceAddressPrefix=source)) is expected


def test_two_subnets_are_not_the_subnet() -> None:
    several = sqlmi("aad-out", sourceAddressPrefix=None, sourceAddressPrefixes=[SUBNET, "10.0.9.0/24"])
    assert not fits("SQLManagedInstance", several)


@pytest.mark.parametrize(
    ("kind", "tag", "expected"),
    [
        ("strg-p-out", "Storage", True),
        ("strg-p-out", "storage.WestEurope", True),
        ("strg-p-out", "Storage.west-europe", False),
        ("strg-p-out", "AzureStorage.westeurope", False),
        ("aad-out", "Storage.westeurope", False),
        ("services-out", "AzureCloud.westeurope", False),
    ],
)
def test_only_storage_may_be_that_of_a_region(kind: str, tag: str, *, expected: bool) -> None:
    assert fits("SQLManagedInstance", sqlmi(kind, destinationAddressPrefix=tag)) is expected


@pytest.mark.parametrize(
    "name",
    [
        f"{SQLMI}aad-out-10-0-0-0-24-v1234",
        f"{SQLMI}aad-out-10-0-0-24",
        f"{SQLMI}other-out-10-0-0-0-24",
        f"x{SQLMI}aad-out-10-0-0-0-24",
        f"{SQLMI}aad-out-10-0-0-0-24x",
    ],
)
def test_another_name_is_not_that_of_sql_managed_instance(name: str) -> None:
    assert not fits("SQLManagedInstance", {**sqlmi("aad-out"), "name": name})
