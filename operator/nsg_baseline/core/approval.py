"""What a baseline must declare to approve drift, permanently or until a date."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.baseline_export import rule_document
from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import LiveNSG


class NotApprovableError(ValueError):
    """A change that no edit of a baseline approves in the wanted way; the message tells the way out."""


def approve(spec: BaselineSpec, changes: Iterable[Change], live: LiveNSG) -> dict[str, Any]:
    """Return the fields of a spec that change when what is live becomes what is approved.

    Raises:
        NotApprovableError: the NSG is gone.
    """
    known: dict[str, dict[str, Any]] = {rule["name"].lower(): rule for rule in _documents(spec)}
    found = {rule.key: rule_document(rule) for rule in live.rules}
    fields: dict[str, Any] = {}
    for change in changes:
        name = (change.rule or "").lower()
        if change.kind in ("RuleCreated", "RuleUpdated"):
            known[name] = found[name]
        elif change.kind == "RuleDeleted":
            known.pop(name, None)
        elif change.kind == "NSGUpdated":
            _take_over(fields, change, spec, live)
        else:
            raise NotApprovableError("the NSG is gone: delete the baseline, or create the NSG again")
    rules = list(known.values())
    return {**fields, **({"rules": rules} if rules != list(_documents(spec)) else {})}


def approve_until(
    spec: BaselineSpec, changes: Iterable[Change], live: LiveNSG, until: datetime, reason: str, by: str
) -> dict[str, Any]:
    """Return the fields of a spec that change when what is live may be there until a time.

    Raises:
        NotApprovableError: something is missing, which cannot be there for a time.
    """
    found = {rule.key: rule_document(rule) for rule in live.rules}
    added: list[dict[str, Any]] = []
    for change in changes:
        if change.kind not in ("RuleCreated", "RuleUpdated"):
            what = f"{change.kind} {change.rule or ''}".strip()
            raise NotApprovableError(
                f"{what} cannot be approved for a time; approve it for good, or name others by --rule"
            )
        rule = found[(change.rule or "").lower()]
        stamp = f"{until:%Y-%m-%dT%H:%M:%SZ}"
        added.append({"rule": rule, "until": stamp, "reason": reason, "approvedBy": by})
    names = {item["rule"]["name"].lower() for item in added}
    kept = [
        item.model_dump(by_alias=True, mode="json", exclude_unset=True)
        for item in spec.exceptions
        if item.rule.name.lower() not in names
    ]
    return {"exceptions": [*kept, *added]} if added else {}


def _documents(spec: BaselineSpec) -> Iterable[dict[str, Any]]:
    return (rule.model_dump(by_alias=True, mode="json", exclude_unset=True, exclude_none=True) for rule in spec.rules)


def _take_over(fields: dict[str, Any], change: Change, spec: BaselineSpec, live: LiveNSG) -> None:
    attached: Mapping[str, Any] = {
        "subnets": sorted(live.subnets),
        "networkInterfaces": sorted(live.network_interfaces),
    }
    for name in change.fields:
        if name in attached:
            before = spec.associations.model_dump(by_alias=True, exclude_none=True) if spec.associations else {}
            fields["associations"] = {**before, **fields.get("associations", {}), name: attached[name]}
        elif spec.tags is not None:
            folded = {key.lower(): value for key, value in live.tags.items()}
            fields["tags"] = {key: folded[key.lower()] for key in spec.tags if key.lower() in folded}
