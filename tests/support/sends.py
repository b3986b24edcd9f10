"""Sends for tests of the sender, and servers that record what reaches them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from nsg_baseline.alerts.sender.client import Sender
from nsg_baseline.alerts.sender.protocol import Answer, Notice, Send


def send_to(url: str, **options: Any) -> Send:
    """Return a short message to a URL. The deadline is one that a busy machine does not reach."""
    notice = Notice("Opened", "high", "t", "key", "thread")
    defaults: dict[str, Any] = {"title": "t", "body": "b", "format": "text", "level": "failure", "seconds": 120}
    options = {"scheme": url.partition("://")[0], **defaults, **options}
    return Send(url=url, notice=notice, **options)


async def deliver(sender: Sender, send: Send, namespace: str = "team-web") -> Answer:
    """Send a message for a route of a tenant."""
    async with sender.turn(namespace, is_operator=False) as turn:
        return await turn.send(send)


@dataclass(slots=True)
class Listener:
    """A server that records every request. `redirect` is where it sends them on; `content` is what it answers.

    It answers 500 to a request that contains `refused`.
    """

    port: int = 0
    redirect: str = ""
    refused: str = ""
    content: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    headers_seen: list[dict[str, str]] = field(default_factory=list)

    async def take(self, request: web.BaseRequest) -> web.Response:
        self.requests.append(f"{request.method} {request.raw_path} {await request.text()}")
        self.headers_seen.append(dict(request.headers))
        if self.redirect:
            return web.Response(status=307, headers={"Location": self.redirect})
        status = 500 if self.refused and self.refused in self.requests[-1] else self.status
        return web.Response(body=self.content, headers=self.headers, status=status)


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    """Listen on a port of this machine, for requests to any path and for requests to a proxy."""
    listener = Listener()
    runner = web.ServerRunner(web.Server(listener.take, max_line_size=1 << 20), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener.port = runner.addresses[0][1]
    yield listener
    await runner.cleanup()


def children(pid: int) -> list[int]:
    """Return the child processes of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def environment(pid: int) -> str:
    """Return the environment with which a process was started."""
    return Path(f"/proc/{pid}/environ").read_text()


async def ended(pid: int) -> None:
    """Return when a process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, gone.set)
    try:
        async with asyncio.timeout(60):
            await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
