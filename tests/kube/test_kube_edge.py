"""The Kubernetes edge against an API server: lists, writes, watches by kopf, and an unreachable server."""

import asyncio
import base64
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import kopf
import pytest

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.crds import render
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.kube.client import PAGE_SIZE, Kube
from nsg_baseline.kube.documents import merge_patch
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.events import event
from nsg_baseline.kube.handlers import registry, settings
from nsg_baseline.kube.login import connection_info
from nsg_baseline.kube.store import Event, NamespaceEvent, Store, resource
from nsg_baseline.kube.sync import sync
from nsg_emulator.kube import KubeApi, serve

KINDS = (NSGScope, NSGBaseline, NSGAlertRoute, NSGIncident)
NSG = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/{}"


def baseline(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": "NSGBaseline",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"target": {"resourceId": NSG.format(name)}, "rules": [], **spec},
    }


@contextlib.asynccontextmanager
async def cluster(tmp_path: Path) -> AsyncIterator[tuple[Any, Kube]]:
    api = KubeApi()
    for crd in render():
        api.apply(crd)
    async with serve(api) as running:
        kube = await Kube.connect(str(running.kubeconfig(tmp_path / "kubeconfig")))
        try:
            yield running, kube
        finally:
            await kube.aclose()


async def wait_until(store: Store, holds: Callable[[], bool]) -> None:
    """Wait until a condition holds, checked after each event of the store."""
    changed = asyncio.Event()
    store.listen(lambda _: changed.set())
    async with asyncio.timeout(60):
        while not holds():
            await changed.wait()
            changed.clear()


async def test_a_sync_reads_all_pages_and_removes_deleted_objects(tmp_path: Path) -> None:
    # If the first list missed a baseline, its NSG would be reported as unbaselined.
    async with cluster(tmp_path) as (running, kube):
        for number in range(PAGE_SIZE + 3):
            running.api.create(baseline(f"b{number}"))
        store = Store(KINDS)
        await sync(kube, store, KINDS)
        assert len(store.keys(NSGBaseline)) == PAGE_SIZE + 3
        running.api.delete("nsg-baseline.io/v1alpha1", "NSGBaseline", "b1", "default")
        await sync(kube, store, KINDS)
        assert store.find(NSGBaseline, ObjectKey("default", "b1")) is None
        assert len(store.keys(NSGBaseline)) == PAGE_SIZE + 2
        assert "default" in store.namespaces


async def test_a_namespace_is_listed_and_watched_without_rights_in_others(tmp_path: Path) -> None:
    # A tenant with a role in one namespace uses `nsgb incidents -n`. A list of all namespaces would be forbidden.
    async with cluster(tmp_path) as (running, kube):
        running.api.create(baseline("web"))
        other = baseline("other")
        other["metadata"]["namespace"] = "kube-system"
        running.api.create(other)
        requests: list[str] = []
        running.api.requests.listeners.append(lambda logged: requests.append(logged.path))
        listed = [item async for page, _ in kube.pages(NSGBaseline, "default") for item in page]
        async with asyncio.timeout(60):
            watched = await anext(kube.changes(NSGBaseline, "default"))
        assert [item["metadata"]["name"] for item in (*listed, watched)] == ["web", "web"]
        assert requests
        assert all("/namespaces/default/" in path for path in requests)


async def test_own_writes_are_stored_at_once_and_older_versions_are_ignored(tmp_path: Path) -> None:
    # A late watch event must not replace a newer status, which would then be written again.
    async with cluster(tmp_path) as (running, kube):
        old = running.api.create(baseline("web"))
        store = Store(KINDS)
        events: list[Event | NamespaceEvent] = []
        store.listen(events.append)
        store.put(NSGBaseline, old)
        new = await kube.patch_status(NSGBaseline, ObjectKey("default", "web"), {"changeCount": 2})
        store.put(NSGBaseline, new)
        store.put(NSGBaseline, old)
        stored = store.find(NSGBaseline, ObjectKey("default", "web"))
        assert stored is not None
        assert resource(NSGBaseline, stored).status.change_count == 2
        assert events == [
            Event(NSGBaseline, ObjectKey("default", "web"), "Intent"),
            Event(NSGBaseline, ObjectKey("default", "web"), "Status"),
        ]


