"""The guardrails that are in force, and a version of them for each NSG."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.guardrails.check import Guardrail
from nsg_baseline.core.ids import fold


@dataclass(frozen=True, slots=True)
class GuardrailSet:
    """Guardrails in the order of their names.

    Attributes:
        version: changes with each edit of a guardrail; empty without guardrails.
        exceptions: for each folded NSG id the names of guardrails, each with the end of an exception.
        match_tags: whether a guardrail depends on tags.
    """

    guardrails: tuple[Guardrail, ...] = ()
    version: str = ""
    exceptions: Mapping[str, tuple[tuple[str, datetime], ...]] = field(default_factory=dict)
    match_tags: bool = False

    @classmethod
    def of(cls, guardrails: Iterable[Guardrail]) -> "GuardrailSet":
        """Return the set of some guardrails."""
        members = tuple(sorted(guardrails, key=lambda guardrail: guardrail.name))
        if not members:
            return cls()
        exceptions: dict[str, tuple[tuple[str, datetime], ...]] = {}
        for guardrail in members:
            for exception in guardrail.spec.exceptions:
                nsg = fold(exception.resource_id)
                exceptions[nsg] = (*exceptions.get(nsg, ()), (guardrail.name, exception.until))
        version = fingerprint([[guardrail.name, guardrail.version] for guardrail in members])
        return cls(members, version, exceptions, any(guardrail.spec.match.tags is not None for guardrail in members))

    def next_end(self, now: datetime) -> datetime | None:
        """Return when the next exception ends; None without one."""
        ends = (until for excepted in self.exceptions.values() for _, until in excepted)
        return min((until for until in ends if now < until), default=None)

    def version_for(self, nsg: str, now: datetime) -> str:
        """Return a version that also changes when an exception of an NSG begins or ends. `nsg` is its folded id."""
        excepted = sorted({name for name, until in self.exceptions.get(nsg, ()) if now < until})
        return f"{self.version} {' '.join(excepted)}" if excepted else self.version
