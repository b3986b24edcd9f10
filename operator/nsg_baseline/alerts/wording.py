"""Names of changes in words."""

from nsg_baseline.api.changes import ChangeStatus
from nsg_baseline.core.ids import NSGId

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
    name = change.rule or (NSGId.parse(change.nsg).name if change.nsg else "")
    if change.kind == "GuardrailViolated" and change.nsg:
        nsg = NSGId.parse(change.nsg)
        return f"{_NAMES[change.kind]} {change.rule or 'the platform'} in NSG {nsg.name} ({nsg.resource_group})"
    return f"{_NAMES[change.kind]} {name}".rstrip()
