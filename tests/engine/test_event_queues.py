"""Whose readings an event requests: those of the scopes that share its queue only."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.event_queue import QueueMessage
from nsg_baseline.core.assignment import Claim
from nsg_baseline.core.conditions import ConditionState
from nsg_baseline.core.ids import NSGId
from nsg_baseline.engine.event_queues import EventQueues, EventSettings, Watched, attachments_of
from nsg_baseline.engine.scope_hints import LISTING
from tests.engine.test_event_consumer import FakeQueue

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-web"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
WEB, IDLE, STRAY = (f"{NETWORK}/networkSecurityGroups/{name}" for name in ("web", "idle", "stray"))
SUBNET = f"{NETWORK}/virtualNetworks/v/subnets/s"
QUEUE = "https://account.queue.core.windows.net/events"
DEADLINE = 60.0


def scope(name: str, queue: str | None = QUEUE, **spec: Any) -> NSGScope:
    events = {"events": {"queueUrl": queue}} if queue is not None else {}
    document = {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": "NSGScope",
        "metadata": {"name": name, "creationTimestamp": "2026-03-01T00:00:00Z"},
        "spec": {"subscriptionId": SUBSCRIPTION, **events, **spec},
    }
    return NSGScope.model_validate(document)


class Receivers:
    """The queues by URL, and what their events requested."""

    def __init__(self, watched: Watched) -> None:
        self.queues: dict[str, FakeQueue] = {}
        self.connected: list[str] = []
        self.refusal: AzureError | None = None
        self.hints: list[tuple[str, str]] = []
        self.states: dict[str, ConditionState | None] = {}
        self.changed = asyncio.Event()
        self.settings = EventSettings(self._connect, 0.01)
        self.running = EventQueues(self.settings, self._hint, self._report)
        self.watched = watched

    async def requests(self, resource: str, operation: str = "write", queue: str = QUEUE) -> list[tuple[str, str]]:
        """Return what an event requests, when its message is deleted."""
        self.hints.clear()
        fake = self.queues[queue]
        event = {
            "id": "1",
            "eventTime": "2026-03-01T00:00:00Z",
            "subject": resource,
            "data": {"operationName": operation},
        }
        fake.done.clear()
        fake.waiting.append(QueueMessage("1", "receipt", json.dumps(event), 1))
        async with asyncio.timeout(DEADLINE):
            while not fake.done:
                fake.changed.clear()
                await fake.changed.wait()
        return self.hints

    async def until_reported(self, name: str, reason: str | None) -> None:
        async with asyncio.timeout(DEADLINE):
            while name not in self.states or getattr(self.states[name], "reason", None) != reason:
                self.changed.clear()
                await self.changed.wait()

    def _connect(self, scope: NSGScope) -> FakeQueue:
        if self.refusal is not None:
            raise self.refusal
        assert scope.spec.events is not None
        self.connected.append(scope.spec.events.queue_url)
        return self.queues.setdefault(scope.spec.events.queue_url, FakeQueue())

    def _hint(self, name: str, key: str) -> asyncio.Future[bool]:
        self.hints.append((name, key))
        future = asyncio.get_running_loop().create_future()
        future.set_result(True)
        return future

    def _report(self, name: str, state: ConditionState | None) -> None:
        self.states[name] = state
        self.changed.set()


@asynccontextmanager
async def receivers(*scopes: NSGScope, **watched: Any) -> AsyncIterator[Receivers]:
    defaults: dict[str, Any] = {
        "baselines": {"all": {WEB.lower(): None}},
        "inactive": {"all": frozenset({IDLE.lower()})},
        "attachments": {SUBNET.lower(): frozenset({WEB.lower()})},
    }
    started = Receivers(Watched(scopes, **{**defaults, **watched}))
    started.running.match(started.watched)
    await started.until_reported(scopes[0].metadata.name, "Receiving" if scopes[0].spec.events else None)
    try:
        yield started
    finally:
        await started.running.aclose()


@pytest.mark.parametrize(
    ("resource", "operation", "expected"),
    [
        (WEB, "write", [("all", WEB.lower())]),
        (f"{WEB}/securityRules/ssh".upper(), "delete", [("all", WEB.lower())]),
        (STRAY, "write", [("all", LISTING)]),
        (IDLE, "write", []),
        (SUBNET, "write", [("all", WEB.lower())]),
        (f"{NETWORK}/virtualNetworks/other/subnets/s", "write", []),
        (GROUP, "Microsoft.Resources/subscriptions/resourceGroups/delete", [("all", LISTING)]),
        (WEB.replace(SUBSCRIPTION, "22222222-2222-2222-2222-222222222222"), "write", []),
    ],
)
async def test_what_an_event_requests(resource: str, operation: str, expected: list[tuple[str, str]]) -> None:
    async with receivers(scope("all")) as started:
        assert await started.requests(resource, operation) == expected


async def test_ignored_nsgs_cause_a_listing_only_for_guardrails() -> None:
    # AKS writes its NSGs all day. Each write would list the subscription.
    ignoring = scope("all", unbaselined={"mode": "Alert", "ignoreNames": ["stray"]})
    async with receivers(ignoring) as started:
        assert await started.requests(STRAY) == []
    async with receivers(ignoring, is_guarded=True) as started:
        assert await started.requests(STRAY) == [("all", LISTING)]
        assert await started.requests(IDLE) == [("all", LISTING)]


async def test_scopes_share_a_queue_and_each_event_goes_to_the_most_specific() -> None:
    # Two receivers of one queue would take each other's messages.
    whole, group = scope("all"), scope("group", resourceGroups=["rg-web"])
    async with receivers(whole, group, baselines={"group": {WEB.lower(): None}}) as started:
        assert await started.requests(WEB) == [("group", WEB.lower())]
        assert await started.requests(STRAY.replace("rg-web", "rg-app")) == [("all", LISTING)]
        assert started.connected == [QUEUE]
        assert started.states.keys() == {"all", "group"}


async def test_a_queue_requests_nothing_in_a_scope_that_has_another_queue() -> None:
    # A sender of one queue causes no readings in the scopes of others.
    other = QUEUE.replace("events", "other")
    async with receivers(scope("all"), scope("group", other, resourceGroups=["rg-web"])) as started:
        assert await started.requests(WEB) == []
        assert await started.requests(WEB, queue=other) == [("group", LISTING)]


async def test_a_scope_without_a_queue_has_no_condition() -> None:
    async with receivers(scope("all", None)) as started:
        assert started.connected == []
        assert started.states == {"all": None}


async def test_a_queue_is_released_when_its_last_scope_is_gone() -> None:
    async with receivers(scope("all")) as started:
        started.running.match(Watched())
        assert started.settings.statistics == {}
        started.states.clear()
        started.running.match(started.watched)
        await started.until_reported("all", "Receiving")
        assert started.connected == [QUEUE, QUEUE]


async def test_a_url_outside_the_cloud_is_reported() -> None:
    started = Receivers(Watched((scope("all"),)))
    started.refusal = AzureError("InvalidQueue", "account.example.com is no host of a Storage Queue in this cloud")
    started.running.match(started.watched)
    await started.until_reported("all", "InvalidQueue")
    await started.running.aclose()


def test_a_change_of_a_network_concerns_the_nsgs_of_its_subnets() -> None:
    # A write of the whole virtual network can detach an NSG from a subnet, and has no event about the subnet.
    claim = Claim(ObjectKey("team", "web"), NSGId.parse(WEB), None, attachments=(SUBNET.lower(),))
    network = SUBNET.lower().removesuffix("/subnets/s")
    assert attachments_of([claim]) == {SUBNET.lower(): {WEB.lower()}, network: {WEB.lower()}}
