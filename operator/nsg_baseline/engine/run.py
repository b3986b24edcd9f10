"""The operator process: a first list, then watches, reconciles, alerts and health endpoints concurrently."""

import asyncio
import contextlib
import gc
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial

import kopf
from aiohttp import web

from nsg_baseline.alerts import loop as alert_loop
from nsg_baseline.alerts.azure_links import AzureLinks
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.engine.activity_sweep import ActivitySweep
from nsg_baseline.engine.arm_clients import ArmClients
from nsg_baseline.engine.attribution import AttributionLoop
from nsg_baseline.engine.baseline_review import BaselineReviewer
from nsg_baseline.engine.event_queues import EventSettings
from nsg_baseline.engine.guardrail_catalog import GuardrailCatalog
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.judging import Judging
from nsg_baseline.engine.leader_election import LEASE_NAME, LeaderElection, LostLeaseError
from nsg_baseline.engine.listing import KINDS, first_sync, resync
from nsg_baseline.engine.metrics import Metrics
from nsg_baseline.engine.outbox import KubeOutbox
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scopes import Scopes
from nsg_baseline.engine.settings import Settings
from nsg_baseline.engine.watch_state import WatchState
from nsg_baseline.kube.admission import add_review
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.handlers import registry, settings
from nsg_baseline.kube.lease import Lease
from nsg_baseline.kube.login import connection_info
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Store

GC_THRESHOLDS = (20_000, 50, 20)
STALE_SECONDS = 10.0
"""If the first list is older than this, a stand-by replica lists again before it works."""
LAST_SAVE_SECONDS, HAND_OVER_SECONDS = 4.0, 20.0
"""Time to save unsaved objects at an orderly stop, and after the loss of the Lease, in seconds."""


def utc_now() -> datetime:
    """Return the time in whole seconds, as Kubernetes stores it, so that computed and stored statuses are equal."""
    return datetime.now(UTC).replace(microsecond=0)


async def run(chosen: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT; kopf handles the signals.

    Raises:
        LostLeaseError: another replica has held the Lease.
    """
    _collect_rarely()
    kube = await Kube.connect()
    leading = _leading(chosen, kube)
    may_write = leading.is_leader if leading is not None else lambda: True
    arms = ArmClients(chosen.cloud, may_write)
    try:
        store = Store(KINDS)
        records = Records(kube, store, leading.may_save) if leading is not None else Records(kube, store)
        health = Health()
        events = EventSettings(arms.event_queue_of, chosen.events_idle_seconds)
        metrics = Metrics(records, health, arms.budgets, may_write, events.statistics)
        runner = await _serve(health, metrics, chosen.health_port)
        try:
            await first_sync(kube, store, health)
            _exclude_from_collections()
            health.ready = True
            await _work(chosen, kube, arms, records, health, leading, events)
        finally:
            await runner.cleanup()
    finally:
        await arms.aclose()
        await kube.aclose()


def _collect_rarely() -> None:
    """Make garbage collections rare: parsing makes millions of objects that live on or die without a collection.

    With Python's thresholds, a start with 5,000 baselines spends a fifth of its CPU on collections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _exclude_from_collections() -> None:
    """Exclude the loaded modules and the first list from garbage collections.

    They live as long as the process. A full collection of them takes the event loop 60 to 200 ms each time.
    """
    gc.collect()
    gc.freeze()


def _leading(chosen: Settings, kube: Kube) -> LeaderElection | None:
    if not chosen.leader_election:
        return None
    return LeaderElection(Lease(kube, chosen.namespace, LEASE_NAME, f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"))


async def _work(
    chosen: Settings,
    kube: Kube,
    arms: ArmClients,
    records: Records,
    health: Health,
    leading: LeaderElection | None,
    events: EventSettings,
) -> None:
    store, synced_at = records.store, time.monotonic()
    may_write = leading.is_leader if leading is not None else lambda: True

    judging = Judging()

    def dependencies_of(scope: NSGScope) -> Dependencies:
        arm, config = arms.of(scope), chosen.severity_config
        return Dependencies(
            arm.reader, arm.writer, records, chosen.namespace, utc_now, config, arm.permissions, may_write, judging
        )

    async def watch_azure() -> None:
        if time.monotonic() - synced_at > STALE_SECONDS:
            # While this replica waited for the Lease, its watches may have been interrupted.
            await first_sync(kube, store, health)
        work = [
            asyncio.create_task(records.backlog.run(), name="backlog"),
            asyncio.create_task(
                Scopes(dependencies_of, records, utc_now, health, chosen.namespace, events).run(), name="scopes"
            ),
            asyncio.create_task(
                alert_loop.run(
                    KubeOutbox(kube, records),
                    chosen.namespace,
                    utc_now,
                    allow_local=chosen.alert_local_addresses,
                    allow_private=chosen.alert_private_networks,
                    channel_key=chosen.channel_key,
                    watch=WatchState(store, health),
                    links=AzureLinks(chosen.cloud.portal, chosen.cloud.cli_name),
                ),
                name="alerts",
            ),
        ]
        if chosen.attribution:
            attributing = AttributionLoop(arms.activity_of, records, utc_now)
            work.append(asyncio.create_task(attributing.run(), name="attribution"))
            sweep = ActivitySweep(arms.activity_of, records, utc_now, chosen.severity_config, chosen.namespace)
            work.append(asyncio.create_task(sweep.run(), name="activity sweep"))
        try:
            await _first_end(work)
        finally:
            await _within(LAST_SAVE_SECONDS, records.backlog.flush())

    handlers = registry(store, KINDS, partial(connection_info))
    if chosen.webhook is not None:
        # Each replica answers: the API server asks any of them.
        add_review(handlers, BaselineReviewer(store, GuardrailCatalog(store), chosen.severity_config, utc_now))
    watches = kopf.operator(registry=handlers, settings=settings(chosen.webhook), standalone=True, clusterwide=True)
    # A stand-by replica also keeps its store up to date, so that it can take over at once.
    own = [
        asyncio.create_task(resync(kube, store), name="resync"),
        asyncio.create_task(_lead(leading, watch_azure, records), name="work"),
    ]

    async def end(**_: object) -> None:
        # kopf waits up to five seconds for tasks that it did not start, so the operator ends its own before that.
        await _ended(own)

    kopf.on.cleanup(registry=handlers)(end)
    watching = asyncio.create_task(watches, name="watches")
    # The watches end at a signal. If any other task ends, that is a fault: exit, so that the process is restarted.
    done, _ = await asyncio.wait([watching, *own], return_when=asyncio.FIRST_COMPLETED)
    if all(task.cancelled() for task in done):
        await watching
    await _ended([watching, *own])
    for task in done:
        if not task.cancelled():
            task.result()


async def _lead(leading: LeaderElection | None, work: Callable[[], Awaitable[None]], records: Records) -> None:
    if leading is None:
        await work()
        return
    try:
        await leading.lead(work)
    except LostLeaseError:
        await _within(HAND_OVER_SECONDS, records.backlog.hand_over())
        raise


async def _first_end(tasks: list["asyncio.Task[None]"]) -> None:
    """Wait until a task ends, then cancel the others. Raises the exception of the task that ended."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await _ended(tasks)


async def _ended(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel tasks and wait for them."""
    pending = list(tasks)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


async def _within(seconds: float, saving: Awaitable[None]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await saving


async def _serve(health: Health, metrics: Metrics, port: int) -> web.AppRunner:
    runner = web.AppRunner(health.app(metrics.text), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104 - the kubelet connects from outside the pod
    return runner
