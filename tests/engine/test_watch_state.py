"""What heartbeats say about scopes: from their status, and from the reconciles of this process."""

import asyncio
from pathlib import Path

from nsg_baseline.alerts.watch import problem
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.metrics import Metrics
from nsg_baseline.engine.run import utc_now
from nsg_baseline.engine.watch_state import WatchState
from nsg_baseline.kube.store import Store
from tests.support.in_process_operator import API, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]


async def test_a_scope_is_good_after_a_whole_reconcile_and_says_since_when_it_is_not(tmp_path: Path) -> None:
    async with in_process_operator(tmp_path, {"web": WEB, "db": WEB}, "json://127.0.0.1:1") as operator:
        health = Health()
        watch = WatchState(operator.records.store, health)
        await operator.reconcile()
        (scope,) = watch.scopes()
        assert problem(scope, utc_now()) == "not read since the operator started"
        health.reconciled("production", 1.0, whole=True)
        (scope,) = watch.scopes()
        assert (scope.name, scope.nsgs, scope.interval.total_seconds()) == ("production", 2, 60)
        assert problem(scope, utc_now()) == ""
        operator.azure.broken = AzureError("Forbidden", "no permission")
        await operator.reconcile()
        (scope,) = watch.scopes()
        assert scope.since == operator.clock()
        assert problem(scope, utc_now()).startswith("not readable since 20")
        health.reconciled("production", 1.0, whole=False)
        assert not watch.scopes()[0].is_good


async def test_an_invalid_scope_is_not_watched() -> None:
    # It is older than the schema, so that the API server did not refuse it.
    store = Store([NSGScope])
    bad = {"metadata": {"name": "bad", "uid": "u", "resourceVersion": "9"}, "spec": {"subscriptionId": "x"}}
    store.put(NSGScope, {"apiVersion": API, "kind": "NSGScope", **bad})
    (scope,) = WatchState(store, Health()).scopes()
    assert scope.name == "bad"
    assert "InvalidSpec" in problem(scope, utc_now())


async def test_the_end_of_a_reconcile_wakes_who_waits_for_it() -> None:
    health = Health()
    watch = WatchState(Store([NSGScope]), health)
    assert not await watch.reconciled(0)
    asyncio.get_running_loop().call_soon(lambda: health.reconciled("production", 1.0, whole=True))
    assert await watch.reconciled(60)
    assert not await watch.reconciled(0)


async def test_the_condition_of_a_heartbeat_is_exported(tmp_path: Path) -> None:
    async with in_process_operator(tmp_path, {}, "json://127.0.0.1:1", heartbeat={"at": "08:00"}) as operator:
        name, namespace = "chat", "nsg-baseline-system"
        series = f'nsg_baseline_route_heartbeat{{namespace="{namespace}",route="{name}"}}'
        metrics = Metrics(operator.records, Health(), dict, lambda: True)
        assert series not in metrics.text().decode()
        # Without the scopes, as for a route of a tenant.
        await operator.deliver()
        assert f"{series} 0.0" in metrics.text().decode()
