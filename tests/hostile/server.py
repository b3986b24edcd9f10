"""A server that sends any bytes as a response, and records the requests that it gets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.hostile.responses import ELSEWHERE, ENDPOINT, HostileResponse

_DRIP_SECONDS = 0.02


@dataclass(slots=True)
class HostileServer:
    """Sends `response` to every request.

    Attributes:
        url: the address, without a slash at the end.
        elsewhere: the address that stands for another host in responses.
        requests: the head of each request, headers included.
    """

    url: str = ""
    elsewhere: str = ""
    response: HostileResponse | None = None
    requests: list[str] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: one request, one response."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head.decode("latin-1"))
            if self.response is not None:
                await self._send(self.response, writer)
        writer.close()

    async def _send(self, response: HostileResponse, writer: asyncio.StreamWriter) -> None:
        writer.write(self._bytes(response))
        await writer.drain()
        while response.ending == "drip":
            await asyncio.sleep(_DRIP_SECONDS)
            writer.write(b" ")
            await writer.drain()

    def _bytes(self, response: HostileResponse) -> bytes:
        if response.raw is not None:
            return response.raw
        body = self._addressed(response.body)
        length = len(body) + {"complete": 0, "truncate": 100, "drip": 10**9}[response.ending]
        headers = {"Content-Type": "application/json", "Content-Length": str(length), "Connection": "close"}
        lines = [f"{name}: {value}" for name, value in {**headers, **response.headers}.items()]
        head = "\r\n".join([f"HTTP/1.1 {response.status} Status", *lines, "", ""]).encode("latin-1")
        return self._addressed(head) + body

    def _addressed(self, text: bytes) -> bytes:
        return text.replace(ENDPOINT.encode(), self.url.encode()).replace(ELSEWHERE.encode(), self.elsewhere.encode())


@contextlib.asynccontextmanager
async def serve_hostile(elsewhere: str = "") -> AsyncIterator[HostileServer]:
    """Serve on a free loopback port until the block ends."""
    hostile = HostileServer(elsewhere=elsewhere)
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        task = asyncio.ensure_future(hostile.handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.wait({task})

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    hostile.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield hostile
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        for _ in range(2):  # the loop closes an aborted socket in its next round
            await asyncio.sleep(0)
