"""The filter of an event subscription: event types, and advanced filters on text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from nsg_emulator.arm.events import Event

MOST_VALUES = 25
"""Event Grid's limit for the values of all advanced filters of an event subscription together."""
_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "StringIn": lambda text, value: text == value,
    "StringContains": lambda text, value: value in text,
    "StringBeginsWith": lambda text, value: text.startswith(value),
    "StringEndsWith": lambda text, value: text.endswith(value),
}


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Event types, and advanced filters: all must match, each with one of its values. Case does not count.

    Attributes:
        types: The event types in lower case; empty for all.
        advanced: For each advanced filter its operator, its key and its values in lower case.
    """

    types: frozenset[str] = frozenset()
    advanced: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the filter of `properties.filter` of an event subscription.

        Raises:
            ValueError: An operator is not emulated, or there are more values than Event Grid allows.
        """
        advanced = tuple(_advanced(entry) for entry in document.get("advancedFilters") or [])
        if sum(len(values) for _, _, values in advanced) > MOST_VALUES:
            raise ValueError(f"advancedFilters: Event Grid allows {MOST_VALUES} values for all filters together")
        return cls(frozenset(name.lower() for name in document.get("includedEventTypes") or []), advanced)

    def __call__(self, event: Event) -> bool:
        """Return whether the event subscription delivers an event."""
        if self.types and event.type.lower() not in self.types:
            return False
        return all(
            any(_MATCHES[operator](text, value) for value in values)
            for operator, key, values in self.advanced
            for text in [_text(event, key)]
        )


def _advanced(entry: Mapping[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    operator, key = entry["operatorType"], entry["key"]
    if operator not in _MATCHES:
        raise ValueError(f"advancedFilters: the operator {operator!r} is not emulated")
    return operator, key, tuple(value.lower() for value in entry["values"])


def _text(event: Event, key: str) -> str:
    """Return the text at a key such as `data.operationName`, in lower case; empty if there is none."""
    value: Any = event.document()
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return str(value).lower() if value is not None else ""
