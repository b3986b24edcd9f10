"""A tenant with thousands of slow lines does not delay the critical alert of another namespace noticeably."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from nsg_baseline.alerts import loop
from nsg_baseline.alerts.sender.slots import PER_NAMESPACE
from tests.support.alerts import OPERATOR, Clock, MemoryOutbox, incident, route
from tests.support.chats import Chats

ROUTES, LINES = 100, 100
MOST_SECONDS = 5.0


@dataclass(slots=True)
class Drip:
    """A server that answers a byte a second."""

    port: int = 0
    connections: int = 0
    tasks: set["asyncio.Task[None] | None"] = field(default_factory=set)
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.current_task())
        async with self.moved:
            self.connections += 1
            self.moved.notify_all()
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".ljust(1000, b"x"):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(1)
        writer.close()


@pytest.fixture
async def drip() -> AsyncIterator[Drip]:
    drip = Drip()
    server = await asyncio.start_server(drip.take, "127.0.0.1", 0)
    drip.port = server.sockets[0].getsockname()[1]
    yield drip
    server.close()
    for task in filter(None, drip.tasks):
        task.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("namespaces", [1, 3], ids=["one tenant", "three tenants"])
async def test_a_critical_alert_of_another_namespace_arrives_in_seconds(
    drip: Drip, chats: Chats, namespaces: int
) -> None:
    # 32 such lines stopped all alerts until a restart.
    outbox = MemoryOutbox()
    for number in range(ROUTES):
        slow = route(f"slow-{number}", f"evil-{number % namespaces}")
        outbox.put(slow)
        lines = (f"json://127.0.0.1:{drip.port}/{number}/{line}" for line in range(LINES))
        outbox.secrets[slow.key] = {"urls": "\n".join(lines)}
    for namespace in range(namespaces):
        outbox.put(incident("web-1", f"evil-{namespace}"))
    # Three hostile namespaces use all shared slots. The slots of the operator's namespace are left.
    owner = "team-web" if namespaces == 1 else OPERATOR
    to = route("pager", owner)
    outbox.secrets[to.key] = chats.urls("pager")
    task = asyncio.create_task(loop.run(outbox, OPERATOR, Clock(), allow_local=True))
    async with asyncio.timeout(120), drip.moved:
        await drip.moved.wait_for(lambda: drip.connections >= PER_NAMESPACE * namespaces)
    started = time.monotonic()
    outbox.put(to, incident("web-2", "team-web", severity="critical"))
    await chats.until(lambda: any("CRITICAL" in title for title in chats.titles("pager")))
    seconds = time.monotonic() - started
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert seconds < MOST_SECONDS
