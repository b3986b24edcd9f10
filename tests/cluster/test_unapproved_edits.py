"""Unapproved edits with unmodified az and Cloud Custodian, against the real operator."""

import asyncio
from pathlib import Path

import pytest

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE, DemoEnvironment, demo_environment, objects, recorded_nsgs
from tests.cluster.custodian import CLIENT_ID, custodian
from tests.emulator.arm.az import Az

pytestmark = pytest.mark.cluster
IDS = {nsg["name"]: str(nsg["id"]) for nsg in recorded_nsgs()}
# Custodian picks the priority before the first rule's, so the first rule must leave room.
NAMES = BY_AZ, BY_CUSTODIAN = "appgate", "c7n-nsg"
SUBSCRIPTION = IDS[BY_CUSTODIAN].split("/")[2]
OPEN_RDP = {
    "name": "open-rdp",
    "resource": "azure.networksecuritygroup",
    "filters": [{"type": "value", "key": "name", "value": BY_CUSTODIAN}],
    "actions": [{"type": "open", "ports": "3389", "direction": "Inbound", "prefix": "rogue-"}],
}


def _rules(environment: DemoEnvironment) -> dict[str, set[str]]:
    nsgs = {name: environment.azure.emulator.store.nsgs[IDS[name].lower()] for name in NAMES}
    return {name: {rule.name for rule in nsg.rules} for name, nsg in nsgs.items()}


def _is_compliant(environment: DemoEnvironment) -> bool:
    statuses = [environment.custom("NSGBaseline", name).get("status") or {} for name in NAMES]
    return all(status.get("changeCount") == 0 for status in statuses)


async def _open_ssh(environment: DemoEnvironment, folder: Path) -> None:
    az = await asyncio.to_thread(Az, environment.azure, folder)
    _, _, subscription, _, group, *_ = IDS[BY_AZ].split("/")
    where = ("--resource-group", group, "--nsg-name", BY_AZ, "--subscription", subscription)
    ssh = ("--priority", "1000", "--destination-port-ranges", "22", "--source-address-prefixes", "Internet")
    await asyncio.to_thread(az, "network", "nsg", "rule", "create", *where, "--name", "open-ssh", *ssh)


async def test_rules_of_az_and_custodian_are_notified_and_reverted(tmp_path: Path) -> None:
    # Attackers do not use this project's test client.
    async with (
        demo_environment(tmp_path) as environment,
        custodian(environment.azure.emulator, SUBSCRIPTION, tmp_path) as cleaner,
    ):
        for resource in objects(environment.receiver):
            environment.cluster.api.apply(resource)
        await environment.start_operator()
        await environment.until(lambda: _is_compliant(environment))
        approved = _rules(environment)

        await _open_ssh(environment, tmp_path)
        await environment.receiver.next(BY_AZ, "new rule open-ssh")
        output = await cleaner.run(OPEN_RDP)
        assert "ERROR" not in output, output
        await environment.receiver.next(BY_CUSTODIAN, "new rule rogue-")
        writers = {
            resource.caller for resource in environment.azure.emulator.requests.records if resource.method == "PUT"
        }
        assert CLIENT_ID in writers
        assert _rules(environment) != approved

        environment.cluster.api.patch(API_VERSION, "NSGScope", "demo", {"spec": {"maxMode": "Enforce"}})
        for name in NAMES:
            environment.cluster.api.patch(
                API_VERSION, "NSGBaseline", name, {"spec": {"mode": "Enforce"}}, TEAM_NAMESPACE
            )
        for name in NAMES:
            await environment.receiver.next("FIXED", name)
        assert _rules(environment) == approved
