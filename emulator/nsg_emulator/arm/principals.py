"""Callers: the claims of a bearer token, and the caller's name in the Activity Log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or an application, identified by the claims of its token; without claims, an anonymous caller."""

    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def upn(self) -> str:
        """The sign-in name of a user; empty for an application."""
        return str(self.claims.get("upn", ""))

    @property
    def label(self) -> str:
        """The sign-in name of a user or the id of an application; empty for an anonymous caller."""
        return self.upn or str(self.claims.get("appid", ""))


ANONYMOUS = Principal()
