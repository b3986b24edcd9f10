"""The story that the demo tells: what somebody does to Azure, and what the operator says of it."""

import textwrap
import time
from collections.abc import Callable
from typing import Any

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE, DemoEnvironment, objects, recorded_nsgs

_ANY = {"sourcePortRange": "*", "destinationAddressPrefix": "*", "direction": "Inbound", "protocol": "Tcp"}
OPEN_SSH = {
    **_ANY,
    "priority": 4000,
    "access": "Allow",
    "sourceAddressPrefix": "Internet",
    "destinationPortRange": "22",
}


class ScenarioStep:
    """Tells the story step by step. `say` prints."""

    def __init__(self, stage: DemoEnvironment, say: Callable[[str], None]) -> None:
        self._stage = stage
        self._say = say
        self._ids = {nsg["name"]: str(nsg["id"]) for nsg in recorded_nsgs()}
        self._began = time.monotonic()
        self._step = 0

    async def tell(self) -> None:
        """Tell all of it.

        Raises:
            TimeoutError: the operator did not say what it should have.
        """
        await self.prepare()
        await self.changes()
        await self.enforcement()

    async def prepare(self) -> None:
        """Import and apply the baselines, start the operator, wait for its first verdicts."""
        found = objects(self._stage.receiver)
        for one in found:
            self._stage.cluster.api.apply(one)
        names = [one["metadata"]["name"] for one in found if one["kind"] == "NSGBaseline"]
        self._title(f"{len(names)} NSGs, recorded from Azure, imported as baselines and applied: {', '.join(names)}")
        await self._stage.start_operator()
        await self._stage.until(lambda: all(self._condition(name, "Compliant") == "True" for name in names))
        self._say("nsgb run is up: every NSG matches what is approved")

    async def changes(self) -> None:
        """Every kind of unapproved change, and the alert of each."""
        rogue, appgate = self._stage.rogue, self._ids["appgate"]
        self._title("jo@example.com opens SSH to the Internet in appgate")
        await rogue.put_rule(appgate, "open-ssh", **OPEN_SSH)
        await self._alert("appgate", "RuleCreated open-ssh")
        self._say("and who it was, as soon as Azure's Activity Log has it")
        await self._alert("WHO", "open-ssh")

        self._title("jo@example.com widens a rule of us3-staging-dog-vault")
        vault = self._ids["us3-staging-dog-vault"]
        await rogue.put_rule(vault, "us3-staging-dog-vault-ssh", **{**OPEN_SSH, "priority": 1001})
        await self._alert("vault", "RuleUpdated us3-staging-dog-vault-ssh")

        self._title("jo@example.com deletes the rule that kept SSH shut in c7n-nsg")
        await rogue.delete_rule(self._ids["c7n-nsg"], "test4")
        await self._alert("c7n-nsg", "RuleDeleted test4")

        self._title("jo@example.com creates an NSG that nobody declared")
        new = self._ids["nsg-mixed-rules"].replace("nsg-mixed-rules", "backdoor")
        rules = [{"name": "everything", "properties": {**OPEN_SSH, "protocol": "*", "destinationPortRange": "*"}}]
        await rogue.put_nsg(new, {"location": "westus", "properties": {"securityRules": rules}})
        await self._alert("NSGCreated backdoor")

        self._title("jo@example.com deletes nsg-mixed-rules altogether")
        await rogue.delete_nsg(self._ids["nsg-mixed-rules"])
        await self._alert("nsg-mixed-rules", "NSGDeleted")

    async def enforcement(self) -> None:
        """The same again, where both scope and baseline say Enforce."""
        self._title("scope and baseline of appgate switch to Enforce: the open rule is put back")
        api = self._stage.cluster.api
        api.patch(API_VERSION, "NSGScope", "demo", {"spec": {"maxMode": "Enforce"}})
        api.patch(API_VERSION, "NSGBaseline", "appgate", {"spec": {"mode": "Enforce"}}, TEAM_NAMESPACE)
        await self._alert("RESOLVED", "appgate", "open-ssh")

        self._title("jo@example.com tries again, with RDP")
        rdp = {**OPEN_SSH, "priority": 4001, "destinationPortRange": "3389"}
        await self._stage.rogue.put_rule(self._ids["appgate"], "open-rdp", **rdp)
        await self._alert("NSG appgate: RuleCreated open-rdp")
        await self._alert("RESOLVED", "appgate", "open-rdp")
        live = await self._stage.rogue.get(self._ids["appgate"])
        names = sorted(rule["name"] for rule in live["properties"]["securityRules"])
        if {"open-ssh", "open-rdp"} & set(names):
            raise RuntimeError(f"the operator said that it put the rules back, but Azure has {', '.join(names)}")
        self._say(f"Azure now has: {', '.join(names)}")

    async def _alert(self, *words: str) -> None:
        alert = await self._stage.receiver.next(*words)
        self._say(f"alert, as the chat got it ({time.monotonic() - self._began:.0f} s after the start):")
        self._say(textwrap.indent(f"{alert['title']}\n{alert['message']}", "    | ", lambda _: True))

    def _condition(self, name: str, kind: str) -> str | None:
        status: dict[str, Any] = self._stage.custom("NSGBaseline", name).get("status") or {}
        return next((one["status"] for one in status.get("conditions", ()) if one["type"] == kind), None)

    def _title(self, text: str) -> None:
        self._step += 1
        self._say(f"\n{self._step}. {text}")


def outline(stage: DemoEnvironment) -> str:
    """Return the incidents as they stand, a line each."""
    found = stage.cluster.api.list(API_VERSION, "NSGIncident")
    return "\n".join(sorted(map(_line, found)))


def _line(incident: dict[str, Any]) -> str:
    meta, status = incident["metadata"], incident["status"]
    return f"{meta['namespace']}/{meta['name']}: {status['state']}, {status['summary']}"
