"""Limits of simultaneous messages, for each namespace and in total."""

import asyncio
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass

PER_NAMESPACE = 2
"""Simultaneous sends of a namespace. One that waits for its deadline must not stop all others of the namespace."""
SHARED = 6
"""Simultaneous sends of all namespaces. A send uses up to 12 MiB; the chart's memory limit suffices for eight."""
RESERVED = 2
"""Additional simultaneous sends of the operator's namespace, so that other namespaces cannot delay its alerts by using
all shared slots."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to send one message."""

    namespace: str
    is_reserved: bool


class Slots:
    """The slots of one sender. Waiting namespaces are served in turn, and requests of a namespace in their order."""

    def __init__(self) -> None:
        self._shared: Counter[str] = Counter()
        self._reserved = 0
        self._waiting: OrderedDict[tuple[str, bool], deque[asyncio.Future[Slot]]] = OrderedDict()

    async def acquire(self, namespace: str, *, is_operator: bool, urgent: bool = False) -> Slot:
        """Wait until the limits of a namespace allow a message, and return a slot.

        Args:
            namespace: The namespace of the route.
            is_operator: Whether it is the namespace of the operator.
            urgent: Precede the other requests of the namespace.
        """
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault((namespace, is_operator), deque())
        if urgent:
            queue.appendleft(future)
        else:
            queue.append(future)
        self._grant()
        try:
            return await future
        except asyncio.CancelledError:
            # It may have been granted in the same iteration of the event loop.
            if future.done() and not future.cancelled():
                self.release(future.result())
            raise

    def release(self, slot: Slot) -> None:
        """Release a slot after its child has ended."""
        if slot.is_reserved:
            self._reserved -= 1
        else:
            self._shared[slot.namespace] -= 1
            self._shared += Counter()  # removes zeros
        self._grant()

    def _grant(self) -> None:
        for namespace, is_operator in list(self._waiting):
            queue = self._waiting[namespace, is_operator]
            while queue and (queue[0].done() or self._has_slot(namespace, is_operator=is_operator)):
                future = queue.popleft()
                if not future.done():
                    future.set_result(self._take(namespace, is_operator=is_operator))
                    self._waiting.move_to_end((namespace, is_operator))
            if not queue:
                del self._waiting[namespace, is_operator]

    def _has_slot(self, namespace: str, *, is_operator: bool) -> bool:
        has_reserved = is_operator and self._reserved < RESERVED
        return has_reserved or (self._shared[namespace] < PER_NAMESPACE and self._shared.total() < SHARED)

    def _take(self, namespace: str, *, is_operator: bool) -> Slot:
        if is_operator and self._reserved < RESERVED:
            self._reserved += 1
            return Slot(namespace, is_reserved=True)
        self._shared[namespace] += 1
        return Slot(namespace, is_reserved=False)
