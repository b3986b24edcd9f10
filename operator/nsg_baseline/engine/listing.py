"""Fills the store with complete lists of the operator's kinds, before the first reconcile and at intervals."""

import asyncio

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import Resource
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.engine.health import Health
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.store import Store
from nsg_baseline.kube.sync import sync

KINDS: tuple[type[Resource], ...] = (NSGScope, NSGBaseline, NSGGuardrail, NSGAlertRoute, NSGIncident)
RESYNC_SECONDS = 600.0
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 10.0
log = structlog.get_logger(__name__)


async def first_sync(kube: Kube, store: Store, health: Health) -> None:
    """Fill the store before the first reconcile: without its baseline, an NSG would be reported as unbaselined."""
    pause = FIRST_RETRY_SECONDS
    while True:
        try:
            await sync(kube, store, KINDS)
        except KubeError as error:
            health.waits_for = f"cannot list objects from the Kubernetes API: {error.reason}"
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


async def resync(kube: Kube, store: Store) -> None:
    """List all objects at intervals, in case a watch missed changes, until cancelled."""
    while True:
        await asyncio.sleep(RESYNC_SECONDS)
        try:
            await sync(kube, store, KINDS)
        except KubeError as error:
            log.warning("cannot list objects from the Kubernetes API", reason=error.reason, message=error.message)
