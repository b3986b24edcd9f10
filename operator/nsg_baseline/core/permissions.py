"""Which actions of Azure the operator needs, and which of them a caller lacks.

The roles in examples/ hold exactly these.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

READ = "Microsoft.Network/networkSecurityGroups/read"
WRITE = "Microsoft.Network/networkSecurityGroups/write"
WATCH = (
    READ,
    "Microsoft.Network/networkSecurityGroups/securityRules/read",
    "Microsoft.Insights/eventtypes/values/read",
)
ENFORCE = (
    *WATCH,
    WRITE,
    "Microsoft.Network/applicationSecurityGroups/joinNetworkSecurityRule/action",
    "Microsoft.Network/locations/operations/read",
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role assignment grants: actions, `*` standing for anything, without those that it takes back."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Say whether an action is granted. What one assignment takes back, another may grant all the same."""
        return _any(self.actions, action) and not _any(self.not_actions, action)


def missing(grants: Iterable[Grant], wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the wanted actions that nothing grants."""
    found = tuple(grants)
    return tuple(action for action in wanted if not any(grant.allows(action) for grant in found))


def _any(patterns: Iterable[str], action: str) -> bool:
    return any(re.fullmatch(re.escape(one).replace(r"\*", ".*"), action, re.IGNORECASE) for one in patterns)
