"""One tenant's thousands of baselines beside another tenant's single one, counted in requests and in their order."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import REQUESTED_AT, ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.ids import fold
from nsg_baseline.core.observations import Observation
from nsg_baseline.core.shares import Shares
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.reconcile_nsg import NSGReconciler
from nsg_baseline.engine.reconcile_scope import EDITED_PER_LISTING, ScopeReconciler
from nsg_baseline.engine.scope_snapshot import ScopeResult, ScopeSnapshot
from nsg_baseline.engine.share_worker import BURST, RATE_PER_SECOND, ShareWorker
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Store, resource
from nsg_baseline.kube.sync import sync
from tests.chaos.environment import API, KINDS, STRANGERS, SYSTEM, TEAM, ChaosEnvironment, chaos_environment
from tests.chaos.objects import BEGINNING, SUBSCRIPTION, Actor, baseline, document
from tests.support.in_process_operator import PREFIX, in_process_operator
from tests.support.rule_shorthand import arm_rule

SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")
WEB = Actor("web", "rg-prod", mode="Alert")
MANY = 2000
ABSENT = [Actor(f"absent-{number}", "rg-none", namespace=STRANGERS, mode="Alert") for number in range(MANY)]
DEADLINE_SECONDS = 60


@dataclass(slots=True)
class Metronome:
    """The time of the shares: it stands still until the test lets it pass."""

    now: float = 0.0
    sleeping: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        async with self.changed:
            self.sleeping = True
            self.changed.notify_all()
            await self.changed.wait_for(lambda: self.now >= end)
            self.sleeping = False

    async def advance(self, seconds: float) -> None:
        async with self.changed:
            self.now += seconds
            self.sleeping = False
            self.changed.notify_all()


class Tenants:
    """A scope of two namespaces: its listing by hand, and its shares by the metronome."""

    def __init__(self, environment: ChaosEnvironment) -> None:
        self.environment = environment
        self.store = Store(KINDS)
        self.records = Records(environment.kube, self.store)
        self.memory: dict[str, Observation] = {}
        self.metronome = Metronome()
        self.worker = ShareWorker(self._work, self.metronome.clock, self.metronome.sleep)
        self.running = 0

    async def reconcile_listing(self) -> ScopeResult:
        await sync(self.environment.kube, self.store, KINDS)
        return await ScopeReconciler(self._dependencies, self._snapshot, self.memory, self.worker.shares).run()

    async def annotate(self, *actors: Actor, value: str) -> None:
        for actor in actors:
            patch = {"metadata": {"annotations": {REQUESTED_AT: value}}}
            self.environment.cluster.patch(API, "NSGBaseline", actor.name, patch, actor.namespace or "")
        await sync(self.environment.kube, self.store, KINDS)
        for actor in actors:
            self.worker.shares.add(actor.namespace or "", fold(actor.id), edited=True)

    async def settle(self) -> None:
        """Wait until the shares wait for the time to pass, or for work."""
        shares = self.worker.shares
        async with asyncio.timeout(DEADLINE_SECONDS), self.metronome.changed:
            await self.metronome.changed.wait_for(
                lambda: not self.running and (self.metronome.sleeping or not shares.waiting())
            )

    def handled(self, actor: Actor) -> str | None:
        stored = self.store.find(NSGBaseline, ObjectKey(actor.namespace or "", actor.name))
        assert stored is not None
        return resource(NSGBaseline, stored).status.last_handled_reconcile_at

    def requests(self) -> list[str]:
        """Return the names of what was requested: NSGs, or `networkSecurityGroups` for a page of a listing."""
        paths = [record.path for record in self.environment.azure.requests.records]
        return [path.rpartition("/")[2] for path in paths if "networkSecurityGroups" in path]

    def drifting(self) -> set[str | None]:
        return {incident.spec.baseline for incident in self.records.incidents.all()} - {actor.name for actor in ABSENT}

    @property
    def _dependencies(self) -> Dependencies:
        arm = self.environment.arm
        return Dependencies(arm.reader, arm.writer, self.records, SYSTEM, self.environment.clock)

    @property
    def _snapshot(self) -> ScopeSnapshot:
        stored = self.store.find(NSGScope, ObjectKey("", "production"))
        assert stored is not None
        scope = resource(NSGScope, stored)
        baselines = {fold(actor.id): ObjectKey(actor.namespace or "", actor.name) for actor in (WEB, *ABSENT)}
        return ScopeSnapshot(scope, (scope,), baselines)

    async def _work(self, nsg: str) -> None:
        self.running += 1
        try:
            dependencies = self._dependencies
            reconciler = NSGReconciler(dependencies, self._snapshot, self.memory, ScopeResult(), dependencies.clock())
            await reconciler.read_and_reconcile(nsg)
        finally:
            async with self.metronome.changed:
                self.running -= 1
                self.metronome.changed.notify_all()


@pytest.fixture
async def tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tenants]:
    """2,000 baselines of one namespace for absent NSGs, and one of another namespace for an NSG that matches it."""
    allowed = {"names": [TEAM, STRANGERS]}
    spec = {"subscriptionId": SUBSCRIPTION, "interval": "60s", "allowedNamespaces": allowed}
    scope = {"apiVersion": API, "kind": "NSGScope", "metadata": {"name": "production"}, "spec": spec}
    objects = [scope, *(baseline(actor, BEGINNING) for actor in (WEB, *ABSENT))]
    async with chaos_environment(tmp_path, monkeypatch, [document(WEB, BEGINNING)], objects) as environment:
        yield Tenants(environment)


async def test_thousands_of_absent_nsgs_delay_neither_drift_nor_an_edit_of_another_tenant(tenants: Tenants) -> None:
    # Asked for inside the scope's reconcile, 1,500 absent NSGs delayed every alert by 50 s.
    result = await tenants.reconcile_listing()
    assert (result.nsgs, result.failure) == (1, None)
    assert tenants.requests() == ["networkSecurityGroups"], "the listing asks for no single NSG"
    assert tenants.worker.shares.waiting() == MANY

    working = asyncio.create_task(tenants.worker.run())
    await tenants.settle()
    assert len(tenants.requests()) == 1 + BURST, "the shares have a rate of their own"
    await tenants.metronome.advance(1)
    await tenants.settle()
    assert len(tenants.requests()) == 1 + BURST + RATE_PER_SECOND

    asked = len(tenants.requests())
    tenants.environment.azure.add_nsg(document(WEB, [*BEGINNING, SSH]))
    await tenants.reconcile_listing()
    assert tenants.requests()[asked:] == ["networkSecurityGroups"], "one interval is one page"
    assert tenants.drifting() == {"web"}

    asked = len(tenants.requests())
    await tenants.annotate(*ABSENT[:100], WEB, value="now")
    await tenants.metronome.advance(2 / RATE_PER_SECOND)
    await tenants.settle()
    assert "web" in tenants.requests()[asked:], "of two requests, one is for the tenant with one baseline"
    assert tenants.handled(WEB) == "now"
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_listing_judges_a_few_edits_of_each_namespace(tmp_path: Path) -> None:
    # Edited every few seconds, thousands of listed NSGs would be judged inside each listing.
    names = [f"web-{number}" for number in range(EDITED_PER_LISTING + 5)]
    async with in_process_operator(tmp_path, dict.fromkeys(names, BEGINNING), "json://127.0.0.1:1") as operator:
        await operator.reconcile()
        for name in names:
            await operator.edit("NSGBaseline", name, {"rules": BEGINNING[:2]}, TEAM)
        baselines = {fold(PREFIX + key.name): key for key in operator.records.store.keys(NSGBaseline)}
        stored = operator.records.store.find(NSGScope, ObjectKey("", "production"))
        assert stored is not None
        scope, shares = resource(NSGScope, stored), Shares()
        for name in names[:3]:
            shares.add(TEAM, fold(PREFIX + name), edited=True)
        dependencies = Dependencies(operator.azure, operator.azure, operator.records, SYSTEM, operator.clock)
        snapshot = ScopeSnapshot(scope, (scope,), baselines)
        await ScopeReconciler(dependencies, snapshot, operator.memory, shares).run()
        judged = [name for name in names if operator.baseline(name).status.change_count]
        assert (judged, shares.waiting()) == (names[:EDITED_PER_LISTING], 5), "no NSG is judged twice"
