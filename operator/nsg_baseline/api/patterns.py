r"""The formats of addresses, ports and ids in a rule: as Azure accepts them, and as CEL and Go's RE2 check them.

Three engines evaluate the patterns: Rust's in pydantic, RE2 in the API server, and Python's. They use only what all
three have in common: no look-around, and no `\d` and `\s`, which match different characters in each.
"""

import ipaddress
import re

_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}(/(3[0-2]|[12]?[0-9]))?"
# Deliberately loose: `is_address` decides which texts are addresses.
_IPV6 = r"[0-9a-fA-F:]*:[0-9a-fA-F:.]*(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?"
# A service tag, or a word that ARM accepted in the past (numbers occur in recorded rules).
WORD = r"[A-Za-z0-9]+(\.[A-Za-z][A-Za-z0-9]*)*"
ADDRESS_PATTERN = rf"^({_IPV4}|{_IPV6}|{WORD})$"
_PORT = r"(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[0-5]?[0-9]{1,4})"
PORT_PATTERN = rf"^{_PORT}(-{_PORT})?$"
LARGEST_PORT = 65535

# Ids must not contain characters that change the path of a URL.
_SEGMENT = r"[^/?#%<> ]*[^/?#%<>. ]"
_AZURE_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_NETWORK = rf"(?i)^/subscriptions/[A-Za-z0-9_-]+/resourceGroups/{_SEGMENT}/providers/Microsoft\.Network"
NSG_ID_PATTERN = rf"{_NETWORK}/networkSecurityGroups/{_AZURE_NAME}$"
ASG_ID_PATTERN = rf"{_NETWORK}/applicationSecurityGroups/{_AZURE_NAME}$"
RESOURCE_ID_PATTERN = rf"(?i)^/subscriptions/[A-Za-z0-9_-]+/resourceGroups/{_SEGMENT}/providers(/{_SEGMENT})+$"
GROUP_NAME_PATTERN = r"^[^/?#%<>* ]*[^/?#%<>*. ]$"
RULE_NAME_PATTERN = rf"^{_AZURE_NAME}$"
PROTOCOL_PATTERN = r"^(\*|[A-Za-z0-9]+)$"
GUID_PATTERN = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
LABEL_PATTERN = r"^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$"
NAMESPACE_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
URL_SOURCE_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
URL_KEY_PATTERN = r"^[-._a-zA-Z0-9]+$"
CHANNELS_NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
QUEUE_URL_PATTERN = r"^https://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+)?/[a-z0-9](-?[a-z0-9]){2,62}$"
DAY_TIME_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"

_ASG = "Microsoft.Network/applicationSecurityGroups"
_ID = "/subscriptions/<id>/resourceGroups/<group>/providers/"
PATTERN_WORDS = {
    ADDRESS_PATTERN: "must be an IP address, a CIDR prefix such as 10.0.0.0/8 or a service tag",
    PORT_PATTERN: "must be a port such as 443 or a range such as 8000-8099",
    ASG_ID_PATTERN: f"must be the id of an application security group: {_ID}{_ASG}/<name>",
    RESOURCE_ID_PATTERN: f"must be the id of a resource: {_ID}...",
    GROUP_NAME_PATTERN: "must be the name of a resource group, without * and without a period at the end",
    RULE_NAME_PATTERN: "must be the name of a rule: letters, digits, _, . and -, with a letter or digit at the start",
    QUEUE_URL_PATTERN: "must be the URL of a Storage Queue, such as https://account.queue.core.windows.net/nsg-events",
    PROTOCOL_PATTERN: "must be Tcp, Udp, Icmp, Esp, Ah or *",
    GUID_PATTERN: "must be an id such as 11111111-1111-1111-1111-111111111111",
    LABEL_PATTERN: "must be the value of a label: letters, digits, _, . and -, with a letter or digit at both ends",
    NAMESPACE_PATTERN: "must be the name of a namespace: a-z, 0-9 and -, with a letter or digit at both ends",
    URL_SOURCE_PATTERN: "must be the name of a Secret: a-z, 0-9, - and ., with a letter or digit at both ends",
    CHANNELS_NAME_PATTERN: "must be a name of a-z, 0-9 and -, with a letter at the start, such as pager",
    DAY_TIME_PATTERN: "must be a time of day in UTC from 00:00 to 23:59, such as 08:00",
    URL_KEY_PATTERN: "must be a key of a Secret: letters, digits, -, _ and .",
}
"""What each pattern of a `spec` means, for messages."""

_ADDRESS_FORM = re.compile(r"[0-9a-fA-F:.]+(/(0|[1-9][0-9]{0,2}))?")
_PORT_FORM = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def is_address(text: str) -> bool:
    """Return whether a text is an IP address or a CIDR prefix. Host bits may be set, as in existing rules in Azure.

    IPv4-mapped IPv6 addresses and zones are refused, as by CEL's isIP and isCIDR.
    """
    if not _ADDRESS_FORM.fullmatch(text):
        return False
    try:
        address = ipaddress.ip_interface(text).ip
    except ValueError:
        return False
    return address.version == 4 or address.ipv4_mapped is None  # noqa: PLR2004 - IP versions


def is_word(text: str) -> bool:
    """Return whether a text has the format of a service tag."""
    return re.fullmatch(WORD, text) is not None


def is_ports(text: str) -> bool:
    """Return whether a text is a port or a range with the low end first."""
    match = _PORT_FORM.fullmatch(text)
    if match is None:
        return False
    low, high = int(match[1]), int(match[2] or match[1])
    return low <= high <= LARGEST_PORT


def is_nsg_id(text: str) -> bool:
    """Return whether a text is the resource id of a network security group."""
    return re.fullmatch(NSG_ID_PATTERN, text) is not None
