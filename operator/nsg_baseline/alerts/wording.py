"""Names of changes, of traffic and of ends in words."""

from collections.abc import Mapping

from nsg_baseline.api.changes import ChangeStatus, ExposureStatus
from nsg_baseline.core.ids import NSGId

ENDINGS: Mapping[str, str] = {
    "Reverted": "undone in Azure",
    "Remediated": "undone by the operator",
    "Approved": "approved",
    "Tolerated": "now tolerated",
    "TargetRemoved": "no longer watched",
    "TakenOver": "managed by another baseline",
    "Noted": "reported once",
    "Replaced": "changed again",
}
"""How a change or an incident ended, by resolution."""
REPORTS = ("TakenOver", "Noted")
"""Resolutions of incidents that are only a report: they were never open."""
_NAMES = {
    "RuleCreated": "new rule",
    "RuleUpdated": "changed rule",
    "RuleDeleted": "deleted rule",
    "NSGUpdated": "changed NSG settings",
    "NSGDeleted": "deleted NSG",
    "NSGCreated": "new NSG",
    "GuardrailViolated": "violation by",
}


def change_name(change: ChangeStatus) -> str:
    """Return a change in words, such as `new rule open-ssh`."""
    if change.kind == "GuardrailViolated" and change.nsg:
        rule = f"rule {change.rule}" if change.rule else "the platform"
        return f"{_NAMES[change.kind]} {rule} in {nsg_name(change.nsg)}"
    name = change.rule or (NSGId.parse(change.nsg).name if change.nsg else "")
    return f"{_NAMES[change.kind]} {name}".rstrip()


def nsg_name(nsg: str) -> str:
    """Return the name of an NSG with its resource group."""
    parsed = NSGId.parse(nsg)
    return f"NSG {parsed.name} ({parsed.resource_group})"


def verb(exposure: ExposureStatus) -> str:
    """Return what the deciding rule does with the traffic."""
    return "allows" if exposure.effect == "Allowed" else "denies"
