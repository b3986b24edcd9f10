"""A real Alertmanager gets the incidents of a route: opened, escalated, refreshed after its restart, and resolved."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pending import pending_deliveries
from tests.cluster.build_tools import build
from tests.cluster.processes import Server
from tests.support.alerts import OPERATOR, MemoryOutbox, incident, route, stamp

pytestmark = pytest.mark.cluster
_CONFIGURATION = """
global: {{resolve_timeout: 5m}}
route:
  {{receiver: hook, group_by: [alertname, scope, incident], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
- name: hook
  webhook_configs: [{{url: "http://127.0.0.1:{port}/", send_resolved: true}}]
"""


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(slots=True)
class Hook:
    """What Alertmanager tells: the alerts of each notification by severity, with their status."""

    port: int = 0
    told: list[dict[str, str]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        async with self._moved:
            self.alerts += (document := await request.json())["alerts"]
            self.told.append({alert["labels"]["severity"]: alert["status"] for alert in document["alerts"]})
            self._moved.notify_all()
        return web.Response()

    async def until(self, told: dict[str, str]) -> None:
        async with asyncio.timeout(120), self._moved:
            await self._moved.wait_for(lambda: told in self.told)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
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
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v2/alerts", timeout=10) as answer:
            return json.load(answer)

    def restart(self) -> None:
        self._server.stop()
        self._start()

    def stop(self) -> None:
        self._server.stop()


async def test_alertmanager_has_the_state_of_each_incident(hook: Hook, tmp_path: Path, unused_tcp_port: int) -> None:
    alertmanager = await asyncio.to_thread(Alertmanager, tmp_path, unused_tcp_port, hook)
    outbox, to = MemoryOutbox(), route(groupWait="0s")
    outbox.secrets[to.key] = {"urls": f"alertmanager://127.0.0.1:{unused_tcp_port}?:team=network"}
    outbox.put(to)
    dispatcher = Dispatcher(outbox, now, allow_local=True)
    opened = stamp(now() - timedelta(minutes=1))

    async def deliver(**status: Any) -> None:
        deliveries = next(iter(outbox.incidents())).status.deliveries if outbox.stored else ()
        stored = incident(**{"openedAt": opened, "updatedAt": stamp(now()), **status})
        outbox.put(stored.model_copy(update={"status": stored.status.model_copy(update={"deliveries": deliveries})}))
        current = outbox.stored_routes[to.key]
        await dispatcher.deliver(current, pending_deliveries(current, outbox.incidents(), OPERATOR, now()))
        assert outbox.delivered_revision(stored, to) == stored.status.revision

    try:
        await deliver(severity="medium")
        await hook.until({"medium": "firing"})
        # Another severity is another alert. The old one ends.
        await deliver(severity="critical", revision=2, event="Updated")
        await hook.until({"critical": "firing", "medium": "resolved"})
        (alert,) = await asyncio.to_thread(alertmanager.active)
        names = ("alertname", "severity", "namespace", "scope", "baseline", "nsg", "team")
        assert {name: alert["labels"][name] for name in names} == {
            "alertname": "NSGDrift",
            "severity": "critical",
            "namespace": "team-web",
            "scope": "production",
            "baseline": "web",
            "nsg": "web",
            "team": "network",
        }
        assert "open-ssh" in alert["annotations"]["summary"]
        assert alert["generatorURL"].startswith("https://portal.azure.com/#resource/subscriptions/")
        # It forgets all alerts at a restart.
        await asyncio.to_thread(alertmanager.restart)
        assert await asyncio.to_thread(alertmanager.active) == []
        dispatcher.refreshed_at.clear()
        await deliver(severity="critical", revision=2, event="Updated")
        (alert,) = await asyncio.to_thread(alertmanager.active)
        assert alert["labels"]["severity"] == "critical"
        hook.told.clear()
        await deliver(
            severity="critical",
            revision=3,
            event="Resolved",
            state="Resolved",
            resolvedAt=stamp(now()),
            resolution="Reverted",
        )
        await hook.until({"critical": "resolved"})
        assert await asyncio.to_thread(alertmanager.active) == []
    finally:
        await asyncio.to_thread(alertmanager.stop)
