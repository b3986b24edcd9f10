"""A security rule with the field names of ARM, flattened as the az CLI prints it."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from nsg_baseline.api.cel import Cel, rules_of
from nsg_baseline.api.common import WHOLE, SpecShape, at
from nsg_baseline.api.patterns import (
    ADDRESS_PATTERN,
    ASG_ID_PATTERN,
    PORT_PATTERN,
    PROTOCOL_PATTERN,
    RULE_NAME_PATTERN,
    WORD,
    is_address,
    is_ports,
    is_word,
)

NAME_PATTERN = RULE_NAME_PATTERN
_ADDRESS_WORDS = "must be *, an IP address, a CIDR prefix such as 10.0.0.0/8 or one service tag such as Internet"
_PORTS_WORDS = "must be *, a port such as 443 or a range such as 8000-8099, low end first, from 0 to 65535"


def _address_or_any(text: str) -> str:
    if text not in ("", "*") and not is_address(text) and not is_word(text):
        raise ValueError(_ADDRESS_WORDS)
    return text


def _ports_or_any(text: str) -> str:
    if text not in ("", "*") and not is_ports(text):
        raise ValueError(_PORTS_WORDS)
    return text


# Single values are checked by CEL, whose error message is readable; a pattern's message has 200 characters of regex.
AddressOrAny = Annotated[
    str,
    StringConstraints(max_length=128),
    AfterValidator(_address_or_any),
    Cel(f"self == '' || self == '*' || isIP(self) || isCIDR(self) || self.matches(r'^{WORD}$')", _ADDRESS_WORDS),
]
PortsOrAny = Annotated[
    str,
    StringConstraints(max_length=11),
    AfterValidator(_ports_or_any),
    Cel(
        "self == '' || self == '*' || (self.matches('^[0-9]{1,5}(-[0-9]{1,5})?$')"
        " ? self.split('-').all(p, int(p) <= 65535) && self.split('-').map(p, int(p)).isSorted() : false)",
        _PORTS_WORDS,
    ),
]
RuleProtocol = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=PROTOCOL_PATTERN)]
# Lists are checked by a pattern: CEL over 4,000 items in each of 1,000 rules exceeds the API server's cost limit.
Address = Annotated[str, StringConstraints(max_length=128, pattern=ADDRESS_PATTERN)]
Ports = Annotated[str, StringConstraints(max_length=11, pattern=PORT_PATTERN)]
AddressList = Annotated[tuple[Address, ...], Field(max_length=4000, strict=False)]
PortList = Annotated[tuple[Ports, ...], Field(max_length=4000, strict=False)]


class GroupRef(SpecShape):
    """An application security group."""

    id: Annotated[
        str,
        StringConstraints(max_length=512, pattern=ASG_ID_PATTERN),
        Field(description="Resource id of the application security group."),
    ]


GroupList = Annotated[tuple[GroupRef, ...], Field(max_length=10, strict=False)]


def _alternatives(side: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the fields of which exactly one must be set: for the addresses of a side, and for its ports."""
    addresses = (f"{side}_address_prefix", f"{side}_address_prefixes", f"{side}_application_security_groups")
    return addresses, (f"{side}_port_range", f"{side}_port_ranges")


_ALTERNATIVES = (*_alternatives("source"), *_alternatives("destination"))


def _words(names: tuple[str, ...]) -> str:
    return f"exactly one of {', '.join(map(to_camel, names))} must be set; empty texts and lists count as not set"


def _exactly_one(names: tuple[str, ...]) -> Cel:
    """Return a CEL rule for a security rule. It compares a text with '' because `size` counts all its characters."""
    fields = [to_camel(name) for name in names]
    single, *lists = (f"has(self.{field}) && self.{field}" for field in fields)
    present = [f"{single} != ''", *(f"{plural}.size() > 0" for plural in lists)]
    return Cel(f"[{', '.join(present)}].exists_one(x, x)", _words(names), f".{fields[0]}")


class SecurityRule(SpecShape):
    """An approved rule. Each side has exactly one of a prefix, a list of prefixes or application security groups."""

    model_config = ConfigDict(json_schema_extra=rules_of(*map(_exactly_one, _ALTERNATIVES)))

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=80, pattern=NAME_PATTERN),
        Field(description="Name of the rule, unique within the NSG without regard to case."),
    ]
    description: Annotated[
        str, Field(description="Free text. Compared only if `comparison.descriptions` is true.", max_length=140)
    ] = ""
    priority: Annotated[
        int,
        Field(
            description="Priority from 100 to 4096. The matching rule with the lowest number decides.", ge=100, le=4096
        ),
        WHOLE,
    ]
    direction: Annotated[
        Literal["Inbound", "Outbound"], Field(description="Direction of the connections that the rule applies to.")
    ]
    access: Annotated[
        Literal["Allow", "Deny"], Field(description="Whether matching connections are allowed or denied.")
    ]
    protocol: Annotated[RuleProtocol, Field(description="Tcp, Udp, Icmp, Esp, Ah or *, case-insensitive.")]
    source_address_prefix: Annotated[
        AddressOrAny | None, Field(description="One address, CIDR prefix or service tag, or * for any.")
    ] = None
    source_address_prefixes: Annotated[
        AddressList, Field(description="Addresses and CIDR prefixes of one family.")
    ] = ()
    source_application_security_groups: Annotated[GroupList, Field(description="Application security groups.")] = ()
    source_port_range: Annotated[
        PortsOrAny | None, Field(description="One port or range such as 1024-65535, or * for any.")
    ] = None
    source_port_ranges: Annotated[PortList, Field(description="List of ports and ranges.")] = ()
    destination_address_prefix: Annotated[
        AddressOrAny | None, Field(description="One address, CIDR prefix or service tag, or * for any.")
    ] = None
    destination_address_prefixes: Annotated[
        AddressList, Field(description="Addresses and CIDR prefixes of one family.")
    ] = ()
    destination_application_security_groups: Annotated[
        GroupList, Field(description="Application security groups.")
    ] = ()
    destination_port_range: Annotated[
        PortsOrAny | None, Field(description="One port or range such as 8000-8099, or * for any.")
    ] = None
    destination_port_ranges: Annotated[PortList, Field(description="List of ports and ranges.")] = ()

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for names in _ALTERNATIVES:
            if sum(bool(getattr(self, name)) for name in names) != 1:
                raise at(to_camel(names[0]), _words(names))
        return self
