"""A webhook receiver for the demo and the tests, which stores the alerts that Apprise posts as JSON."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class Receiver:
    """The received alerts, in order."""

    port: int = 0
    alerts: list[dict[str, Any]] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        """The Apprise URL of this receiver."""
        return f"json://127.0.0.1:{self.port}/alerts"

    async def take(self, request: web.Request) -> web.Response:
        """Store one alert."""
        async with self._changed:
            self.alerts.append(await request.json())
            self._changed.notify_all()
        return web.Response()

    async def next(self, *words: str, seconds: float = 60) -> dict[str, Any]:
        """Wait for an alert whose title contains all words, and return the first one.

        Raises:
            TimeoutError: no such alert arrived within `seconds`.
        """
        async with asyncio.timeout(seconds), self._changed:
            while (alert := self._find(words)) is None:
                await self._changed.wait()
        return alert

    def _find(self, words: tuple[str, ...]) -> dict[str, Any] | None:
        return next((alert for alert in self.alerts if all(word in alert["title"] for word in words)), None)


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Run a receiver on a free loopback port."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/alerts", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.port = runner.addresses[0][1]
        yield receiver
    finally:
        await runner.cleanup()
