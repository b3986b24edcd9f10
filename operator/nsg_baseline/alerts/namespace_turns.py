"""Turns of the event loop: one part of the alert loops' work at a time, and the namespaces in turn.

Between two parts, the event loop serves everything else. However many routes a namespace has, a route of another
namespace waits for one part of each.
"""

import asyncio
from collections import OrderedDict, deque


class NamespaceTurns:
    """Parts of work that wait for their turn."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._is_granting = False

    async def take(self, namespace: str) -> None:
        """Wait for the next turn of a namespace. The turn lasts until the caller waits for something."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(namespace, deque()).append(turn)
        if not self._is_granting:
            self._is_granting = True
            loop.call_soon(self._grant)
        await turn

    def _grant(self) -> None:
        """Give one turn. The next one is given in the next round of the event loop."""
        while (turn := self._next()) is not None:
            if not turn.done():
                turn.set_result(None)
                break
        self._is_granting = bool(self._waiting)
        if self._is_granting:
            asyncio.get_running_loop().call_soon(self._grant)

    def _next(self) -> "asyncio.Future[None] | None":
        if not self._waiting:
            return None
        namespace, turns = self._waiting.popitem(last=False)
        turn = turns.popleft()
        if turns:
            self._waiting[namespace] = turns
        return turn
