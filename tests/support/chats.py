"""Chat webhooks on one server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class Chats:
    """Chats on one server, by path: each answers 200, or what `answers` says, or when `released` while `stuck`."""

    port: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    messages: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    def urls(self, *names: str) -> dict[str, str]:
        """Return a Secret that names chats."""
        return {"urls": "\n".join(f"json://127.0.0.1:{self.port}/{name}" for name in names)}

    def titles(self, name: str) -> list[str]:
        return [title for chat, title in self.messages if chat == name]

    async def take(self, request: web.Request) -> web.Response:
        name = request.path.strip("/")
        async with self._moved:
            body = await request.json()
            self.bodies.append((name, body))
            self.messages.append((name, body["title"]))
            self._moved.notify_all()
        if name in self.stuck:
            await self.released.wait()
        return web.Response(status=self.answers.get(name, 200), headers=self.headers.get(name))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60), self._moved:
            await self._moved.wait_for(holds)


@asynccontextmanager
async def serving() -> AsyncIterator[Chats]:
    chats = Chats()
    app = web.Application()
    app.router.add_post("/{name}", chats.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    chats.port = runner.addresses[0][1]
    yield chats
    await runner.cleanup()