async def test_kopf_stores_watch_events(tmp_path: Path) -> None:
    # kopf is how the operator learns of an edit before the next full list.
    async with cluster(tmp_path) as (running, _):
        store = Store(KINDS)
        login = partial(connection_info, str(tmp_path / "kubeconfig"))
        stop = asyncio.Event()
        operator = asyncio.create_task(
            kopf.operator(
                registry=registry(store, KINDS, login),
                settings=settings(),
                standalone=True,
                clusterwide=True,
                stop_flag=stop,
            )
        )
        try:
            running.api.create(baseline("web"))
            await wait_until(store, lambda: store.find(NSGBaseline, ObjectKey("default", "web")) is not None)
            before = running.api.requests.writes
            running.api.patch("nsg-baseline.io/v1alpha1", "NSGBaseline", "web", {"spec": {"suspend": True}}, "default")
            await wait_until(store, lambda: _suspended(store))
            running.api.delete("nsg-baseline.io/v1alpha1", "NSGBaseline", "web", "default")
            await wait_until(store, lambda: store.find(NSGBaseline, ObjectKey("default", "web")) is None)
            # No handler of ours makes kopf write anything, not even an annotation.
            assert running.api.requests.writes == before
        finally:
            stop.set()
            await operator


def _suspended(store: Store) -> bool:
    stored = store.find(NSGBaseline, ObjectKey("default", "web"))
    return stored is not None and resource(NSGBaseline, stored).spec.suspend


async def test_a_secret_is_decoded_and_a_missing_one_is_none(tmp_path: Path) -> None:
    # A route's condition distinguishes a missing Secret from an unreadable one.
    async with cluster(tmp_path) as (running, kube):
        data = {"urls": base64.b64encode(b"json://localhost").decode(), "key": base64.b64encode(b"\xff\xfe").decode()}
        running.api.create(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chat", "namespace": "default"}, "data": data}
        )
        assert await kube.secret("default", "chat") == {"urls": "json://localhost"}
        assert await kube.secret("default", "none") is None


async def test_kubectl_describe_finds_an_event(tmp_path: Path) -> None:
    # kubectl describe selects events by the object's uid.
    async with cluster(tmp_path) as (running, kube):
        created = NSGBaseline.model_validate(running.api.create(baseline("web")))
        now = datetime(2026, 11, 25, tzinfo=UTC)
        await kube.post_event(event(created, "NSGBaseline", "DriftOpened", "SSH is open", now, warning=True))
        (posted,) = running.api.list("v1", "Event", "default")
        assert posted["involvedObject"]["uid"] == created.metadata.uid
        assert (posted["reason"], posted["message"]) == ("DriftOpened", "SSH is open")


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda kube: kube.patch_status(NSGBaseline, ObjectKey("default", "none"), {"changeCount": 1}), "NotFound"),
        (lambda kube: kube.patch_status(NSGBaseline, ObjectKey("default", "web"), {"changeCount": -1}), "Invalid"),
    ],
)
async def test_a_refusal_has_the_servers_reason(
    tmp_path: Path, act: Callable[[Kube], Awaitable[object]], reason: str
) -> None:
    # The caller acts on the reason, so it must be the server's own.
    async with cluster(tmp_path) as (running, kube):
        running.api.create(baseline("web"))
        with pytest.raises(KubeError) as caught:
            await act(kube)
        assert caught.value.reason == reason


async def test_an_unavailable_server_is_unreachable(tmp_path: Path) -> None:
    # The caller continues and records later, so it needs one exception to catch.
    async with cluster(tmp_path) as (running, kube):
        await running.away()
        with pytest.raises(KubeError) as caught:
            await kube.patch_status(NSGBaseline, ObjectKey("default", "web"), {"changeCount": 1})
        assert caught.value.reason == "Unreachable"
        await running.back()


def test_a_merge_patch_contains_only_differences() -> None:
    # A reconcile without changes must write nothing, and a write must not touch fields of other writers.
    old = {"a": 1, "b": {"x": 1, "y": 2}, "c": [1], "d": 4}
    new = {"a": 1, "b": {"x": 1, "y": 3}, "c": [1, 2]}
    assert merge_patch(old, old) == {}
    assert merge_patch(old, new) == {"b": {"y": 3}, "c": [1, 2], "d": None}


def test_the_pauses_of_the_watches_never_end() -> None:
    # kopf ends the process after its last pause. By default that is within an hour.
    pauses = settings().networking.error_backoffs
    assert isinstance(pauses, Iterable)
    first = list(itertools.islice(pauses, 10_000))
    assert max(first) == first[-1] == 10
    # kopf iterates again for each request.
    assert list(itertools.islice(pauses, 3)) == first[:3]
