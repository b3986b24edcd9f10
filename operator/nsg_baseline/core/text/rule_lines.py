"""Rules and changes in one line."""

import json
from collections.abc import Mapping
from typing import Any

from nsg_baseline.core.changes import Change
from nsg_baseline.core.text.phrasing import cut


def rule_line(document: Mapping[str, Any]) -> str:
    """Return a flattened rule in one line: `100 Inbound Allow Tcp from Internet to * port 443`."""
    head = " ".join(str(document.get(key)) for key in ("priority", "direction", "access", "protocol"))
    source, destination = _side(document, "source"), _side(document, "destination")
    from_ports = _ports(document, "source")
    source_port = "" if from_ports == "*" else f" port {from_ports}"
    return f"{head} from {source}{source_port} to {destination} port {_ports(document, 'destination')}"


def side_line(side: Mapping[str, Any] | None) -> str | None:
    """Return one side of a change in one line; None for no side."""
    if side is None:
        return None
    if "priority" in side:
        return rule_line(side)
    if set(side) == {"id"}:
        return str(side["id"])
    return json.dumps(side, sort_keys=True, ensure_ascii=False)


def change_line(change: Change) -> str:
    """Return a change in one line: `RuleCreated open-ssh`."""
    nsg = change.nsg.rsplit("/", 1)[-1] if change.nsg else ""
    subject = change.rule or nsg or ", ".join(change.fields)
    echo = f" ({change.echo})" if change.echo else ""
    return f"{change.kind} {subject}".strip() + echo


def summary(changes: tuple[Change, ...], shown: int = 3) -> str:
    """Return some changes in one line, the first `shown` of them by name."""
    lines = [change_line(change) for change in changes[:shown]]
    more = len(changes) - len(lines)
    return cut("; ".join(lines), 900) + (f" and {more} more" if more > 0 else "")


def _side(document: Mapping[str, Any], side: str) -> str:
    groups = document.get(f"{side}ApplicationSecurityGroups") or ()
    names = [str(group.get("id", "")).rsplit("/", 1)[-1] for group in groups]
    addresses = _values(document, f"{side}AddressPrefix", f"{side}AddressPrefixes")
    return ",".join([*addresses, *(f"asg:{name}" for name in names)])


def _ports(document: Mapping[str, Any], side: str) -> str:
    return ",".join(_values(document, f"{side}PortRange", f"{side}PortRanges"))


def _values(document: Mapping[str, Any], singular: str, plural: str) -> list[str]:
    values = (document.get(singular), *(document.get(plural) or ()))
    return [str(value) for value in values if value not in (None, "")]
