"""Cleanup: how long resolved incidents are kept, and what a deleted scope leaves behind."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.engine.cleanup import prune_incidents
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scopes import Scopes
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Store
from tests.support.alerts import OPERATOR
from tests.support.in_process_operator import API, InProcessOperator, in_process_operator
from tests.support.rule_shorthand import arm_rule

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
WEB = [arm_rule("100 web allow tcp Internet -> *:443")]


class DeletingKube:
    """An API server that accepts every deletion."""

    def __init__(self) -> None:
        self.deleted: list[ObjectKey] = []

    async def delete(self, kind: type[NSGIncident], key: ObjectKey) -> None:
        del kind
        self.deleted.append(key)


@pytest.fixture
def server() -> DeletingKube:
    return DeletingKube()


@pytest.fixture
def records(server: DeletingKube) -> Records:
    return Records(cast("Kube", server), Store([NSGIncident, NSGAlertRoute]))


def store_incident(
    records: Records,
    name: str,
    age: timedelta | None,
    *,
    baseline: str = "web",
    namespace: str = "team-web",
    version: int = 1,
    **more: object,
) -> None:
    """Store an incident that was resolved some time ago, or that is open (`None`)."""
    metadata = {"name": name, "namespace": namespace, "uid": f"{namespace}-{name}", "resourceVersion": str(version)}
    spec = {"kind": "Drift", "scope": "production", "baseline": baseline}
    status: dict[str, object] = {"state": "Open", "revision": 1, **more}
    if age is not None:
        status |= {"state": "Resolved", "resolvedAt": f"{NOW - age:%Y-%m-%dT%H:%M:%SZ}"}
    document = {"apiVersion": API, "kind": "NSGIncident", "metadata": metadata, "spec": spec, "status": status}
    records.store.put(NSGIncident, document)


def names(records: Records) -> set[str]:
    return {incident.metadata.name for incident in records.incidents.all()}


async def test_a_resolved_incident_is_kept_for_thirty_days(records: Records, server: DeletingKube) -> None:
    # Auditors ask about the last month, but etcd must not keep incidents indefinitely.
    store_incident(records, "kept", timedelta(days=30))
    store_incident(records, "expired", timedelta(days=30, seconds=1))
    await prune_incidents(records, OPERATOR, NOW)
    assert names(records) == {"kept"}
    assert server.deleted == [ObjectKey("team-web", "expired")]


async def test_the_latest_twenty_resolved_incidents_of_a_baseline_are_kept(records: Records) -> None:
    # A flapping rule creates an incident an hour. The oldest are deleted first.
    for hours in range(22):
        store_incident(records, f"i{hours}", timedelta(hours=1 + hours))
    await prune_incidents(records, OPERATOR, NOW)
    assert names(records) == {f"i{hours}" for hours in range(20)}


async def test_the_limit_of_twenty_is_counted_for_each_subject(records: Records) -> None:
    # A flapping baseline must not delete the history of another one, nor of one with the same name in another
    # namespace.
    for hours in range(20):
        store_incident(records, f"web{hours}", timedelta(hours=hours))
        store_incident(records, f"db{hours}", timedelta(hours=hours), baseline="db")
        store_incident(records, f"other{hours}", timedelta(hours=hours), namespace="team-db")
    await prune_incidents(records, OPERATOR, NOW)
    assert len(names(records)) == 60


async def test_an_open_incident_is_neither_deleted_nor_counted(records: Records) -> None:
    # An open incident is the only record of what was notified.
    for number in range(25):
        store_incident(records, f"open{number}", None)
    for hours in range(20):
        store_incident(records, f"i{hours}", timedelta(hours=hours))
    await prune_incidents(records, OPERATOR, NOW)
    assert len(names(records)) == 45


async def test_routes_are_read_only_if_an_incident_has_expired(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each edit of any baseline prunes. A tenant with 300 routes and many edits would take the operator's time.
    read: list[type] = []
    stored = Store.stored

    def counted(store: Store, kind: type[Any]) -> Any:
        read.append(kind)
        return stored(store, kind)

    monkeypatch.setattr(Store, "stored", counted)
    store_incident(records, "kept", timedelta(days=30))
    await prune_incidents(records, OPERATOR, NOW)
    assert NSGAlertRoute not in read
    store_incident(records, "expired", timedelta(days=31))
    store_incident(records, "old", timedelta(days=32))
    await prune_incidents(records, OPERATOR, NOW)
    assert read.count(NSGAlertRoute) == 1


async def test_an_incident_that_reached_nobody_is_kept(records: Records) -> None:
    # The channel was down when SSH was open: the incident is all that is left to say so.
    route = {
        "apiVersion": API,
        "kind": "NSGAlertRoute",
        "metadata": {
            "name": "chat",
            "namespace": OPERATOR,
            "uid": "1",
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"urlsFrom": {"name": "chat", "key": "urls"}},
    }
    records.store.put(NSGAlertRoute, route)
    ages = {f"i{hours}": timedelta(hours=1 + hours) for hours in range(22)} | {"month": timedelta(days=31)}
    for name, age in ages.items():
        store_incident(records, name, age, severity="high")
    await prune_incidents(records, OPERATOR, NOW)
    assert names(records) == ages.keys()
    delivery = {"route": f"{OPERATOR}/chat", "revision": 1, "at": "2026-11-30T12:00:00Z"}
    for name, age in ages.items():
        store_incident(records, name, age, version=2, severity="high", deliveries=[delivery])
    await prune_incidents(records, OPERATOR, NOW)
    assert names(records) == {f"i{hours}" for hours in range(20)}


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[InProcessOperator]:
    async with in_process_operator(tmp_path, {"web": WEB}, "json://127.0.0.1:1") as started:
        yield started


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the work of another task, without an event to wait for
            await asyncio.sleep(0.01)


async def test_the_deadline_of_a_deleted_scope_is_removed(operator: InProcessOperator) -> None:
    # Otherwise liveness fails ten minutes after the deletion, and the pod restarts again and again.
    seconds = 0.0
    health = Health(lambda: seconds)
    dependencies = Dependencies(operator.azure, operator.azure, operator.records, OPERATOR, operator.clock)
    loops = asyncio.create_task(Scopes(lambda _: dependencies, operator.records, operator.clock, health).run())
    try:
        await until(lambda: "production" in health.reconciles)
        operator.api.delete(API, "NSGScope", "production")
        await operator.refresh()
        await until(lambda: health.reconciles == {})
        seconds = 10_000.0
        assert health.overdue() == []
    finally:
        loops.cancel()
        await asyncio.gather(loops, return_exceptions=True)
