"""A security rule as users write it: ARM's own field names, flattened as the az CLI prints them."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from nsg_baseline.api.common import SpecShape

_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}(/(3[0-2]|[12]?[0-9]))?"
# Loose on purpose: which of these are addresses is for the rule's own check (single values) or for validation (lists).
_IPV6 = r"[0-9a-fA-F:]*:[0-9a-fA-F:]*(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?"
# A service tag, or a word that ARM let through once (numbers occur in recorded rules).
_WORD = r"[A-Za-z0-9]+(\.[A-Za-z][A-Za-z0-9]*)*"
ADDRESS_PATTERN = rf"^({_IPV4}|{_IPV6}|{_WORD})$"
_PORT = r"(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})"
PORT_PATTERN = rf"^{_PORT}(-{_PORT})?$"
NAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$"

Address = Annotated[str, StringConstraints(max_length=128, pattern=ADDRESS_PATTERN)]
AddressOrAny = Annotated[str, StringConstraints(max_length=128, pattern=rf"^\*$|^$|{ADDRESS_PATTERN}")]
Ports = Annotated[str, StringConstraints(max_length=11, pattern=PORT_PATTERN)]
PortsOrAny = Annotated[str, StringConstraints(max_length=11, pattern=rf"^\*$|^$|{PORT_PATTERN}")]

AddressList = Annotated[tuple[Address, ...], Field(max_length=4000, strict=False)]
PortList = Annotated[tuple[Ports, ...], Field(max_length=4000, strict=False)]
ASG_PATTERN = (
    r"^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/applicationSecurityGroups/[^/]+$"
)


class GroupRef(SpecShape):
    """An application security group."""

    id: Annotated[
        str,
        StringConstraints(max_length=512, pattern=f"(?i){ASG_PATTERN}"),
        Field(description="Resource id of the application security group."),
    ]


GroupList = Annotated[tuple[GroupRef, ...], Field(max_length=10, strict=False)]


class SecurityRule(SpecShape):
    """One approved rule. Exactly one of prefix, prefixes and application security groups on each side."""

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=80, pattern=NAME_PATTERN),
        Field(description="Name of the rule, unique within the NSG without regard to case."),
    ]
    description: Annotated[
        str, Field(description="Free text. Compared only if `comparison.descriptions` is true.", max_length=140)
    ] = ""
    priority: Annotated[int, Field(description="100 to 4096; the lowest number that matches decides.", ge=100, le=4096)]
    direction: Annotated[Literal["Inbound", "Outbound"], Field(description="Which new connections the rule is for.")]
    access: Annotated[Literal["Allow", "Deny"], Field(description="What becomes of them.")]
    protocol: Annotated[
        str,
        StringConstraints(min_length=1, max_length=32, pattern=r"^(\*|[A-Za-z0-9]+)$"),
        Field(description="Tcp, Udp, Icmp, Esp, Ah or *. Case means nothing."),
    ]
    source_address_prefix: Annotated[
        AddressOrAny | None, Field(description="*, one address, one CIDR prefix or one service tag.")
    ] = None
    source_address_prefixes: Annotated[
        AddressList, Field(description="Addresses and CIDR prefixes of one family.")
    ] = ()
    source_application_security_groups: Annotated[GroupList, Field(description="Groups of network interfaces.")] = ()
    source_port_range: Annotated[
        PortsOrAny | None, Field(description="*, one port or one range such as 1024-65535.")
    ] = None
    source_port_ranges: Annotated[PortList, Field(description="Ports and ranges.")] = ()
    destination_address_prefix: Annotated[
        AddressOrAny | None, Field(description="*, one address, one CIDR prefix or one service tag.")
    ] = None
    destination_address_prefixes: Annotated[
        AddressList, Field(description="Addresses and CIDR prefixes of one family.")
    ] = ()
    destination_application_security_groups: Annotated[
        GroupList, Field(description="Groups of network interfaces.")
    ] = ()
    destination_port_range: Annotated[
        PortsOrAny | None, Field(description="*, one port or one range such as 8000-8099.")
    ] = None
    destination_port_ranges: Annotated[PortList, Field(description="Ports and ranges.")] = ()

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for side in ("source", "destination"):
            for stem, plurals in (
                ("address_prefix", ("address_prefixes", "application_security_groups")),
                ("port_range", ("port_ranges",)),
            ):
                names = [f"{side}_{stem}", *(f"{side}_{plural}" for plural in plurals)]
                if sum(bool(getattr(self, name)) for name in names) != 1:
                    camel = [re.sub(r"_(\w)", lambda m: m[1].upper(), name) for name in names]
                    raise ValueError(f"exactly one of {', '.join(camel)} must be set")
        return self
