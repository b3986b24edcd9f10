"""Rules of just-in-time VM access (Microsoft Defender for Cloud, Security Center before November 2023).

Facts from Microsoft's documentation and from rules in public templates:

- A virtual machine under a policy has a rule that denies the policy's ports to its address from everywhere. Its name
  usually has `_` after `JITRule`; the name of a rule that allows a granted request has `-` there.
- A request names single ports. Its sources are addresses, prefixes or everything.
- Priorities do not identify a rule: allow rules usually start at 100, and deny rules occur from 1000 to 4096, but the
  service changes the priorities of other rules to make room.
"""

import re

from nsg_baseline.core.intervals import ALL_PORTS
from nsg_baseline.core.presets.shape import any_source, lone_addresses, lone_ports
from nsg_baseline.core.rules import Rule

_NAME = re.compile(r"(?:securitycenter|microsoftdefenderforcloud)-jitrule[-_]-?[0-9]{1,10}[-_][0-9a-f]{32}")
_ACCESS = ("Allow", "Deny")
# The name of a virtual machine follows. It may be cut, because a description has at most 140 characters.
_DESCRIPTIONS = ("asc jit network access rule", "mdc jit network access rule")
_PROTOCOLS = ("Tcp", "Udp", "*")


def is_jit(rule: Rule) -> bool:
    """Return whether a rule is as just-in-time access writes it."""
    return (
        _NAME.fullmatch(rule.key) is not None
        and rule.access in _ACCESS
        and rule.direction == "Inbound"
        and rule.protocol in _PROTOCOLS
        and rule.source_ports.ranges == ALL_PORTS
        and rule.description.lower().startswith(_DESCRIPTIONS)
        and len(lone_addresses(rule)) == 1
        and bool(lone_ports(rule))
        and (any_source(rule) or (rule.access == "Allow" and _is_from_addresses(rule)))
    )


def _is_from_addresses(rule: Rule) -> bool:
    return bool(rule.source.ranges) and not rule.source.words and not rule.source.groups
