"""Resource ids. Azure spells them with changing case, so they are compared folded."""

import re
from dataclasses import dataclass

from typing_extensions import override

_NSG = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.Network/networkSecurityGroups/(?P<name>[^/]+)/?",
    re.IGNORECASE,
)


def fold(resource_id: str) -> str:
    """Return the form of a resource id in which equal ids are equal texts."""
    return resource_id.rstrip("/").lower()


@dataclass(frozen=True, slots=True, eq=False)
class NSGId:
    """The parts of an NSG's resource id, as spelled. Ids that differ only in case are equal, as in Azure."""

    subscription: str
    resource_group: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "NSGId":
        """Return the parts of an NSG's id.

        Raises:
            ValueError: the text is not an NSG's id.
        """
        match = _NSG.fullmatch(text)
        if match is None:
            raise ValueError(f"not the resource id of a network security group: {text[:200]}")
        return cls(match["subscription"], match["group"], match["name"])

    @override
    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, NSGId) else NotImplemented

    @override
    def __hash__(self) -> int:
        return hash(self.key)

    @override
    def __str__(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Network/networkSecurityGroups/{self.name}"
        )

    @property
    def key(self) -> str:
        """The id, folded."""
        return fold(str(self))
