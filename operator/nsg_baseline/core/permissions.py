"""The Azure actions that the operator needs, and those that a caller does not have.

The roles in examples/ grant exactly these actions.
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
    """The actions that one role assignment grants, without its `not_actions`. `*` matches any text."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Return whether an action is granted. Another assignment may grant what `not_actions` excludes here."""
        return _any(self.actions, action) and not _any(self.not_actions, action)


def missing(grants: Iterable[Grant], required: Iterable[str]) -> tuple[str, ...]:
    """Return the required actions that no grant allows."""
    all_grants = tuple(grants)
    return tuple(action for action in required if not any(grant.allows(action) for grant in all_grants))


def _any(patterns: Iterable[str], action: str) -> bool:
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) for pattern in patterns)
