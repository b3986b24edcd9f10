"""A problem of an object, located by field."""

from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of an object.

    Attributes:
        field: the location, in Kubernetes notation: `spec.rules[3].sourceAddressPrefixes[0]`.
        message: the problem, as a continuation of a sentence that starts with the field.
        id: the stable identifier of this kind of problem.
        fix: how to resolve it; empty if the message is enough.
    """

    field: str
    message: str
    id: str = "InvalidForm"
    fix: str = ""

    @override
    def __str__(self) -> str:
        return f"{self.field}: {self.message}" + (f"; {self.fix}" if self.fix else "")


def path(parts: Sequence[int | str]) -> str:
    """Format a path in a document in Kubernetes notation."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")
