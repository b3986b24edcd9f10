"""The guardrails of the store, compiled once for each edit."""

from dataclasses import dataclass, field

from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.guardrails import Guardrail, GuardrailSet, compiled
from nsg_baseline.kube.store import Store, Stored, resource


@dataclass(slots=True)
class GuardrailCatalog:
    """Returns the guardrails that are in force. An invalid guardrail does not affect the others."""

    store: Store
    _compiled: dict[str, Guardrail | InvalidObject] = field(default_factory=dict)
    _current: GuardrailSet = field(default_factory=GuardrailSet)

    def current(self) -> GuardrailSet:
        """Return the valid guardrails that are not being deleted."""
        self._refresh()
        return self._current

    def invalid(self) -> list[tuple[Stored, InvalidObject]]:
        """Return the invalid guardrails, each with its validation error."""
        self._refresh()
        pairs = ((stored, self._compiled[_version(stored)]) for stored in self.store.stored(NSGGuardrail))
        return [(stored, value) for stored, value in pairs if isinstance(value, InvalidObject)]

    def _refresh(self) -> None:
        by_version = {_version(stored): stored for stored in self.store.stored(NSGGuardrail)}
        if by_version.keys() == self._compiled.keys():
            return
        self._compiled = {
            version: self._compiled.get(version) or _compiled(stored, version) for version, stored in by_version.items()
        }
        self._current = GuardrailSet.of(value for value in self._compiled.values() if isinstance(value, Guardrail))


def versions_in_force(store: Store) -> frozenset[str]:
    """Return the versions of the valid guardrails in a store, as `Guardrail.version` has them."""
    return frozenset(_version(stored) for stored in store.stored(NSGGuardrail) if _is_valid(stored))


def _is_valid(stored: Stored) -> bool:
    try:
        resource(NSGGuardrail, stored)
    except InvalidObject:
        return False
    return True


def _version(stored: Stored) -> str:
    return f"{stored.key.name} {stored.uid} {stored.spec_version}"


def _compiled(stored: Stored, version: str) -> Guardrail | InvalidObject:
    try:
        guardrail = resource(NSGGuardrail, stored)
    except InvalidObject as error:
        return error
    return compiled(guardrail.metadata.name, guardrail.spec, version)
