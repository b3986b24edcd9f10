"""What a baseline must declare to approve drift, permanently or until a date."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.baseline_export import rule_document
from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import LiveNSG


class NotApprovableError(ValueError):
    """No edit of the baseline can approve a change in the requested way; the message names the alternative."""


def approve(spec: BaselineSpec, changes: Iterable[Change], live: LiveNSG) -> dict[str, Any]:
    """Return the fields of a spec that must change to approve what is live.

    Raises:
        NotApprovableError: the NSG is gone.
    """
    approved_rules: dict[str, dict[str, Any]] = {rule["name"].lower(): rule for rule in _documents(spec)}
    live_rules = {rule.key: rule_document(rule) for rule in live.rules}
    fields: dict[str, Any] = {}
    for change in changes:
        name = (change.rule or "").lower()
        if change.kind in ("RuleCreated", "RuleUpdated"):
            approved_rules[name] = live_rules[name]
        elif change.kind == "RuleDeleted":
            approved_rules.pop(name, None)
        elif change.kind == "NSGUpdated":
            _approve_nsg_fields(fields, change, spec, live)
        else:
            raise NotApprovableError("the NSG is gone: delete the baseline, or create the NSG again")
    rules = list(approved_rules.values())
    return {**fields, **({"rules": rules} if rules != list(_documents(spec)) else {})}


def approve_until(
    spec: BaselineSpec, changes: Iterable[Change], live: LiveNSG, until: datetime, reason: str, by: str
) -> dict[str, Any]:
    """Return the fields of a spec that must change to approve what is live until a time.

    Raises:
        NotApprovableError: a change is not a rule in live; exceptions approve only rules.
    """
    live_rules = {rule.key: rule_document(rule) for rule in live.rules}
    added: list[dict[str, Any]] = []
    for change in changes:
        if change.kind not in ("RuleCreated", "RuleUpdated"):
            subject = f"{change.kind} {change.rule or ''}".strip()
            raise NotApprovableError(
                f"{subject}: an exception approves only a rule that exists; omit --until, or select rules with --rule"
            )
        rule = live_rules[(change.rule or "").lower()]
        stamp = f"{until:%Y-%m-%dT%H:%M:%SZ}"
        added.append({"rule": rule, "until": stamp, "reason": reason, "approvedBy": by})
    names = {exception["rule"]["name"].lower() for exception in added}
    other_exceptions = [
        exception.model_dump(by_alias=True, mode="json", exclude_unset=True)
        for exception in spec.exceptions
        if exception.rule.name.lower() not in names
    ]
    return {"exceptions": [*other_exceptions, *added]} if added else {}


def _documents(spec: BaselineSpec) -> Iterable[dict[str, Any]]:
    return (rule.model_dump(by_alias=True, mode="json", exclude_unset=True, exclude_none=True) for rule in spec.rules)


def _approve_nsg_fields(fields: dict[str, Any], change: Change, spec: BaselineSpec, live: LiveNSG) -> None:
    """Add the live tags or associations of a change to the fields of a spec."""
    attached: Mapping[str, Any] = {
        "subnets": sorted(live.subnets),
        "networkInterfaces": sorted(live.network_interfaces),
    }
    for name in change.fields:
        if name in attached:
            declared = spec.associations.model_dump(by_alias=True, exclude_none=True) if spec.associations else {}
            fields["associations"] = {**declared, **fields.get("associations", {}), name: attached[name]}
        elif spec.tags is not None:
            folded = {key.lower(): value for key, value in live.tags.items()}
            fields["tags"] = {key: folded[key.lower()] for key in spec.tags if key.lower() in folded}
