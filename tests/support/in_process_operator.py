"""The operator's reconciles and alerts in this process, over a Kubernetes API; Azure and the clock are fakes."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.crds import render
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.read import NSGPage, RawNSG
from nsg_baseline.core.observations import Observation
from nsg_baseline.engine.guardrail_catalog import GuardrailCatalog
from nsg_baseline.engine.guardrail_checks import GuardrailChecks
from nsg_baseline.engine.guardrail_report import GuardrailBoard, report_violations
from nsg_baseline.engine.outbox import KubeOutbox
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scope_report import report
from nsg_baseline.engine.scope_snapshot import ScopeSnapshot
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Store, resource
from nsg_baseline.kube.sync import sync
from nsg_emulator.kube import KubeApi, serve
from tests.support.alerts import OPERATOR, Clock
from tests.support.reconciles import reconcile_all

KINDS = (NSGScope, NSGBaseline, NSGGuardrail, NSGAlertRoute, NSGIncident)
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
PREFIX = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.Network/networkSecurityGroups/"
API = "nsg-baseline.io/v1alpha1"


@dataclass(slots=True)
class Azure:
    """NSGs by name, each with its rules; `broken` makes every reading fail, `breaks_off` each listing at its end.

    `writable` lets writes through; `written` are the names of what was written. `state` is every NSG's.
    """

    nsgs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    broken: AzureError | None = None
    breaks_off: AzureError | None = None
    writable: bool = False
    written: list[str] = field(default_factory=list)
    state: str = "Succeeded"
    tags: dict[str, dict[str, str]] = field(default_factory=dict)

    async def pages(self, subscription_id: str, resource_group: str | None = None) -> AsyncIterator[NSGPage]:
        del subscription_id, resource_group
        if self.broken is not None:
            raise self.broken
        yield NSGPage(tuple(self._raw(name) for name in self.nsgs))
        if self.breaks_off is not None:
            raise self.breaks_off

    async def get(self, nsg_id: str) -> dict[str, Any] | None:
        if self.broken is not None:
            raise self.broken
        name = nsg_id.rsplit("/", 1)[-1]
        return self._document(name) if name in self.nsgs else None

    async def put(self, nsg_id: str, document: Any, etag: str) -> dict[str, Any]:
        assert self.writable, f"nothing may be written: {nsg_id} {document} {etag}"
        name = nsg_id.rsplit("/", 1)[-1]
        self.written.append(name)
        self.nsgs[name] = [
            {"name": rule["name"], **rule["properties"]} for rule in document["properties"]["securityRules"]
        ]
        return self._document(name)

    def _raw(self, name: str) -> RawNSG:
        raw = json.dumps(self._document(name)).encode()
        return RawNSG(PREFIX + name, raw, msgspec.Raw(raw))

    def _document(self, name: str) -> dict[str, Any]:
        rules = [
            {"name": rule["name"], "properties": {k: v for k, v in rule.items() if k != "name"}}
            for rule in self.nsgs[name]
        ]
        properties = {"provisioningState": self.state, "securityRules": rules}
        document = {"id": PREFIX + name, "name": name, "etag": "1", "properties": properties}
        return {**document, "tags": self.tags[name]} if name in self.tags else document


@dataclass(slots=True)
class InProcessOperator:
    """One scope with its NSGs, and one route."""

    api: KubeApi
    kube: Kube
    records: Records
    outbox: KubeOutbox
    azure: Azure
    clock: Clock
    delivering: Dispatcher
    catalog: GuardrailCatalog
    board: GuardrailBoard
    memory: dict[str, Observation] = field(default_factory=dict)
    checks: GuardrailChecks = field(default_factory=GuardrailChecks)

    async def reconcile(self) -> None:
        """Reconcile the scope."""
        scope = resource(NSGScope, self._stored(NSGScope, ObjectKey("", "production")))
        claims = {(PREFIX + key[1]).lower(): key for key in self.records.store.keys(NSGBaseline)}
        world = Dependencies(self.azure, self.azure, self.records, OPERATOR, self.clock)
        snapshot = ScopeSnapshot(scope, (scope,), claims, guardrails=self.catalog.current())
        result = await reconcile_all(world, snapshot, self.memory, self.checks)
        await report(world, scope, claims, result)
        await report_violations(world, snapshot, result.guardrails, is_complete=result.failure is None)
        if result.failure is None:
            await self.board.report("production", result.guardrails)

    async def edit(self, kind: str, name: str, spec: dict[str, Any], namespace: str = "") -> None:
        """Merge fields into an object's spec, and read the cluster again."""
        self.api.patch(API, kind, name, {"spec": spec}, namespace)
        await self.refresh()

    async def refresh(self) -> None:
        """Read the cluster again."""
        await sync(self.kube, self.records.store, KINDS)

    async def deliver(self) -> None:
        """Deliver what is pending for the route."""
        route = next(iter(self.outbox.routes()))
        await self.delivering.deliver(route, pending_deliveries(route, self.outbox.incidents(), OPERATOR, self.clock()))

    def baseline(self, name: str) -> NSGBaseline:
        return resource(NSGBaseline, self._stored(NSGBaseline, ObjectKey("team-web", name)))

    def _stored(self, kind: Any, key: ObjectKey) -> Any:
        stored = self.records.store.find(kind, key)
        assert stored is not None
        return stored


@asynccontextmanager
async def in_process_operator(
    folder: Path, rules: dict[str, list[dict[str, Any]]], url: str, **route: Any
) -> AsyncIterator[InProcessOperator]:
    """Serve a cluster that holds a baseline for each NSG, as it is now, and a route to one URL."""
    api = KubeApi()
    for crd in render():
        api.apply(crd)
    for namespace in (OPERATOR, "team-web"):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    scope = {"subscriptionId": SUBSCRIPTION, "interval": "60s", "allowedNamespaces": {"all": True}}
    api.apply({"apiVersion": API, "kind": "NSGScope", "metadata": {"name": "production"}, "spec": scope})
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chat", "namespace": OPERATOR}}
    api.apply({**secret, "data": {"urls": base64.b64encode(url.encode()).decode()}})
    spec = {"urlsFrom": {"name": "chat", "key": "urls"}, **route}
    meta = {"name": "chat", "namespace": OPERATOR}
    api.apply({"apiVersion": API, "kind": "NSGAlertRoute", "metadata": meta, "spec": spec})
    for name, approved in rules.items():
        meta = {"name": name, "namespace": "team-web"}
        wanted = {"target": {"resourceId": PREFIX + name}, "rules": approved}
        api.apply({"apiVersion": API, "kind": "NSGBaseline", "metadata": meta, "spec": wanted})
    async with serve(api) as running:
        kube = await Kube.connect(str(running.kubeconfig(folder / "kubeconfig")))
        try:
            store = Store(KINDS)
            await sync(kube, store, KINDS)
            records, clock = Records(kube, store), Clock()
            outbox, catalog = KubeOutbox(kube, records), GuardrailCatalog(store)
            board = GuardrailBoard(records, catalog, clock)
            board.match_scopes(frozenset({"production"}))
            dispatcher = Dispatcher(outbox, clock, allow_local=True)
            yield InProcessOperator(api, kube, records, outbox, Azure(dict(rules)), clock, dispatcher, catalog, board)
        finally:
            await kube.aclose()
