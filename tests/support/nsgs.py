"""NSGs for laws: documents of ARM's REST form, baselines, and drift with known changes."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.nsg import ApprovedNSG, parse_approved
from tests.support.rules import Document, altered, recased, respelled, rules

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-web"
NSG = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/web"
SUBNET = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/{}"
NETWORK_INTERFACE = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/{}"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
# Rules under this name are a co-owner's in every baseline here.
CO_OWNED = "co-"
TOLERATE = [{"name": f"{CO_OWNED}*"}]
SET_BY_AZURE = {"provisioningState": "Succeeded", "resourceGuid": "1a9dc73e-b10c-4bfd-a9b0-a61078106c9f"}


def rule(name: str = "web", **fields: Any) -> Document:
    """Return a plain rule, some fields given; a field given as None is left out."""
    document = {
        "name": name,
        "priority": 100,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "Tcp",
        "sourceAddressPrefix": "10.0.0.0/8",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "443",
    }
    return {key: value for key, value in {**document, **fields}.items() if value is not None}


def nsg(rules: Iterable[Document] = (), **fields: Any) -> Document:
    """Return an NSG of ARM's REST form with these rules, each with what Azure adds; `fields` go to the top level."""
    return {
        "name": "web",
        "id": NSG,
        "etag": 'W/"1"',
        "type": "Microsoft.Network/networkSecurityGroups",
        "location": "westeurope",
        "systemData": {"createdBy": "jo@example.com"},
        **fields,
        "properties": {
            **SET_BY_AZURE,
            "flushConnection": False,
            "securityRules": [_rest(document) for document in rules],
            "defaultSecurityRules": [_rest(rule("DenyAllInBound", priority=65500, access="Deny", protocol="*"))],
            **fields.get("properties", {}),
        },
    }


def _rest(document: Document) -> Document:
    properties = {key: value for key, value in document.items() if key != "name"}
    return {
        "name": document["name"],
        "id": f"{NSG}/securityRules/{document['name']}",
        "etag": 'W/"1"',
        "type": "Microsoft.Network/networkSecurityGroups/securityRules",
        "properties": {"provisioningState": "Succeeded", **copy.deepcopy(properties)},
    }


def baseline(rules: Iterable[Document] = (), **spec: Any) -> ApprovedNSG:
    """Return what a baseline with these rules approves, read the way the operator reads it."""
    return parse_approved(
        BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": list(rules), "tolerate": TOLERATE, **spec})
    )


def excepted(document: Document, until: datetime = LATER) -> dict[str, Any]:
    """Return an exception for a rule."""
    return {"rule": document, "until": until.isoformat(), "reason": "INC-42", "approvedBy": "jo@example.com"}


@st.composite
def rule_sets(draw: st.DrawFn, max_size: int = 6) -> list[Document]:
    """Return rules as one NSG may hold them: no name and no priority of one direction twice."""
    drawn = draw(st.lists(rules(), max_size=max_size, unique_by=lambda document: document["name"].lower()))
    start = draw(st.integers(100, 4000))
    return [{**document, "priority": start + 2 * number} for number, document in enumerate(drawn)]


@dataclass(frozen=True)
class Drift:
    """An approved state, a live state with drift, and the kind and folded name of each change."""

    approved: list[Document]
    exceptions: list[Document]
    live: list[Document]
    changes: set[tuple[str, str]]

    @property
    def baseline(self) -> ApprovedNSG:
        """The approved state as read."""
        return baseline(self.approved, exceptions=[excepted(document) for document in self.exceptions])


@st.composite
def drifts(draw: st.DrawFn) -> Drift:
    """Return an NSG some of whose rules were left, respelled, altered or deleted, and some of whose are new.

    New rules are nobody's, a co-owner's, or under an exception.
    """
    drawn = draw(rule_sets())
    approved, exceptions, live, changes = [], [], [], set()
    for document in drawn:
        fate = draw(st.sampled_from(("kept", "respelled", "altered", "deleted", "created", "co-owned", "excepted")))
        name = document["name"].lower()
        match fate:
            case "kept" | "respelled" | "altered" | "deleted":
                approved.append(document)
            case "excepted":
                exceptions.append(document)
            case "co-owned":
                document = {**document, "name": CO_OWNED + document["name"]}  # noqa: PLW2901 - it goes by this name
            case _:
                pass  # a created rule is in no list
        match fate:
            case "deleted":
                changes.add(("RuleDeleted", name))
                continue
            case "altered":
                field_changes = altered(document).filter(lambda change: change[1] not in ("priority", "direction"))
                document, _ = draw(field_changes)  # noqa: PLW2901 - as above
                changes.add(("RuleUpdated", name))
            case "created":
                changes.add(("RuleCreated", name))
            case _:
                pass  # the others are no change
        live.append(document if fate == "kept" else draw(respelled(document)))
    return Drift(approved, exceptions, draw(st.permutations(live)), changes)


@st.composite
def respelled_nsgs(draw: st.DrawFn, document: Document) -> Document:
    """Return the same NSG as Azure may show it next time: order of rules, spelling of all ids and rules."""
    again = copy.deepcopy(document)
    listed = again["properties"]["securityRules"]
    flat = [{"name": listed_rule["name"], **listed_rule["properties"]} for listed_rule in draw(st.permutations(listed))]
    again["properties"]["securityRules"] = [_rest(draw(respelled(flat_rule))) for flat_rule in flat]
    again["id"] = draw(recased(again["id"]))
    again["etag"] = 'W/"2"'
    for key in ("subnets", "networkInterfaces"):
        items = again["properties"].get(key, [])
        again["properties"][key] = [{"id": draw(recased(item["id"]))} for item in draw(st.permutations(items))]
    again["tags"] = {draw(recased(key)): value for key, value in again.get("tags", {}).items()}
    return again
