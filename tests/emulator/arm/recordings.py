"""Recorded ARM traffic: each pair, the state that it implies, and the request that it stands for."""

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

DATA = Path(__file__).parents[2] / "data" / "arm"
RULE = re.compile(r"/securityRules/([^/]+)$", re.IGNORECASE)
LISTING = re.compile(r"/networkSecurityGroups$", re.IGNORECASE)
RULES = re.compile(r"/securityRules$", re.IGNORECASE)
OPERATION = re.compile(r"/locations/([^/]+)/(operations|operationResults)/([^/]+)$", re.IGNORECASE)
NSG = re.compile(
    r"^/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft.Network/networkSecurityGroups(?:/([^/]+))?",
    re.IGNORECASE,
)
MASKED_ETAG = 'W/"00000000-0000-0000-0000-000000000000"'
TOO_LONG = "x" * 141


@dataclass(frozen=True, slots=True)
class Pair:
    """One recorded request and its answer."""

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    status: int
    answer_headers: Mapping[str, Any]
    answer: Any
    source: str

    @property
    def subscription(self) -> str:
        return self.path.split("/")[2]

    @property
    def error(self) -> Mapping[str, Any]:
        return self.answer.get("error", {}) if isinstance(self.answer, dict) else {}


def load() -> list[Pair]:
    """All pairs, numbered from 1 as the file's lines are."""
    with gzip.open(DATA / "interactions.jsonl.gz", "rt") as lines:
        return [_pair(number, json.loads(line)) for number, line in enumerate(lines, start=1)]


def _pair(number: int, raw: Mapping[str, Any]) -> Pair:
    url = urlsplit(raw["url"])
    answer = raw["resp_body"] if raw["resp_body"] != "" else None
    subscription = url.path.split("/")[2]
    return Pair(
        number=number,
        method=raw["method"],
        path=url.path,
        query=dict(parse_qsl(url.query)),
        headers=raw["req_headers"],
        body=raw["req_body"],
        status=raw["status"],
        answer_headers=raw["resp_headers"],
        answer=_with_subscription(answer, subscription),
        source=raw["source"],
    )


def _with_subscription(value: Any, subscription: str) -> Any:
    """The projects masked the subscription in some places of a pair and not in others: make it one."""
    return json.loads(re.sub(r"/subscriptions/[^/\"']+", f"/subscriptions/{subscription}", json.dumps(value)))


def implied_state(pair: Pair) -> dict[str, Any]:
    """What the emulator must hold so that the recorded answer is the right one."""
    match = NSG.match(pair.path)
    groups = (
        [] if pair.error.get("code") == "ResourceGroupNotFound" or match is None else [_group_entry(match[1], match[2])]
    )
    return {
        "subscriptions": [{"subscriptionId": pair.subscription}],
        "resourceGroups": groups,
        "nsgs": _nsgs(pair, match),
    }


def _group_entry(subscription: str, group: str) -> dict[str, str]:
    return {"id": f"/subscriptions/{subscription}/resourceGroups/{group}", "location": "westus"}


def _nsgs(pair: Pair, match: re.Match[str] | None) -> list[dict[str, Any]]:
    location = OPERATION.search(pair.path)
    if location:
        return [_empty(_nsg_id(pair.subscription, "rg", "nsg"), location[1])]
    if match is None or LISTING.search(pair.path):
        return list(pair.answer.get("value", []))
    created = pair.status == 201 and not RULE.search(pair.path)
    if created or pair.error.get("code") in {"ResourceNotFound", "ResourceGroupNotFound"}:
        return []
    return [_before(pair, _nsg_id(match[1], match[2], match[3]))]


def _before(pair: Pair, nsg_id: str) -> dict[str, Any]:
    """The NSG as it was when the request came."""
    if RULE.search(pair.path) or RULES.search(pair.path):
        return {**_empty(nsg_id, _location(pair)), "properties": {"securityRules": _rules_before(pair)}}
    if pair.method in {"GET", "DELETE"}:
        return pair.answer or _empty(nsg_id, _location(pair))
    if pair.status == 412:
        return {**_empty(nsg_id, pair.body["location"]), "etag": MASKED_ETAG}
    old = {**pair.answer, "tags": {"before": "this"}}
    if pair.answer["properties"]["provisioningState"] == "Updating":
        old = {**old, "properties": {**old["properties"], "securityRules": [], "provisioningState": "Succeeded"}}
    return old


def _rules_before(pair: Pair) -> list[dict[str, Any]]:
    name = RULE.search(pair.path)
    if name is None:
        return list(pair.answer["value"])
    if pair.method == "GET":
        return [pair.answer] if pair.status == 200 else []
    if pair.method == "DELETE" or pair.status == 200:
        return [{"name": name[1], "properties": {**PLAIN, "priority": 4000}}]
    return []


PLAIN = {
    "protocol": "*",
    "sourcePortRange": "*",
    "destinationPortRange": "*",
    "sourceAddressPrefix": "*",
    "destinationAddressPrefix": "*",
    "access": "Allow",
    "priority": 1000,
    "direction": "Inbound",
}


def _empty(nsg_id: str, location: str) -> dict[str, Any]:
    return {"id": nsg_id, "location": location, "properties": {}}


def _nsg_id(subscription: str, group: str, name: str) -> str:
    return (
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/networkSecurityGroups/{name}"
    )


def _location(pair: Pair) -> str:
    """A delete's answer names the region in its headers alone."""
    url = str(pair.answer_headers.get("azure-asyncoperation", "/locations/westus/"))
    match = re.search(r"/locations/([^/]+)/", url)
    return match[1] if match else "westus"


def request_body(pair: Pair) -> dict[str, Any] | None:
    """What was sent.

    Three projects do not record bodies: then it is rebuilt from the answer, or from what the error complains of.
    """
    if pair.method not in {"PUT", "PATCH"}:
        return None
    if isinstance(pair.body, dict):
        return pair.body
    if pair.method == "PATCH":
        return {"tags": pair.answer["tags"]}
    if pair.error:
        return {"properties": {**PLAIN, **_culprit(pair)}}
    sent = {key: value for key, value in pair.answer.items() if key in {"name", "location", "tags"}}
    return {**sent, "properties": pair.answer["properties"]}


def _culprit(pair: Pair) -> dict[str, Any]:
    value = re.search(r"Value provided: ([^ ]+?)\.?(?: |$)", pair.error["message"])
    side = "destination" if "destination" in pair.path.lower() else "source"
    match pair.error["code"]:
        case "SecurityRuleInvalidPriority" if value:
            return {"priority": int(value[1])}
        case "SecurityRuleInvalidPortRange" if value:
            return {f"{side}PortRange": value[1]}
        case "SecurityRuleInvalidAddressPrefix" if value:
            return {f"{side}AddressPrefix": value[1]}
        case "SecurityRuleDescriptionTooLong":
            return {"description": TOO_LONG}
        case _:
            raise AssertionError(f"no request is known that leads to {pair.error}")
