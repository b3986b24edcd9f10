"""The NSGs and their approved rules: which may be restored, and which must never be written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nsg_emulator.arm import ArmEmulator
from tests.chaos.environment import API, STRANGERS, TEAM
from tests.support.rule_shorthand import arm_rule

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
FORBIDDEN = 3389
"""The port that the guardrail forbids."""
OWNED = "keep-"
"""So begin the names of the rules of a co-owner, whom every baseline tolerates."""
Rules = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Actor:
    """One NSG, and the namespace of its baseline, if it has one.

    `writable` says whether scope and namespace let the operator write there.
    """

    name: str
    group: str
    namespace: str | None = TEAM
    mode: str = "Enforce"
    writable: bool = True

    @property
    def id(self) -> str:
        """The NSG's resource id."""
        group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{self.group}"
        return f"{group}/providers/Microsoft.Network/networkSecurityGroups/{self.name}"


CAST = (
    Actor("web", "rg-prod"),
    Actor("db", "rg-prod"),
    Actor("cache", "rg-prod"),
    Actor("quiet", "rg-prod", mode="Alert"),
    Actor("foreign", "rg-prod", namespace=STRANGERS, writable=False),
    Actor("stray", "rg-prod", namespace=None, writable=False),
    Actor("app", "rg-watch", writable=False),
    Actor("lone", "rg-out", writable=False),
)
BEGINNING = [
    arm_rule("100 web allow tcp Internet -> *:443"),
    arm_rule("110 apps allow tcp 10.0.0.0/8 -> *:8080-8090"),
    arm_rule("120 deny-rest deny * * -> *:*"),
]
OWNERS = [arm_rule("3000 keep-lb allow tcp 10.1.0.0/16 -> *:80")]


def document(actor: Actor, rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return an NSG as ARM takes it."""
    arm_rules = [{"name": rule["name"], "properties": {k: v for k, v in rule.items() if k != "name"}} for rule in rules]
    return {"id": actor.id, "name": actor.name, "location": "westeurope", "properties": {"securityRules": arm_rules}}


def nsgs() -> list[dict[str, Any]]:
    """Return all NSGs as they are at first: as approved, and a co-owner's rule in each."""
    return [document(actor, [*BEGINNING, *OWNERS]) for actor in CAST]


def objects() -> list[dict[str, Any]]:
    """Return both scopes and all baselines."""
    prod = {"resourceGroups": ["rg-prod"], "maxMode": "Enforce"}
    return [
        _scope("production", **prod),
        _scope("watched", resourceGroups=["rg-watch"]),
        *(baseline(actor, BEGINNING) for actor in CAST if actor.namespace is not None),
        guardrail(),
    ]


def guardrail() -> dict[str, Any]:
    """Return the guardrail against remote desktop from the Internet."""
    never = {"direction": "Inbound", "protocols": ["Tcp"], "source": "Internet", "ports": [str(FORBIDDEN)]}
    metadata = {"name": "no-remote-desktop"}
    return {"apiVersion": API, "kind": "NSGGuardrail", "metadata": metadata, "spec": {"never": [never]}}


def violates(rules: Iterable[Mapping[str, Any]]) -> bool:
    """Say whether rules violate the guardrail. Knows only the rules that chaos writes."""
    inbound = (rule for rule in rules if rule.get("direction") == "Inbound")
    for rule in sorted(inbound, key=lambda rule: int(rule["priority"])):
        if rule["sourceAddressPrefix"] in ("Internet", "*") and _has(rule, FORBIDDEN):
            return bool(rule["access"] == "Allow")
    return False


def _has(rule: Mapping[str, Any], port: int) -> bool:
    first, _, last = str(rule["destinationPortRange"]).partition("-")
    is_of_port = first == "*" or int(first) <= port <= int(last or first)
    return is_of_port and rule["protocol"].lower() in ("tcp", "*")


def baseline(actor: Actor, rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a baseline that approves rules."""
    spec = {
        "target": {"resourceId": actor.id},
        "mode": actor.mode,
        "rules": rules,
        "tolerate": [{"name": f"{OWNED}*"}],
        "rolloutGrace": "0s",
        "enforcement": {"maxChanges": 1000},
    }
    meta = {"name": actor.name, "namespace": actor.namespace}
    return {"apiVersion": API, "kind": "NSGBaseline", "metadata": meta, "spec": spec}


def _scope(name: str, **spec: Any) -> dict[str, Any]:
    fixed = {"subscriptionId": SUBSCRIPTION, "interval": "60s", "allowedNamespaces": {"names": [TEAM]}}
    return {"apiVersion": API, "kind": "NSGScope", "metadata": {"name": name}, "spec": {**fixed, **spec}}


def live(azure: ArmEmulator, actor: Actor) -> Rules | None:
    """Return an NSG's rules by name, as they stand in Azure now; None when there is no such NSG."""
    nsg = azure.store.nsgs.get(actor.id.lower())
    return {rule.name.lower(): dict(rule.properties) for rule in nsg.rules} if nsg is not None else None


def owned(rules: Rules) -> Rules:
    """Return the co-owner's rules among some. Azure adds empty lists to a rule when the NSG is written first."""
    own_rules = {name: rule for name, rule in rules.items() if name.startswith(OWNED)}
    return {name: {key: value for key, value in rule.items() if value} for name, rule in own_rules.items()}


def differs(rules: Rules | None, approved: list[dict[str, Any]]) -> bool:
    """Say whether rules are other than approved, the co-owner's aside. Knows only the rules that chaos writes."""
    if rules is None:
        return True
    operator = {name: _meaning(rule) for name, rule in rules.items() if not name.startswith(OWNED)}
    return operator != {str(rule["name"]).lower(): _meaning(rule) for rule in approved}


def _meaning(rule: dict[str, Any]) -> tuple[Any, ...]:
    fields = ("priority", "direction", "access", "protocol", "sourceAddressPrefix", "destinationAddressPrefix")
    return *(rule.get(name) for name in fields), rule.get("destinationPortRange"), rule.get("sourcePortRange")
