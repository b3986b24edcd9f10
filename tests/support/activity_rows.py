"""Rows of the Activity Log from a story: who wrote which content of one rule, in which order.

An event is `WHO HOW CONTENT [FLAG ...]`, such as `jo rule X` or `al nsg X missing`.

- HOW: `rule` writes the rule, `nsg` the whole NSG, `tags` the NSG's tags, `delete` deletes the rule, `drop` the NSG.
- CONTENT: a letter for a port of the rule, `-` for no rule, `=` for the present one.
- FLAG: `missing` or `truncated` body; `refused`, `broken` (fails after it was accepted), `wrote` (the same, and it took
  effect) or `pending`; `late` has no BeginRequest row; `other` is about another rule; `+2s` starts so long after the
  event before it (default: a minute).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.support.alerts import NSG, START
from tests.support.rule_shorthand import arm_rule

RULE = "lb-web"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
_TYPE = "Microsoft.Network/networkSecurityGroups"
_FAILURES = {"refused": "Conflict", "broken": "InternalServerError", "wrote": "InternalServerError"}


def content(letter: str, name: str = RULE) -> dict[str, Any]:
    """Return the flat document of the rule with the port that a letter stands for."""
    return arm_rule(f"200 {name} allow tcp Internet -> *:{ord(letter)}")


@dataclass(slots=True)
class Story:
    """What Azure did and listed.

    Attributes:
        state: letter of the rule's content; `-` for no rule.
        author: who began the present state; None if it is older than the story.
        now: when the last event ended.
    """

    state: str = "-"
    now: datetime = START - timedelta(hours=1)
    author: str | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, *events: str) -> "Story":
        """Add events."""
        for event in events:
            who, how, letter, *flags = event.split()
            self._add(who, how, letter, flags)
        return self

    def _add(self, who: str, how: str, letter: str, flags: list[str]) -> None:
        letter = letter.replace("=", self.state)
        pause = next((flag for flag in flags if flag.startswith("+")), "+60s")
        self.now += timedelta(seconds=float(pause[1:-1]))
        fails = next((flag for flag in flags if flag in _FAILURES), None)
        code = _FAILURES[fails] if fails else self._code(how)
        common = _common(who, how, f"{len(self.rows)}-{who}", "other" in flags)
        if "late" not in flags:
            body = {} if "missing" in flags else {"requestbody": _body(how, letter, "truncated" in flags)}
            self.rows.append({**common, **_row(self.now, "Started", "", body)})
        self.now += timedelta(milliseconds=200)
        if "pending" not in flags:
            if fails and fails != "refused":
                self.rows.append({**common, **_row(self.now, "Accepted", "Accepted", {})})
            outcome = "Failed" if fails else "Succeeded"
            self.rows.append({**common, **_row(self.now, outcome, code, {"statusCode": code})})
        after = {"rule": letter, "nsg": letter, "delete": "-", "drop": "-"}.get(how, self.state)
        if fails in (None, "wrote") and "other" not in flags and after != self.state:
            self.state, self.author = after, who

    def _code(self, how: str) -> str:
        if how == "delete":
            return "NoContent" if self.state == "-" else "OK"
        return "Created" if how == "rule" and self.state == "-" else "OK"


def story(*events: str, state: str = "-") -> Story:
    """Return the story of a rule that is in a state at first."""
    return Story(state).add(*events)


def _common(who: str, how: str, operation: str, is_other: bool) -> dict[str, Any]:  # noqa: FBT001 - private
    rule = f"{RULE}-2" if is_other else RULE
    on_rule = how in ("rule", "delete")
    verb = "delete" if how in ("delete", "drop") else "write"
    method = {"write": "PUT", "delete": "DELETE"}[verb] if how != "tags" else "PATCH"
    return {
        "caller": f"{who}@example.com",
        "claims": {OBJECT_ID: f"id-{who}", UPN: f"{who}@example.com", "appid": "cli"},
        "operationId": operation,
        "correlationId": operation,
        "operationName": {"value": f"{_TYPE}/securityRules/{verb}" if on_rule else f"{_TYPE}/{verb}"},
        "resourceId": f"{NSG}/securityRules/{rule}" if on_rule else NSG,
        "httpRequest": {"method": method, "clientIpAddress": "198.51.100.1"},
    }


def _row(time: datetime, status: str, code: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "eventTimestamp": f"{time:%Y-%m-%dT%H:%M:%S.%f}0Z",
        "status": {"value": status},
        "subStatus": {"value": code},
        "properties": properties,
    }


def _body(how: str, letter: str, is_truncated: bool) -> str:  # noqa: FBT001 - private
    if how in ("delete", "drop"):
        return ""
    rules = [nested(content("z", "other"))] + ([nested(content(letter))] if letter != "-" else [])
    if how == "tags":
        document: dict[str, Any] = {"tags": {"env": "prod"}}
    elif how == "rule":
        document = {"properties": nested(content(letter))["properties"]}
    else:
        document = {"location": "westeurope", "tags": {}, "properties": {"securityRules": rules}}
    text = json.dumps(document)
    return text[: len(text) * 2 // 3] if is_truncated else text


def nested(document: dict[str, Any]) -> dict[str, Any]:
    """Return a rule in ARM's form."""
    return {"name": document["name"], "properties": {key: value for key, value in document.items() if key != "name"}}


def people(names: Iterable[str]) -> set[str]:
    """Return sign-in names without their domain."""
    return {name.partition("@")[0] for name in names}
