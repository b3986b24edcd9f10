"""Who calls: the claims of a bearer token, and what the Activity Log makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or an application, by its token's claims (empty: nobody)."""

    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def upn(self) -> str:
        """The user's sign-in name; `""` for an application."""
        return str(self.claims.get("upn", ""))

    @property
    def label(self) -> str:
        """The user's sign-in name, else the application's id; `""` for nobody."""
        return self.upn or str(self.claims.get("appid", ""))


ANONYMOUS = Principal()
