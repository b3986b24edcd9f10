"""Drift that a listing detected and no event reported: the sign that events are lost on their way.

An attacker who may write the event subscription can delete it or narrow its filter. The queue then stays empty, as in a
quiet subscription.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

WAIT = timedelta(minutes=10)
"""The longest delay of an event. Deliveries that took as long are on record."""


@dataclass(slots=True)
class MissingEvents:
    """Follows the events and the listings of one scope with a queue."""

    _events: dict[str, datetime] = field(default_factory=dict)
    _awaited: dict[str, datetime] = field(default_factory=dict)
    _missing: tuple[str, datetime] | None = None
    _last_listing: datetime | None = None

    def received(self, nsg: str, now: datetime) -> None:
        """Note an event about an NSG, by its folded id. Events arrive again, so none is missing."""
        self._events[nsg] = now
        self._awaited.pop(nsg, None)
        self._missing = None

    def listed(self, detected: Iterable[str], began: datetime) -> None:
        """Note the NSGs in which a listing detected new changes of rules, by their folded ids."""
        since = self._last_listing or began
        for nsg in detected:
            if nsg not in self._events or self._events[nsg] < since:
                self._awaited.setdefault(nsg, began)
        # An event that came before the last listing explains nothing that this one or a later one detects.
        self._events = {nsg: moment for nsg, moment in self._events.items() if moment >= since}
        self._last_listing = began

    def missing(self, now: datetime) -> tuple[str, datetime] | None:
        """Return an NSG whose event is missing, and when its change was detected; None if all is well."""
        overdue = sorted((moment, nsg) for nsg, moment in self._awaited.items() if moment + WAIT <= now)
        if overdue:
            self._missing = overdue[0][1], overdue[0][0]
            for _, nsg in overdue:
                del self._awaited[nsg]
        return self._missing

    @property
    def due(self) -> datetime | None:
        """When an event is missing that is awaited now."""
        return min(self._awaited.values()) + WAIT if self._awaited else None
