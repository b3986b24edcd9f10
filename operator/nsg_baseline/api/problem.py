"""One thing that is wrong with an object, said at its field."""

from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with an object.

    Attributes:
        field: where, in Kubernetes' notation: `spec.rules[3].sourceAddressPrefixes[0]`.
        message: what must be so, and the way out; reads on after the field.
        id: a short name of this kind of problem, for tools that sort by it.
    """

    field: str
    message: str
    id: str = "InvalidForm"

    @override
    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def path(parts: Sequence[int | str]) -> str:
    """Write a place in a document as Kubernetes does."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")
