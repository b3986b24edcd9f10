"""The environment of chaos tests: emulators of Azure and Kubernetes, served over HTTP, and operators in this process.

A test can end an operator at any of its requests: its tasks are cancelled, and the next operator starts without its
memory. (Real processes are killed in tests/engine.)
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.core.pipeline.transport import AioHttpTransport

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.crds import render
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.azure import client, write
from nsg_baseline.azure.clouds import CLOUDS, custom_cloud
from nsg_baseline.azure.services import ArmServices
from nsg_baseline.core.assignment import assign
from nsg_baseline.core.observations import Observation
from nsg_baseline.engine.baseline_claims import Claims, readable, scopes
from nsg_baseline.engine.cleanup import prune_incidents, report_refused_baselines, resolve_orphans
from nsg_baseline.engine.guardrail_catalog import GuardrailCatalog
from nsg_baseline.engine.guardrail_checks import GuardrailChecks
from nsg_baseline.engine.guardrail_report import report_violations
from nsg_baseline.engine.permissions import PermissionCache
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scope_report import ScopeConditions, report
from nsg_baseline.engine.scope_snapshot import ScopeResult, ScopeSnapshot
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Store
from nsg_baseline.kube.sync import sync
from nsg_emulator import arm, kube
from tests.support.alerts import Clock
from tests.support.reconciles import reconcile_all

KINDS = (NSGScope, NSGBaseline, NSGGuardrail, NSGAlertRoute, NSGIncident)
API = "nsg-baseline.io/v1alpha1"
OPERATOR = "22222222-2222-2222-2222-222222222222"
_REAL_SLEEP = asyncio.sleep
SYSTEM, TEAM, STRANGERS = "nsg-baseline-system", "team-web", "strangers"


class OperatorRun:
    """One operator, from its start to its end. Only what it stored outlives it."""

    def __init__(self, environment: "ChaosEnvironment") -> None:
        self._environment = environment
        self._store = Store(KINDS)
        self._records = Records(environment.kube, self._store)
        self._claims = Claims(self._store)
        self._memory: dict[str, dict[str, Observation]] = {}
        self._permitted: dict[str, PermissionCache] = {}
        self._guardrails = GuardrailCatalog(self._store)
        self._checks: dict[str, GuardrailChecks] = {}

    async def reconcile(self, *, lists: bool = True) -> dict[str, ScopeResult]:
        """Read the cluster and reconcile each scope; return the results.

        Without lists, the pass uses the objects that were read before, as between two lists.
        """
        clock, records = self._environment.clock, self._records
        if lists:
            await sync(self._environment.kube, self._store, KINDS)
        await records.backlog.flush()
        arm = self._environment.arm
        world = Dependencies(arm.reader, arm.writer, records, SYSTEM, clock, rights=arm.permissions)
        readable_scopes = readable(scopes(self._store))
        claims, refused = await self._claims.all()
        assigned = assign(readable_scopes, claims, self._store.namespaces)
        refused = {**refused, **assigned.refused}
        # An error of the cleanup does not stop the reconciles; the next one tries again.
        with suppress(KubeError):
            await report_refused_baselines(records, refused, clock())
            await resolve_orphans(records, refused, clock())
            await prune_incidents(records, SYSTEM, clock())
        tallies = {}
        for scope in readable_scopes:
            name = scope.metadata.name
            baselines, memory = assigned.active(name), self._memory.setdefault(name, {})
            inactive, guardrails = assigned.inactive(name), self._guardrails.current()
            snapshot = ScopeSnapshot(scope, readable_scopes, baselines, inactive, guardrails)
            checks = self._checks.setdefault(name, GuardrailChecks())
            tallies[name] = result = await reconcile_all(world, snapshot, memory, checks)
            permitted = await self._permitted.setdefault(name, PermissionCache()).condition(world, scope)
            await report(world, scope, baselines, result, ScopeConditions(permitted))
            await report_violations(world, snapshot, result.guardrails, is_complete=result.failure is None)
        await records.backlog.flush()
        return tallies

    def open_incidents(self) -> set[str]:
        """Return the baselines with an open incident in memory; alerts are sent before it is saved."""
        incidents = self._records.incidents.all()
        return {str(incident.spec.baseline) for incident in incidents if incident.status.state == "Open"}


@dataclass(slots=True)
class ChaosEnvironment:
    """Azure, the cluster, the operator's connections to both, and the time."""

    azure: arm.ArmEmulator
    cluster: kube.KubeApi
    arm: ArmServices
    kube: Kube
    url: str
    clock: Clock = field(default_factory=Clock)

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """Return all objects of a kind of this project."""
        return self.cluster.list(API, kind)

    async def connect(self, endpoint: str = "") -> None:
        """Connect to Azure again, as another process of the operator would, or to another address."""
        await self.arm.aclose()
        self.arm = ArmServices.connect(custom_cloud(CLOUDS["AzurePublic"], endpoint or self.url, self.url))

    def clear_faults(self) -> None:
        """Remove all faults, and let stuck operations continue."""
        self.azure.faults.clear()
        self.azure.release_operations()
        self.cluster.interference.stop()


def shorten_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten every pause that the Azure SDK makes between tries and polls."""

    async def sleep(_: AioHttpTransport, duration: float) -> None:
        await _REAL_SLEEP(duration / 500)

    monkeypatch.setattr(AioHttpTransport, "sleep", sleep)
    monkeypatch.setattr(write, "transport", _transport_of_one_write)


def _transport_of_one_write(session: aiohttp.ClientSession) -> AioHttpTransport:
    """Count the limit of an operation in pauses: a busy machine would exceed any limit that is short in seconds."""
    transport, waited = client.transport(session), 0.0

    async def sleep(duration: float) -> None:
        nonlocal waited
        waited += duration
        if waited > write.OPERATION_SECONDS:
            raise TimeoutError
        await _REAL_SLEEP(duration / 500)

    transport.sleep = sleep
    return transport


@asynccontextmanager
async def chaos_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, nsgs: list[dict[str, Any]], objects: list[dict[str, Any]]
) -> AsyncIterator[ChaosEnvironment]:
    """Serve an Azure with NSGs and a cluster with objects, and connect to both as the operator does."""
    azure = arm.ArmEmulator(settings=arm.Settings(page_size=2, operation_delay=0.005, retry_after=1), state=nsgs)
    cluster = kube.KubeApi()
    for crd in render():
        cluster.apply(crd)
    for name in (SYSTEM, TEAM, STRANGERS):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for resource in objects:
        cluster.apply(resource)
    async with arm.serve(azure, ca_file=folder / "ca.pem") as running, kube.serve(cluster) as served:
        for name, value in _environment(folder, running).items():
            monkeypatch.setenv(name, value)
        connected = ArmServices.connect(custom_cloud(CLOUDS["AzurePublic"], running.url, running.url))
        api = await Kube.connect(str(served.kubeconfig(folder / "kubeconfig")))
        chaos = ChaosEnvironment(azure, cluster, connected, api, running.url)
        try:
            yield chaos
        finally:
            await api.aclose()
            await chaos.arm.aclose()


def _environment(folder: Path, running: arm.Running) -> dict[str, str]:
    """Return the environment variables of the operator's pod."""
    (folder / "token").write_text("a.federated.token")
    return {
        "AZURE_CLIENT_ID": OPERATOR,
        "AZURE_TENANT_ID": running.emulator.settings.tenant,
        "AZURE_FEDERATED_TOKEN_FILE": str(folder / "token"),
        "SSL_CERT_FILE": str(running.ca_file),
    }
