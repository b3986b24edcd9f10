"""Serves an API on loopback, in the running event loop or in a separate thread."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from .api import KubeApi

_HOST = "127.0.0.1"


@dataclass(slots=True)
class Running:
    """A running server."""

    api: KubeApi
    url: str
    _runner: web.AppRunner
    _sites: list[web.SockSite] = field(default_factory=list)

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for this server and return its path."""
        path.write_text(json.dumps(kubeconfig(self.url)))
        return path

    async def away(self) -> None:
        """Stop listening and close all connections. Connections are refused until `back` is called."""
        while self._sites:
            await self._sites.pop().stop()
        server = self._runner.server
        for connection in server.connections if server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def back(self) -> None:
        """Listen again on the same port."""
        if not self._sites:
            await self._listen(int(self.url.rpartition(":")[2]))

    async def _listen(self, port: int) -> int:
        bound = socket.create_server((_HOST, port))
        site = web.SockSite(self._runner, bound)
        await site.start()
        self._sites.append(site)
        bound_port: int = bound.getsockname()[1]
        return bound_port


@contextlib.asynccontextmanager
async def serve(api: KubeApi, port: int = 0) -> AsyncIterator[Running]:
    """Serve an API on loopback while the context is open.

    Args:
        api: the API to serve.
        port: the port; 0 selects a free port.

    Yields:
        The running server.

    Raises:
        OSError: the port is in use.
    """
    runner = web.AppRunner(api.app(), access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
    await runner.setup()
    try:
        running = Running(api, "", runner)
        running.url = f"http://{_HOST}:{await running._listen(port)}"  # noqa: SLF001 - part of the same module
        yield running
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def serve_in_thread(api: KubeApi, port: int = 0) -> Iterator[Running]:
    """Serve an API from a thread with its own event loop, for callers without one.

    While it runs, use the state over HTTP only, or directly while no request is running.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="kube-api", daemon=True)
    thread.start()
    served = serve(api, port)
    try:
        running = asyncio.run_coroutine_threadsafe(served.__aenter__(), loop).result()
        try:
            yield running
        finally:
            asyncio.run_coroutine_threadsafe(served.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def kubeconfig(url: str) -> dict[str, object]:
    """Return a kubeconfig for a URL, without credentials."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "emulator", "cluster": {"server": url}}],
        "users": [{"name": "emulator", "user": {"token": "emulator"}}],
        "contexts": [
            {"name": "emulator", "context": {"cluster": "emulator", "user": "emulator", "namespace": "default"}}
        ],
        "current-context": "emulator",
    }
