"""The demo's scenario: unapproved changes in Azure, and the alerts that the operator sends."""

import time
from collections.abc import Callable
from typing import Any

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import ROGUE, TEAM_NAMESPACE, DemoEnvironment, objects, recorded_nsgs

_ANY = {"sourcePortRange": "*", "destinationAddressPrefix": "*", "direction": "Inbound", "protocol": "Tcp"}
OPEN_SSH = {
    **_ANY,
    "priority": 4000,
    "access": "Allow",
    "sourceAddressPrefix": "Internet",
    "destinationPortRange": "22",
}


class Scenario:
    """Runs the scenario step by step and prints each alert with `echo`."""

    def __init__(self, environment: DemoEnvironment, echo: Callable[[str], None]) -> None:
        self._environment = environment
        self._echo = echo
        self._ids = {nsg["name"]: str(nsg["id"]) for nsg in recorded_nsgs()}
        self._started = time.monotonic()
        self._step = 0

    async def play(self) -> None:
        """Run all steps.

        Raises:
            TimeoutError: an expected alert or verdict did not arrive.
        """
        await self._prepare()
        await self._changes()
        await self._enforcement()

    async def _prepare(self) -> None:
        """Import and apply the baselines, start the operator, wait for its first verdicts."""
        manifests = objects(self._environment.receiver)
        for manifest in manifests:
            self._environment.cluster.api.apply(manifest)
        names = [manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] == "NSGBaseline"]
        self._title(f"{len(names)} NSGs recorded from Azure, imported as baselines: {', '.join(names)}")
        await self._environment.start_operator()
        await self._environment.until(lambda: all(self._condition(name, "Compliant") == "True" for name in names))
        self._echo("The operator is running. Every NSG matches its baseline.")

    async def _changes(self) -> None:
        """Make each kind of unapproved change and wait for its alert."""
        rogue, appgate = self._environment.rogue, self._ids["appgate"]
        self._title(f"{ROGUE} opens SSH to the Internet in appgate")
        await rogue.put_rule(appgate, "open-ssh", **OPEN_SSH)
        await self._alert("appgate", "open-ssh")
        self._echo("The operator names the author as soon as the change appears in Azure's Activity Log:")
        await self._alert(ROGUE, "open-ssh")

        self._title(f"{ROGUE} widens a rule of us3-staging-dog-vault")
        vault = self._ids["us3-staging-dog-vault"]
        await rogue.put_rule(vault, "us3-staging-dog-vault-ssh", **{**OPEN_SSH, "priority": 1001})
        await self._alert("vault", "us3-staging-dog-vault-ssh")

        self._title(f"{ROGUE} deletes the rule that blocks SSH in c7n-nsg")
        await rogue.delete_rule(self._ids["c7n-nsg"], "test4")
        await self._alert("c7n-nsg", "test4")

        self._title(f"{ROGUE} creates an NSG without a baseline")
        new = self._ids["nsg-mixed-rules"].replace("nsg-mixed-rules", "backdoor")
        rules = [{"name": "everything", "properties": {**OPEN_SSH, "protocol": "*", "destinationPortRange": "*"}}]
        await rogue.put_nsg(new, {"location": "westus", "properties": {"securityRules": rules}})
        await self._alert("backdoor")

        self._title(f"{ROGUE} deletes the NSG nsg-mixed-rules")
        await rogue.delete_nsg(self._ids["nsg-mixed-rules"])
        await self._alert("nsg-mixed-rules")

    async def _enforcement(self) -> None:
        """Switch to enforce mode, and repeat an unapproved change."""
        self._title("The scope and the baseline of appgate switch to Enforce: the operator removes open-ssh")
        api = self._environment.cluster.api
        api.patch(API_VERSION, "NSGScope", "demo", {"spec": {"maxMode": "Enforce"}})
        api.patch(API_VERSION, "NSGBaseline", "appgate", {"spec": {"mode": "Enforce"}}, TEAM_NAMESPACE)
        await self._alert("FIXED", "appgate")

        self._title(f"{ROGUE} opens RDP to the Internet in appgate")
        rdp = {**OPEN_SSH, "priority": 4001, "destinationPortRange": "3389"}
        await self._environment.rogue.put_rule(self._ids["appgate"], "open-rdp", **rdp)
        await self._alert("appgate", "open-rdp")
        await self._alert("FIXED", "appgate", "open-rdp")
        live = await self._environment.rogue.get(self._ids["appgate"])
        names = sorted(rule["name"] for rule in live["properties"]["securityRules"])
        if {"open-ssh", "open-rdp"} & set(names):
            raise RuntimeError(f"the operator reported the rules as restored, but Azure has {', '.join(names)}")
        self._echo(f"Rules of appgate in Azure now: {', '.join(names)}")

    async def _alert(self, *words: str) -> None:
        alert = await self._environment.receiver.next(*words)
        self._echo(f"Alert received {time.monotonic() - self._started:.0f} s after the start:")
        self._echo("\n".join(f"    | {line}".rstrip() for line in f"{alert['title']}\n{alert['message']}".splitlines()))

    def _condition(self, name: str, kind: str) -> str | None:
        status: dict[str, Any] = self._environment.custom("NSGBaseline", name).get("status") or {}
        conditions = status.get("conditions", ())
        return next((condition["status"] for condition in conditions if condition["type"] == kind), None)

    def _title(self, text: str) -> None:
        self._step += 1
        self._echo(f"\n{self._step}. {text}")


def outline(environment: DemoEnvironment) -> str:
    """Return one line for each stored incident: namespace/name, state, summary."""
    incidents = environment.cluster.api.list(API_VERSION, "NSGIncident")
    return "\n".join(sorted(map(_line, incidents)))


def _line(incident: dict[str, Any]) -> str:
    meta, status = incident["metadata"], incident["status"]
    return f"{meta['namespace']}/{meta['name']}: {status['state']}, {status['summary']}"
