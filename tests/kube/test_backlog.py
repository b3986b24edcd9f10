"""Writes while the API server is away: in memory at once, and stored when it answers again."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.common import ObjectKey, Resource
from nsg_baseline.api.crds import render
from nsg_baseline.api.incident import Delivery, IncidentStatus, NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope, ScopeStatus
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.kube import backlog, errors
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Store, resource
from nsg_baseline.kube.sync import sync
from nsg_emulator.kube import KubeApi, serve

API = "nsg-baseline.io/v1alpha1"
KINDS = (NSGScope, NSGBaseline, NSGAlertRoute, NSGIncident)
NSG = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/web"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUBJECT = IncidentSubject("Drift", "default", "production", "web")
WEB = ObjectKey("default", "web")


class LossyKube(Kube):
    """An API server that stores the next statuses, and whose answers are lost."""

    lost = 0

    @override
    async def patch_status(
        self, kind: type[Resource], key: ObjectKey, patch: Mapping[str, Any], version: int | None = None
    ) -> dict[str, Any]:
        answer = await super().patch_status(kind, key, patch, version)
        if self.lost:
            self.lost -= 1
            raise KubeError("Timeout", "the answer was lost")
        return answer


@dataclass(slots=True)
class Cluster:
    """An API server with the baselines `web` and `db`, and the records of an operator."""

    api: KubeApi
    kube: LossyKube
    records: Records
    leads: bool = True

    def stop_api_server(self) -> None:
        """Answer no request any more."""
        self.api.interference.fail(100_000, code=503)

    async def start_api_server(self) -> None:
        """Answer again, and let the operator save what waits."""
        self.api.interference.stop()
        await self.records.backlog.flush()

    def status(self, kind: str, name: str, namespace: str = "default") -> dict[str, Any]:
        return dict(self.api.get(API, kind, name, namespace).get("status") or {})

    async def open_incident(self) -> NSGIncident:
        """Open an incident about `web` as the recorder does."""
        created = await self.records.create_incident(SUBJECT, NSG, NOW)
        return await self.records.update_incident(created, opened())


def opened(**fields: Any) -> IncidentStatus:
    status = {"state": "Open", "revision": 1, "event": "Opened", "severity": "high", "opened_at": NOW, **fields}
    return IncidentStatus(**status)


def delivery(route: str, revision: int = 1) -> Delivery:
    return Delivery(route=route, revision=revision, at=NOW)


def document(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    api = KubeApi()
    for crd in render():
        api.apply(crd)
    for name in ("web", "db"):
        api.apply(document("NSGBaseline", name, "default", {"target": {"resourceId": NSG}, "rules": []}))
    api.apply(document("NSGScope", "production", "", {"subscriptionId": "11111111-1111-1111-1111-111111111111"}))
    async with serve(api) as running:
        kube = await LossyKube.connect(str(running.kubeconfig(tmp_path / "kubeconfig")))
        assert isinstance(kube, LossyKube)
        store = Store(KINDS)
        await sync(kube, store, KINDS)
        cluster = Cluster(api, kube, Records(kube, store))
        try:
            yield cluster
        finally:
            await kube.aclose()


async def test_statuses_and_incidents_wait_in_memory_and_are_stored_afterwards(cluster: Cluster) -> None:
    # The reconcile and the alerts read the store: for them nothing may look different during an outage.
    cluster.stop_api_server()
    assert await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=2))
    assert await cluster.records.save_status(NSGScope, ObjectKey("", "production"), ScopeStatus(nsgs=7))
    incident = await cluster.open_incident()
    await cluster.records.change(incident.key, lambda status: with_delivery(status, delivery("team/chat")))
    await cluster.records.post_event(incident, "DriftOpened", "SSH is open", NOW, name="web.1")
    assert cluster.records.backlog.sizes == {"NSGBaseline": 1, "NSGScope": 1, "NSGIncident": 1, "Event": 1}
    assert cluster.records.incidents.open_about(SUBJECT) is not None
    await cluster.start_api_server()
    assert cluster.records.backlog.sizes == {}
    assert cluster.status("NSGBaseline", "web")["changeCount"] == 2
    assert cluster.status("NSGScope", "production", "")["nsgs"] == 7
    (stored,) = cluster.api.list(API, "NSGIncident")
    assert stored["metadata"]["name"] == incident.metadata.name
    assert stored["status"] == opened(deliveries=(delivery("team/chat"),)).document()
    assert [event["metadata"]["name"] for event in cluster.api.list("v1", "Event")] == ["web.1"]
    (in_memory,) = cluster.records.incidents.all()
    assert in_memory.metadata.uid == stored["metadata"]["uid"]


async def test_an_unavailable_server_receives_no_requests(cluster: Cluster) -> None:
    # Each request may take seconds, and an alert would wait for all of them.
    cluster.stop_api_server()
    await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=2))
    cluster.api.requests.reset()
    await cluster.open_incident()
    await cluster.records.save_status(NSGBaseline, ObjectKey("default", "db"), BaselineStatus(change_count=2))
    assert len(cluster.api.requests) == 0


async def test_only_the_latest_status_is_stored(cluster: Cluster) -> None:
    # An outage of hours must not end with thousands of writes.
    cluster.stop_api_server()
    for count in range(5):
        await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=count))
    cluster.api.requests.reset()
    await cluster.start_api_server()
    assert cluster.api.requests.writes == 1
    assert cluster.status("NSGBaseline", "web")["changeCount"] == 4
    # An unchanged world writes nothing.
    assert not await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=4))


async def test_edits_of_others_during_an_outage_are_kept(cluster: Cluster) -> None:
    # The API server may be away for the operator alone. A user acknowledges; another replica delivered.
    incident = await cluster.open_incident()
    cluster.stop_api_server()
    updated = incident.status.model_copy(update={"revision": 2, "event": "Updated"})
    incident = await cluster.records.update_incident(incident, updated)
    await cluster.records.change(incident.key, lambda status: with_delivery(status, delivery("team/chat", 2)))
    name, acknowledged = incident.metadata.name, {"by": "jo", "at": "2026-03-01T12:00:00Z"}
    cluster.api.patch(API, "NSGIncident", name, {"spec": {"acknowledged": acknowledged}}, "default")
    others = {"status": {"deliveries": [delivery("team/pager").document()]}}
    cluster.api.patch(API, "NSGIncident", name, others, "default", subresource="status")
    await cluster.start_api_server()
    stored = NSGIncident.model_validate(cluster.api.get(API, "NSGIncident", name, "default"))
    assert stored.spec.acknowledged is not None
    assert (stored.status.revision, stored.status.event) == (2, "Updated")
    assert {(entry.route, entry.revision) for entry in stored.status.deliveries} == {
        ("team/chat", 2),
        ("team/pager", 1),
    }
    (in_memory,) = cluster.records.incidents.all()
    assert in_memory.status == stored.status


async def test_a_watch_event_does_not_undo_a_pending_write(cluster: Cluster) -> None:
    # The watch may be back before the writes are: the store must show both.
    cluster.stop_api_server()
    await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=2))
    edited = cluster.api.patch(API, "NSGBaseline", "web", {"spec": {"suspend": True}}, "default")
    cluster.records.store.put(NSGBaseline, edited)
    stored = cluster.records.store.find(NSGBaseline, WEB)
    assert stored is not None
    baseline = resource(NSGBaseline, stored)
    assert (baseline.spec.suspend, baseline.status.change_count) == (True, 2)
    await cluster.start_api_server()
    assert cluster.status("NSGBaseline", "web")["changeCount"] == 2


async def test_a_lost_response_is_not_taken_for_a_write_of_another_client(cluster: Cluster) -> None:
    # A revision that another writer took is raised. Here that would be a second alert about one event.
    incident = await cluster.open_incident()
    cluster.kube.lost = 1
    updated = incident.status.model_copy(update={"revision": 2, "event": "Updated"})
    incident = await cluster.records.update_incident(incident, updated)
    await cluster.records.change(incident.key, lambda status: with_delivery(status, delivery("team/chat", 2)))
    await cluster.start_api_server()
    stored = cluster.status("NSGIncident", incident.metadata.name)
    assert stored == updated.model_copy(update={"deliveries": (delivery("team/chat", 2),)}).document()
    assert cluster.records.backlog.sizes == {}


async def test_a_change_during_the_flush_is_stored_too(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    # A reconcile goes on while the backlog is saved.
    cluster.stop_api_server()
    await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=2))
    patch_status = cluster.kube.patch_status

    async def meanwhile(*arguments: Any) -> dict[str, Any]:
        monkeypatch.setattr(cluster.kube, "patch_status", patch_status)
        await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=3))
        return await patch_status(*arguments)

    monkeypatch.setattr(cluster.kube, "patch_status", meanwhile)
    await cluster.start_api_server()
    assert cluster.status("NSGBaseline", "web")["changeCount"] == 3
    assert cluster.records.backlog.sizes == {}


async def test_a_deleted_or_refused_object_does_not_block_the_others(cluster: Cluster) -> None:
    # A baseline that was deleted meanwhile must not keep the others from being stored, nor be tried for ever.
    cluster.stop_api_server()
    for name, count in (("web", 2), ("db", -1)):
        refused = BaselineStatus.model_construct(change_count=count)
        await cluster.records.save_status(NSGBaseline, ObjectKey("default", name), refused)
    incident = await cluster.open_incident()
    cluster.api.delete(API, "NSGBaseline", "web", "default")
    await cluster.start_api_server()
    assert cluster.records.backlog.sizes == {}
    assert cluster.records.store.find(NSGBaseline, WEB) is None
    assert cluster.status("NSGIncident", incident.metadata.name)["revision"] == 1
    # What was refused is forgotten, so that the next reconcile computes and reports it again.
    unrefused = cluster.records.store.find(NSGBaseline, ObjectKey("default", "db"))
    assert unrefused is not None
    assert unrefused.status().get("changeCount") != -1


async def test_an_object_whose_write_always_fails_delays_no_other(cluster: Cluster) -> None:
    # A webhook that is broken for one kind answers 500. The API server is not away.
    cluster.stop_api_server()
    incident = await cluster.open_incident()
    await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=2))
    await cluster.records.save_status(NSGBaseline, ObjectKey("default", "db"), BaselineStatus(change_count=2))
    cluster.api.interference.stop()
    cluster.api.interference.fail(100_000, code=500, methods="PATCH", path="nsgbaselines/web")
    await cluster.records.backlog.flush()
    assert cluster.records.backlog.sizes == {"NSGBaseline": 1}
    assert not cluster.records.backlog.is_unavailable
    assert cluster.status("NSGIncident", incident.metadata.name)["revision"] == 1
    assert cluster.status("NSGBaseline", "db")["changeCount"] == 2
    await cluster.start_api_server()
    assert cluster.status("NSGBaseline", "web")["changeCount"] == 2


async def test_a_server_that_has_just_started_may_refuse_everything(cluster: Cluster) -> None:
    # It answers 403 until it has read the roles. An incident given up here would open again, under another key.
    cluster.stop_api_server()
    incident = await cluster.open_incident()
    cluster.api.interference.stop()
    cluster.api.interference.fail(100_000, code=403, methods="POST|PATCH")
    await cluster.records.backlog.flush()
    assert not cluster.records.backlog.is_unavailable
    assert cluster.records.backlog.sizes == {"NSGIncident": 1}
    await cluster.start_api_server()
    assert cluster.records.backlog.sizes == {}
    assert cluster.status("NSGIncident", incident.metadata.name)["revision"] == 1


async def test_a_server_that_accepts_requests_and_never_responds_is_unavailable(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A network that drops packets. The client's own limit is half a minute, and an alert waits for the write.
    monkeypatch.setattr(errors, "RESPONSE_SECONDS", 0.05)

    async def hang(*_: Any) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    for name in ("create", "patch_status", "get", "post_event"):
        monkeypatch.setattr(cluster.kube, name, hang)
    async with asyncio.timeout(60):
        incident = await cluster.open_incident()
        await cluster.records.backlog.flush()
    assert cluster.records.backlog.is_unavailable
    assert [stored.key for stored in cluster.records.incidents.all()] == [incident.key]


async def test_incidents_are_stored_first(cluster: Cluster) -> None:
    # They say what was sent; a status is computed again at the next reconcile.
    cluster.stop_api_server()
    await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=2))
    await cluster.open_incident()
    cluster.api.requests.reset()
    await cluster.start_api_server()
    written = [request.path for request in cluster.api.requests]
    assert [path.partition("/default/")[2].partition("/")[0] for path in written] == [
        "nsgincidents",
        "nsgincidents",
        "nsgbaselines",
    ]


async def test_the_backlog_is_bounded(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    # An outage must not end the process for want of memory. Objects that wait already may change.
    monkeypatch.setattr(backlog, "MAX_OBJECTS", 1)
    cluster.stop_api_server()
    await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=2))
    await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=3))
    with pytest.raises(KubeError, match="BacklogFull: more than 1 unsaved objects"):
        await cluster.records.save_status(NSGBaseline, ObjectKey("default", "db"), BaselineStatus(change_count=2))
    about = NSGBaseline.model_validate(cluster.api.get(API, "NSGBaseline", "web", "default"))
    for number in range(backlog.MAX_EVENTS + 1):
        await cluster.records.post_event(about, "DriftOpened", "SSH is open", NOW, name=f"web.{number}")
    assert cluster.records.backlog.sizes == {"NSGBaseline": 1, "Event": backlog.MAX_EVENTS}


async def test_a_list_does_not_remove_an_incident_that_is_not_created_yet(cluster: Cluster) -> None:
    # The periodic list runs as soon as the API server is back, and would end an incident that was notified.
    cluster.stop_api_server()
    incident = await cluster.open_incident()
    cluster.api.interference.stop()
    await sync(cluster.kube, cluster.records.store, KINDS)
    assert [stored.key for stored in cluster.records.incidents.all()] == [incident.key]


async def test_a_replica_that_may_not_write_keeps_everything_in_memory(cluster: Cluster) -> None:
    # Another replica may lead, and write the same objects.
    async def never() -> bool:
        return False

    records = Records(cluster.kube, cluster.records.store, never)
    await records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=2))
    await records.backlog.flush()
    assert cluster.status("NSGBaseline", "web")["changeCount"] == 0
    with pytest.raises(KubeError):
        await records.forget(await cluster.open_incident())


async def test_a_replica_that_was_replaced_hands_over_incidents_and_deliveries_only(cluster: Cluster) -> None:
    # The next leader computes statuses itself. It cannot know what was sent, or under which key.
    shared = await cluster.open_incident()
    cluster.stop_api_server()
    resolved = shared.status.model_copy(update={"revision": 2, "state": "Resolved"})
    shared = await cluster.records.update_incident(shared, resolved)
    await cluster.records.change(shared.key, lambda status: with_delivery(status, delivery("team/chat", 2)))
    await cluster.records.save_status(NSGBaseline, WEB, BaselineStatus(change_count=2))
    own = await cluster.records.create_incident(SUBJECT, NSG, NOW.replace(hour=13))
    await cluster.records.update_incident(own, opened())
    cluster.api.interference.stop()
    await cluster.records.backlog.hand_over()
    assert cluster.status("NSGBaseline", "web")["changeCount"] == 0
    assert cluster.status("NSGIncident", own.metadata.name)["state"] == "Open"
    after = cluster.status("NSGIncident", shared.metadata.name)
    assert (after["state"], after["revision"], len(after["deliveries"])) == ("Open", 1, 1)


def with_delivery(status: IncidentStatus, added: Delivery) -> IncidentStatus:
    return status.model_copy(update={"deliveries": (*status.deliveries, added)})
