r"""The forms that addresses, ports and ids take in a rule: as Azure takes them, and as CEL and Go's RE2 judge them.

Patterns are read by three engines (Rust's in pydantic, RE2 in the API server, Python's): nothing beyond their common
ground, so no look-around, no `\d` and no `\s`, which mean different characters to each.
"""

import ipaddress
import re

_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}(/(3[0-2]|[12]?[0-9]))?"
# Loose on purpose: which of these are addresses is for `is_address`.
_IPV6 = r"[0-9a-fA-F:]*:[0-9a-fA-F:.]*(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?"
# A service tag, or a word that ARM let through once (numbers occur in recorded rules).
WORD = r"[A-Za-z0-9]+(\.[A-Za-z][A-Za-z0-9]*)*"
ADDRESS_PATTERN = rf"^({_IPV4}|{_IPV6}|{WORD})$"
_PORT = r"(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[0-5]?[0-9]{1,4})"
PORT_PATTERN = rf"^{_PORT}(-{_PORT})?$"
LARGEST_PORT = 65535

# What would lead out of its place in a URL has no place in an id.
_SEGMENT = r"[^/?#%<> ]*[^/?#%<>. ]"
_AZURE_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_NETWORK = rf"(?i)^/subscriptions/[A-Za-z0-9_-]+/resourceGroups/{_SEGMENT}/providers/Microsoft\.Network"
NSG_ID_PATTERN = rf"{_NETWORK}/networkSecurityGroups/{_AZURE_NAME}$"
ASG_ID_PATTERN = rf"{_NETWORK}/applicationSecurityGroups/{_AZURE_NAME}$"
RESOURCE_ID_PATTERN = rf"(?i)^/subscriptions/[A-Za-z0-9_-]+/resourceGroups/{_SEGMENT}/providers(/{_SEGMENT})+$"
GROUP_NAME_PATTERN = r"^[^/?#%<>* ]*[^/?#%<>*. ]$"
RULE_NAME_PATTERN = rf"^{_AZURE_NAME}$"

_ADDRESS_FORM = re.compile(r"[0-9a-fA-F:.]+(/(0|[1-9][0-9]{0,2}))?")
_PORT_FORM = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def is_address(text: str) -> bool:
    """Say whether this is an IP address or a CIDR prefix; host bits may be set, as in rules that Azure holds.

    IPv4 addresses written as IPv6 and zones are refused, as CEL's isIP and isCIDR refuse them.
    """
    if not _ADDRESS_FORM.fullmatch(text):
        return False
    try:
        address = ipaddress.ip_interface(text).ip
    except ValueError:
        return False
    return address.version == 4 or address.ipv4_mapped is None  # noqa: PLR2004 - IP versions


def is_word(text: str) -> bool:
    """Say whether this has the form of a service tag."""
    return re.fullmatch(WORD, text) is not None


def is_ports(text: str) -> bool:
    """Say whether this is one port or one range, its low end first."""
    match = _PORT_FORM.fullmatch(text)
    if match is None:
        return False
    low, high = int(match[1]), int(match[2] or match[1])
    return low <= high <= LARGEST_PORT


def is_nsg_id(text: str) -> bool:
    """Say whether this is the resource id of a network security group."""
    return re.fullmatch(NSG_ID_PATTERN, text) is not None
