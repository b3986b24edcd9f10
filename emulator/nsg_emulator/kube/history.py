"""Recent changes of one collection, for watches and for consistent paging."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .errors import expired
from .shapes import Key, Obj


@dataclass(frozen=True, slots=True)
class Change:
    """One write: `object` is the state after it (or the removed object), `before` the state before it."""

    version: int
    type: str
    key: Key
    object: Obj
    before: Obj | None


class History:
    """The last `size` changes. A request for older changes gets 410, and the client lists again."""

    def __init__(self, size: int, forgotten: int) -> None:
        """Start empty; versions below `forgotten` are not available."""
        self._changes: deque[Change] = deque()
        self._size = size
        self.forgotten = forgotten
        self.listeners: set[Callable[[], None]] = set()

    def add(self, change: Change) -> None:
        """Record a change and wake the watchers."""
        if len(self._changes) == self._size:
            self.forgotten = self._changes.popleft().version
        self._changes.append(change)
        for wake in tuple(self.listeners):
            wake()

    def forget(self) -> None:
        """Compact: drop every change, so that older versions answer 410."""
        if self._changes:
            self.forgotten = self._changes[-1].version
            self._changes.clear()

    def since(self, version: int) -> list[Change]:
        """Return the changes after a version, oldest first.

        Raises:
            ApiError: 410 when some of them are no longer available.
        """
        if version < self.forgotten:
            raise expired(f"too old resource version: {version} ({self.forgotten})")
        return list(self._newest_first(version))[::-1]

    def undo(self, objects: dict[Key, Obj], version: int) -> dict[Key, Obj]:
        """Return the objects as they stood at a version.

        Raises:
            ApiError: 410 when history no longer reaches it.
        """
        then = dict(objects)
        for change in reversed(self.since(version)):
            if change.before is None:
                then.pop(change.key, None)
            else:
                then[change.key] = change.before
        return then

    def _newest_first(self, version: int) -> Iterator[Change]:
        for change in reversed(self._changes):
            if change.version <= version:
                return
            yield change
