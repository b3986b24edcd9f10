"""Providers' APIs on this machine: requests of plugins to the Internet are redirected here and recorded."""

import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from nsg_baseline.alerts import channels
from nsg_baseline.alerts.sender.client import Sender

Answer = Callable[["ProviderRequest"], tuple[int, Any]]


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """A received request. `url` is the original one, before the redirection."""

    method: str
    url: str
    headers: dict[str, str]
    body: Any

    def text(self, *, signed: bool = False) -> str:
        """Return it for a golden file, without the header of a signature that holds the time."""
        shown = (
            {}
            if signed
            else {name: self.headers[name] for name in ("Content-Type", "Authorization") if name in self.headers}
        )
        return json.dumps(
            {"request": f"{self.method} {self.url}", "headers": shown, "body": self.body}, indent=1, ensure_ascii=False
        )


@dataclass(slots=True)
class Providers:
    """A server that stands for every host of the Internet."""

    requests: list[ProviderRequest] = field(default_factory=list)
    answer: Answer = lambda _: (200, {})
    port: int = 0

    async def take(self, request: web.Request) -> web.Response:
        meant = request.headers["X-Meant"]
        raw = await request.text()
        kind = request.headers.get("Content-Type", "")
        body: Any = raw
        if "json" in kind:
            body = json.loads(raw)
        elif "form-urlencoded" in kind:
            body = dict(parse_qsl(raw))
        received = ProviderRequest(request.method, meant, dict(request.headers), body)
        self.requests.append(received)
        status, content = self.answer(received)
        if isinstance(content, str):
            return web.Response(text=content, status=status)
        return web.json_response(content, status=status)


@asynccontextmanager
async def providers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Providers]:
    """Answer requests to every host except this machine."""
    internet = Providers()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", internet.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    internet.port = runner.addresses[0][1]
    command = (sys.executable, "-m", "tests.support.redirecting_sender", str(internet.port))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    sender = Sender(command)
    monkeypatch.setattr(channels, "SENDER", sender)
    yield internet
    sender.close()
    await runner.cleanup()
