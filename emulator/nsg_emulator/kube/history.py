"""Recent changes of one collection, for watches and for consistent paging."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .errors import expired
from .shapes import Key, Obj


@dataclass(frozen=True, slots=True)
class Change:
    """One write: `before` is the previous state, `object` the new state (or the removed object)."""

    version: int
    type: str
    key: Key
    object: Obj
    before: Obj | None


class History:
    """The last `size` changes. A request for older changes gets 410, so that the client lists again."""

    def __init__(self, size: int, forgotten: int) -> None:
        """Create an empty history; versions below `forgotten` are not available."""
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
        """Drop all changes, so that requests for older versions get 410."""
        if self._changes:
            self.forgotten = self._changes[-1].version
            self._changes.clear()

    def since(self, version: int) -> list[Change]:
        """Return the changes after a version, oldest first.

        Raises:
            ApiError: 410 if some of them are no longer available.
        """
        if version < self.forgotten:
            raise expired(f"too old resource version: {version} ({self.forgotten})")
        return list(self._newest_first(version))[::-1]

    def undo(self, objects: dict[Key, Obj], version: int) -> dict[Key, Obj]:
        """Return the objects at an earlier version.

        Raises:
            ApiError: 410 if the history does not reach back to it.
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
