"""The operator process: a first list, then watches, reconciles, alerts and health endpoints concurrently."""

import asyncio
import os
import socket
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial

import kopf
import structlog
from aiohttp import web

from nsg_baseline.alerts import loop as alert_loop
from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import Resource
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import Identity as ScopeIdentity
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.azure.activity_log import ActivityLogReader
from nsg_baseline.azure.credentials import Identity
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.azure.services import ArmServices
from nsg_baseline.engine.attribution import AttributionLoop
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.leader_election import LEASE_NAME, FencedWriter, LeaderElection
from nsg_baseline.engine.metrics import Metrics
from nsg_baseline.engine.outbox import KubeOutbox
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scopes import Scopes
from nsg_baseline.engine.settings import Settings
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.handlers import registry, settings
from nsg_baseline.kube.lease import Lease
from nsg_baseline.kube.login import connection_info
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Store
from nsg_baseline.kube.sync import sync

KINDS: tuple[type[Resource], ...] = (NSGScope, NSGBaseline, NSGAlertRoute, NSGIncident)
RESYNC_SECONDS = 600.0
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 30.0
log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """Return the time in whole seconds, as Kubernetes stores it, so that computed and stored statuses are equal."""
    return datetime.now(UTC).replace(microsecond=0)


class ArmClients:
    """One set of connections to Azure for each identity."""

    def __init__(self, chosen: Settings) -> None:
        self._cloud = chosen.cloud
        self._arms: dict[ScopeIdentity | None, ArmServices] = {}

    def of(self, scope: NSGScope) -> ArmServices:
        """Return the Azure services that a scope's identity connects with."""
        who = scope.spec.identity
        if who not in self._arms:
            identity = Identity(who.client_id, who.tenant_id) if who is not None else None
            self._arms[who] = ArmServices.connect(self._cloud, identity)
        return self._arms[who]

    def activity_of(self, scope: NSGScope) -> tuple[ActivityLogReader, frozenset[str]]:
        """Return a scope's Activity Log and the client ids, in lower case, of the operator's own applications."""
        own = scope.spec.identity.client_id if scope.spec.identity is not None else os.environ.get("AZURE_CLIENT_ID")
        return self.of(scope).activity_log, frozenset({own.lower()} if own else ())

    def budgets(self) -> dict[str, RateLimiter]:
        """Return the rate limiter of each identity by client id; `own` if the pod's is unknown."""
        own = os.environ.get("AZURE_CLIENT_ID") or "own"
        return {who.client_id if who is not None else own: arm.rate_limiter for who, arm in self._arms.items()}

    async def aclose(self) -> None:
        """Close all connections."""
        for arm in self._arms.values():
            await arm.aclose()


async def run(chosen: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT; kopf handles the signals.

    Raises:
        LostLeaseError: the Lease was not renewed in time.
    """
    kube = await Kube.connect()
    arms = ArmClients(chosen)
    try:
        store = Store(KINDS)
        records = Records(kube, store)
        health, leading = Health(), _leading(chosen, kube)
        metrics = Metrics(records, health, arms.budgets, leading.is_leader if leading is not None else lambda: True)
        runner = await _serve(health, metrics, chosen.health_port)
        try:
            await _first_sync(kube, store)
            health.ready = True
            await _work(chosen, kube, arms, records, health, leading)
        finally:
            await runner.cleanup()
    finally:
        await arms.aclose()
        await kube.aclose()


def _leading(chosen: Settings, kube: Kube) -> LeaderElection | None:
    if not chosen.leader_election:
        return None
    return LeaderElection(Lease(kube, chosen.namespace, LEASE_NAME, f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"))


async def _work(
    chosen: Settings, kube: Kube, arms: ArmClients, records: Records, health: Health, leading: LeaderElection | None
) -> None:
    store = records.store

    def world_of(scope: NSGScope) -> Dependencies:
        arm = arms.of(scope)
        writer = FencedWriter(arm.writer, leading.is_leader) if leading is not None else arm.writer
        return Dependencies(
            arm.reader, writer, records, chosen.namespace, utc_now, chosen.severity_config, arm.permissions
        )

    async def watch_azure() -> None:
        work = [
            asyncio.create_task(Scopes(world_of, records, utc_now, health).run(), name="scopes"),
            asyncio.create_task(
                alert_loop.run(
                    KubeOutbox(kube, records), chosen.namespace, utc_now, allow_local=chosen.alert_local_addresses
                ),
                name="alerts",
            ),
        ]
        if chosen.attribution:
            attributing = AttributionLoop(arms.activity_of, records, utc_now)
            work.append(asyncio.create_task(attributing.run(), name="attribution"))
        await _first_end(work)

    handlers = registry(store, KINDS, partial(connection_info))
    watches = kopf.operator(registry=handlers, settings=settings(), standalone=True, clusterwide=True)
    # A stand-by replica also keeps its store up to date, so that it can take over at once.
    own = [
        asyncio.create_task(_resync(kube, store), name="resync"),
        asyncio.create_task(leading.lead(watch_azure) if leading is not None else watch_azure(), name="work"),
    ]

    async def end(**_: object) -> None:
        # kopf waits up to five seconds for tasks that it did not start, so end ours before that.
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


async def _first_sync(kube: Kube, store: Store) -> None:
    """Fill the store before the first reconcile: without its baseline, an NSG would be reported as unbaselined."""
    pause = FIRST_RETRY_SECONDS
    while True:
        try:
            await sync(kube, store, KINDS)
        except KubeError as error:
            log.warning(
                "cannot list objects from the Kubernetes API",
                reason=error.reason,
                message=error.message,
                retry_seconds=pause,
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_RETRY_SECONDS)
        else:
            log.info("listed objects from the Kubernetes API", **{kind.plural: len(store.keys(kind)) for kind in KINDS})
            return


async def _resync(kube: Kube, store: Store) -> None:
    while True:
        await asyncio.sleep(RESYNC_SECONDS)
        try:
            await sync(kube, store, KINDS)
        except KubeError as error:
            log.warning("cannot list objects from the Kubernetes API", reason=error.reason, message=error.message)


async def _serve(health: Health, metrics: Metrics, port: int) -> web.AppRunner:
    runner = web.AppRunner(health.app(metrics.text), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104 - the kubelet connects from outside the pod
    return runner
