"""A real Alertmanager, and the webhook that it notifies."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.cluster.build_tools import build
from tests.cluster.processes import Server

_CONFIGURATION = """
global: {{resolve_timeout: 5m}}
route:
  {{receiver: hook, group_by: [alertname, scope, incident], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
- name: hook
  webhook_configs: [{{url: "http://127.0.0.1:{port}/", send_resolved: true}}]
"""
AlertKey = tuple[str, str]
"""The incident and the severity of an alert."""


@dataclass(slots=True)
class Hook:
    """What Alertmanager tells.

    Attributes:
        told: the alerts of each notification by severity, with their status.
        alerts: all alerts of all notifications.
        states: the last status of each alert.
    """

    port: int = 0
    told: list[dict[str, str]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    states: dict[AlertKey, str] = field(default_factory=dict)
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        async with self._moved:
            self.alerts += (document := await request.json())["alerts"]
            self.told.append({alert["labels"]["severity"]: alert["status"] for alert in document["alerts"]})
            self.states |= {alert_key(alert): alert["status"] for alert in document["alerts"]}
            self._moved.notify_all()
        return web.Response()

    async def until(self, told: dict[str, str]) -> None:
        """Wait for a notification."""
        await self.until_holds(lambda: told in self.told)

    async def until_holds(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds. It is evaluated after each notification."""
        async with asyncio.timeout(120), self._moved:
            await self._moved.wait_for(holds)

    def firing(self) -> set[AlertKey]:
        """Return the alerts that fire according to the notifications."""
        return {key for key, status in self.states.items() if status == "firing"}


def alert_key(alert: dict[str, Any]) -> AlertKey:
    """Return the key of an alert."""
    return alert["labels"]["incident"], alert["labels"]["severity"]


@asynccontextmanager
async def hooked() -> AsyncIterator[Hook]:
    """Serve a webhook."""
    hook, app = Hook(), web.Application()
    app.router.add_post("/", hook.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.port = runner.addresses[0][1]
    yield hook
    await runner.cleanup()


class Alertmanager:
    """A running Alertmanager."""

    def __init__(self, folder: Path, port: int, hook: Hook) -> None:
        self.port, self._folder = port, folder
        (folder / "am.yml").write_text(_CONFIGURATION.format(port=hook.port))
        self._start()

    def _start(self) -> None:
        arguments = ["--config.file=am.yml", "--storage.path=data", "--cluster.listen-address="]
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        self._server = Server(build("alertmanager"), self._folder, [*arguments, listen])
        self._server.wait_ready(lambda: isinstance(self.active(), list), 60)

    def active(self) -> Any:
        """Return the alerts that fire."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v2/alerts", timeout=10) as answer:
            return json.load(answer)

    def restart(self) -> None:
        """Start it again; it forgets all alerts."""
        self._server.stop()
        self._start()

    def stop(self) -> None:
        """Stop it."""
        self._server.stop()
