"""Rules as the writers of the presets write them, and the question whether a preset accepts one."""

from typing import Any

from nsg_baseline.core.presets import PRESETS
from nsg_baseline.core.rules import normalise

Document = dict[str, Any]


def rule(name: str, direction: str, source: str, destination: str, ports: str, fields: Document) -> Document:
    """Return a rule with some fields replaced; a field given as None is left out."""
    document = {
        "name": name,
        "priority": 100,
        "direction": direction,
        "access": "Allow",
        "protocol": "Tcp",
        "sourceAddressPrefix": source,
        "sourcePortRange": "*",
        "destinationAddressPrefix": destination,
        "destinationPortRanges": ports.split(","),
    }
    return {key: value for key, value in {**document, **fields}.items() if value is not None}


def fits(preset: Any, document: Document) -> bool:
    return PRESETS[preset](normalise(document))
