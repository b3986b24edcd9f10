"""Co-owners: other legitimate writers of rules in an NSG.

The names that the presets know are those of their writers' own sources: the AKS cloud provider
(kubernetes-sigs/cloud-provider-azure), Defender for Cloud's just-in-time access, Azure Databricks and SQL Managed
Instance (rules seen in recorded NSGs).
"""

import re
from collections.abc import Iterable

from nsg_baseline.api.baseline import Preset, Tolerated
from nsg_baseline.core.patterns import matches
from nsg_baseline.core.rules import Rule

_PRESETS: dict[Preset, re.Pattern[str]] = {
    "AKS": re.compile(r"k8s-azure-lb_(allow_(IPv4|IPv6)_[0-9a-f]{32}|deny-all_(IPv4|IPv6))", re.IGNORECASE),
    "DefenderJIT": re.compile(r"SecurityCenter-JITRule[-_]+\d+[-_][0-9A-F]{32}", re.IGNORECASE),
    "Databricks": re.compile(r"Microsoft\.Databricks-workspaces_UseOnly_databricks-.+", re.IGNORECASE),
    "SQLManagedInstance": re.compile(r"Microsoft\.Sql-managedInstances_UseOnly_mi-.+", re.IGNORECASE),
}


def owner_of(rule: Rule, tolerate: Iterable[Tolerated]) -> str | None:
    """Return the declared co-owner whose rule this is: a preset's name or a pattern; None when it is nobody's."""
    return next((entry.preset or entry.name for entry in tolerate if _fits(rule, entry)), None)


def _fits(rule: Rule, entry: Tolerated) -> bool:
    if entry.direction not in (None, rule.direction) or entry.access not in (None, rule.access):
        return False
    if entry.preset is not None:
        return _PRESETS[entry.preset].fullmatch(rule.name) is not None
    return matches(entry.name or "", rule.name)
