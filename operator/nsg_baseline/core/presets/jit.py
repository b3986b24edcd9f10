"""Rules of just-in-time VM access (Microsoft Defender for Cloud, Security Center before November 2023).

Facts of Microsoft's documentation and of rules in public templates:

- A virtual machine under a policy has a rule that denies the policy's ports to its address from everywhere. Its name
  mostly has `_` after `JITRule`, where the name of the rule that allows a granted request has `-`.
- Who requests access names single ports, and addresses, prefixes or everything as sources.
- Priorities are no mark: allow rules come first, mostly from 100 on, and deny rules were seen from 1000 to 4096, but
  the service renumbers others' rules around its own.
"""

import re

from nsg_baseline.core.intervals import ALL_PORTS
from nsg_baseline.core.presets.shape import any_source, lone_addresses, lone_ports
from nsg_baseline.core.rules import Rule

_NAME = re.compile(r"(?:securitycenter|microsoftdefenderforcloud)-jitrule[-_]-?[0-9]{1,10}[-_][0-9a-f]{32}")
_ACCESS = ("Allow", "Deny")
# The name of a virtual machine follows, too long at times for the 140 characters of a description.
_DESCRIPTIONS = ("asc jit network access rule", "mdc jit network access rule")
_PROTOCOLS = ("Tcp", "Udp", "*")


def is_jit(rule: Rule) -> bool:
    """Return whether just-in-time access wrote a rule, and nobody edited it since."""
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
