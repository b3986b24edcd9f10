"""A real Alertmanager gets the incidents of a route: opened, escalated, refreshed after its restart, and resolved."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pending import pending_deliveries
from tests.cluster.alertmanager import Alertmanager, Hook, hooked
from tests.support.alerts import OPERATOR, MemoryOutbox, incident, route, stamp

pytestmark = pytest.mark.cluster


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with hooked() as hook:
        yield hook


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
