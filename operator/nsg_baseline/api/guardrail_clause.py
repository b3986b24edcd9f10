"""The clauses of a guardrail: new connections that no NSG may allow, or that every NSG must allow."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from nsg_baseline.api.cel import Cel, rules_of
from nsg_baseline.api.common import UNIQUE, UNIQUE_RULE, SpecShape, at
from nsg_baseline.api.patterns import WORD, is_address, is_ports, is_word
from nsg_baseline.api.rule import PortsOrAny

SourceSize = Literal["Any", "InternetWide"]
ClauseProtocol = Literal["Tcp", "Udp", "Icmp", "Esp", "Ah", "*"]
_PLACE = "must be *, an IP address, a CIDR prefix such as 10.0.0.0/8 or one service tag such as Internet"
_NEAR = (
    "the side of the NSG (the destination of inbound traffic, the source of outbound traffic) must be *, "
    "VirtualNetwork, an IP address or a CIDR prefix"
)
_PORTS = "protocols without ports allow only the ports *; list them in a separate clause"
_SIZE = "sourceSize InternetWide requires direction Inbound"


def _near_rule(direction: str, side: str) -> Cel:
    """Return the rule for the side on which the NSG is: its addresses are within the virtual network."""
    text = f"self.{side}"
    near = f"{text} == '*' || isIP({text}) || isCIDR({text}) || {text}.lowerAscii() == 'virtualnetwork'"
    return Cel(f"self.direction != '{direction}' || !has({text}) || {near}", _NEAR, f".{side}")


_CLAUSE_RULES = (
    Cel(
        "!has(self.ports) || self.ports == ['*'] || !has(self.protocols) || "
        "!self.protocols.exists(p, p in ['Icmp', 'Esp', 'Ah'])",
        _PORTS,
        ".ports",
    ),
    _near_rule("Inbound", "destination"),
    _near_rule("Outbound", "source"),
)
_SIZE_RULE = Cel(
    "!has(self.sourceSize) || self.sourceSize != 'InternetWide' || self.direction == 'Inbound'", _SIZE, ".sourceSize"
)


def _place(text: str) -> str:
    if text != "*" and not is_address(text) and not is_word(text):
        raise ValueError(_PLACE)
    return text


def _ports(ports: tuple[str, ...]) -> tuple[str, ...]:
    if "" in ports or any(text != "*" and not is_ports(text) for text in ports):
        raise ValueError("must be *, a port such as 443 or a range such as 8000-8099")
    return ports


PlaceText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    AfterValidator(_place),
    Cel(f"self == '*' || isIP(self) || isCIDR(self) || self.matches(r'^{WORD}$')", _PLACE),
]


def _limits_ports_of_others(clause: "Clause") -> bool:
    return clause.ports != ("*",) and bool({*clause.protocols} & {"Icmp", "Esp", "Ah"})


class Clause(SpecShape):
    """New connections of one direction."""

    model_config = ConfigDict(json_schema_extra=rules_of(*_CLAUSE_RULES))

    direction: Annotated[
        Literal["Inbound", "Outbound"], Field(description="Direction of the connections, seen from the NSG.")
    ]
    protocols: Annotated[
        tuple[ClauseProtocol, ...],
        Field(
            description="Protocols. The value * means all; with limited ports, TCP and UDP.",
            min_length=1,
            max_length=6,
            strict=False,
        ),
        UNIQUE,
        UNIQUE_RULE,
    ] = ("*",)
    source: Annotated[
        PlaceText, Field(description="Source: an address, a CIDR prefix, a service tag, or * for any.")
    ] = "*"
    destination: Annotated[
        PlaceText, Field(description="Destination: an address, a CIDR prefix, a service tag, or * for any.")
    ] = "*"
    ports: Annotated[
        tuple[Annotated[PortsOrAny, StringConstraints(min_length=1)], ...],
        Field(description="Destination ports and ranges, or * for any.", min_length=1, max_length=50, strict=False),
        AfterValidator(_ports),
    ] = ("*",)

    @model_validator(mode="after")
    def _clear(self) -> Self:
        if _limits_ports_of_others(self):
            raise at("ports", _PORTS)
        side, near = ("destination", self.destination) if self.direction == "Inbound" else ("source", self.source)
        if near != "*" and not is_address(near) and near.lower() != "virtualnetwork":
            raise at(side, _NEAR)
        return self


class NeverClause(Clause):
    """Connections that no NSG may allow."""

    model_config = ConfigDict(json_schema_extra=rules_of(*_CLAUSE_RULES, _SIZE_RULE))

    source_size: Annotated[
        SourceSize,
        Field(
            description="Any: no such connection may be allowed. InternetWide: only from sources that together are at "
            "least 1/256 of the public addresses, counted for each port; smaller public sources are accepted."
        ),
    ] = "Any"

    @model_validator(mode="after")
    def _inbound_size(self) -> Self:
        if self.source_size == "InternetWide" and self.direction != "Inbound":
            raise at("sourceSize", _SIZE)
        return self
