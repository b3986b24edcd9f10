"""Which single NSG to reconcile next, so that no namespace delays another.

A tenant can create thousands of baselines, and edit all of them every few seconds. The namespaces take turns, so a
namespace with one NSG waits for at most one of each other namespace.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TypeVar

T = TypeVar("T")
CONCURRENT = 4
CONCURRENT_PER_NAMESPACE = 2
"""Slow requests of one namespace leave room for the others."""


@dataclass(frozen=True, slots=True)
class Task:
    """An NSG, by its folded id, to reconcile for the namespace of its baseline."""

    namespace: str
    nsg: str


@dataclass(slots=True)
class _Queue:
    """The NSGs of one namespace in the order of arrival. Each is a set that keeps its order."""

    changed: dict[str, None] = field(default_factory=dict)
    edited: dict[str, None] = field(default_factory=dict)
    absent: dict[str, None] = field(default_factory=dict)

    def waiting(self) -> Iterator[str]:
        yield from dict.fromkeys((*self.changed, *self.edited, *self.absent))

    def remove(self, nsg: str) -> None:
        self.edited.pop(nsg, None)
        self.absent.pop(nsg, None)


def in_turn(items: Iterable[T], namespace_of: Callable[[T], str]) -> Iterator[T]:
    """Yield all items: the first of each namespace, then the second of each, and so on."""
    by_namespace: dict[str, list[T]] = {}
    for item in items:
        by_namespace.setdefault(namespace_of(item), []).append(item)
    for turn in zip_longest(*by_namespace.values()):
        yield from (item for item in turn if item is not None)


class Shares:
    """NSGs that wait for a separate reconcile, beside the listing of the scope.

    The listing and the shares never reconcile one NSG at a time, and older content never follows newer content.

    Args:
        changed: called when there may be something to take.
        concurrent: how many reconciles may run.
        per_namespace: how many of them may be those of one namespace.
    """

    def __init__(
        self,
        changed: Callable[[], object] = bool,
        concurrent: int = CONCURRENT,
        per_namespace: int = CONCURRENT_PER_NAMESPACE,
    ) -> None:
        self._changed = changed
        self._concurrent = concurrent
        self._per_namespace = per_namespace
        # In the order of their turns.
        self._queues: dict[str, _Queue] = {}
        self._started: dict[str, Task] = {}
        self._reserved: set[str] = set()
        self._read_since_listing: set[str] = set()

    def add(self, namespace: str, nsg: str, *, edited: bool) -> None:
        """Let an NSG wait for its turn. Edited baselines go before absent NSGs of the same namespace."""
        queue = self._queues.setdefault(namespace, _Queue())
        if edited:
            queue.absent.pop(nsg, None)
            queue.edited[nsg] = None
        elif nsg not in queue.edited:
            queue.absent[nsg] = None
        self._changed()

    def add_changed(self, namespace: str, nsg: str) -> None:
        """Let an NSG wait for its turn that Azure says has changed. It goes before the others of its namespace.

        A listing does not replace its reading, because the listing may be older than the change.
        """
        self._queues.setdefault(namespace, _Queue()).changed[nsg] = None
        self._changed()

    def take(self) -> Task | None:
        """Start the next reconcile; None if nothing may start now."""
        if len(self._started) >= self._concurrent:
            return None
        task = self._next()
        if task is not None:
            queue = self._queues.pop(task.namespace)
            queue.remove(task.nsg)
            queue.changed.pop(task.nsg, None)
            if any(queue.waiting()):
                self._queues[task.namespace] = queue
            self._started[task.nsg] = task
        return task

    def finish(self, task: Task) -> None:
        """Say that a reconcile has ended."""
        del self._started[task.nsg]
        self._read_since_listing.add(task.nsg)
        self._changed()

    def begin_listing(self) -> None:
        """Say that a listing begins: what is read from now on may be newer than the listing."""
        self._read_since_listing = set(self._started)

    def reserve(self, nsg: str) -> bool:
        """Reserve an NSG for the listing, until it is released. It need not wait for its turn any more.

        Returns:
            False if the NSG is reconciled now, or was since the listing began: the listing may be older.
        """
        if nsg in self._started or nsg in self._read_since_listing:
            return False
        self._reserved.add(nsg)
        for queue in self._queues.values():
            queue.remove(nsg)
        return True

    def release(self, nsg: str) -> None:
        """Say that the listing has reconciled an NSG."""
        self._reserved.discard(nsg)
        self._changed()

    def waiting(self) -> int:
        """Return how many NSGs wait."""
        return sum(len(set(queue.waiting())) for queue in self._queues.values())

    def _next(self) -> Task | None:
        counts = [task.namespace for task in self._started.values()]
        for namespace, queue in self._queues.items():
            if counts.count(namespace) < self._per_namespace:
                for nsg in queue.waiting():
                    if nsg not in self._started and nsg not in self._reserved:
                        return Task(namespace, nsg)
        return None
