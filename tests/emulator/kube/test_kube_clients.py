"""The clients that the project uses accept the emulated API server: the Python client and kopf."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import kubernetes
import pytest
from kubernetes.aio import client as aio

from nsg_emulator.kube import KubeApi, Running, serve, serve_in_thread
from tests.emulator.kube.contract import CRD, GROUP, PLURAL, gadget

SECONDS = 30
WHERE: dict[str, Any] = {"group": GROUP, "version": "v1", "namespace": "default", "plural": PLURAL}

OPERATOR = f"""
import kopf

@kopf.on.startup()
async def settle(settings, **_):
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.networking.error_backoffs = [0.05] * 100

@kopf.on.event("{GROUP}", "v1", "{PLURAL}")
async def seen(event, body, patch, **_):
    if event["type"] != "DELETED" and body.get("status", {{}}).get("seen") != body["spec"]["nsg"]:
        patch.status["seen"] = body["spec"]["nsg"]
"""


@pytest.fixture
def running() -> Iterator[Running]:
    api = KubeApi()
    api.create(CRD)
    with serve_in_thread(api) as served:
        yield served


@pytest.fixture
def custom(running: Running) -> Iterator[Any]:
    # The client declares the objects that it returns as `object`; the tests read into them.
    configuration = kubernetes.client.Configuration(host=running.url)
    with kubernetes.client.ApiClient(configuration) as client:
        yield kubernetes.client.CustomObjectsApi(client)


def test_python_client_creates_reads_and_replaces(custom: Any) -> None:
    made = custom.create_namespaced_custom_object(**WHERE, body=gadget("one"))
    made["spec"]["nsg"] = "b"
    replaced = custom.replace_namespaced_custom_object(**WHERE, name="one", body=made)
    assert replaced["metadata"]["generation"] == 2
    with pytest.raises(kubernetes.client.ApiException) as stale:
        custom.replace_namespaced_custom_object(**WHERE, name="one", body=made)
    assert (stale.value.status, stale.value.reason) == (409, "Conflict")
    custom.patch_namespaced_custom_object_status(**WHERE, name="one", body={"status": {"x": 1}})
    stored = custom.get_namespaced_custom_object(**WHERE, name="one")
    assert (stored["spec"]["nsg"], stored["status"]) == ("b", {"x": 1})


def test_python_client_lists_in_pages(running: Running, custom: Any) -> None:
    for at in range(5):
        running.api.create(gadget(f"n{at}"))
    names, token = [], ""
    while True:
        page = custom.list_cluster_custom_object(GROUP, "v1", PLURAL, limit=2, _continue=token)
        names += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert names == ["n0", "n1", "n2", "n3", "n4"]


def test_python_client_reads_typed_kinds(running: Running, custom: Any) -> None:
    core: Any = kubernetes.client.CoreV1Api(custom.api_client)
    core.create_namespace({"metadata": {"name": "team"}})
    assert "team" in [item.metadata.name for item in core.list_namespace().items]
    core.create_namespaced_secret("team", {"metadata": {"name": "s"}, "stringData": {"k": "v"}})
    assert core.read_namespaced_secret("s", "team").data == {"k": "dg=="}
    leases: Any = kubernetes.client.CoordinationV1Api(custom.api_client)
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a", "renewTime": "2026-01-02T03:04:05.000006Z"}}
    assert leases.create_namespaced_lease("team", lease).spec.renew_time.microsecond == 6
    core.delete_namespace("team")
    assert running.api.list("v1", "Secret") == []


def test_python_client_watches(running: Running, custom: Any) -> None:
    version = custom.list_namespaced_custom_object(**WHERE)["metadata"]["resourceVersion"]
    timer = threading.Timer(0, lambda: custom.create_namespaced_custom_object(**WHERE, body=gadget("one")))
    timer.start()
    watch = kubernetes.watch.Watch()
    calls = {**WHERE, "resource_version": version, "timeout_seconds": SECONDS}
    for event in watch.stream(custom.list_namespaced_custom_object, **calls):
        assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "one")
        watch.stop()
    timer.join()


async def test_async_python_client() -> None:
    api = KubeApi()
    api.create(CRD)
    async with serve(api) as running, aio.ApiClient(aio.Configuration(host=running.url)) as client:
        custom: Any = aio.CustomObjectsApi(client)
        await custom.create_namespaced_custom_object(**WHERE, body=gadget("one"))
        await custom.patch_namespaced_custom_object_status(**WHERE, name="one", body={"status": {"x": 1}})
        listed = await custom.list_cluster_custom_object(GROUP, "v1", PLURAL)
        assert [item["status"] for item in listed["items"]] == [{"x": 1}]


async def until_seen(session: aiohttp.ClientSession, url: str, expected: dict[str, str]) -> None:
    """Watch until the status of every gadget shows the NSG that the operator saw."""
    versions: dict[str, str] = {}
    async with asyncio.timeout(SECONDS), session.get(f"{url}/apis/{GROUP}/v1/{PLURAL}?watch=true") as answer:
        async for line in answer.content:
            event = json.loads(line)
            versions[event["object"]["metadata"]["name"]] = event["object"].get("status", {}).get("seen", "")
            if versions == expected:
                return
    raise AssertionError(f"the watch ended with {versions}")


async def test_kopf_runs_against_it_in_a_separate_process(tmp_path: Path) -> None:
    # KUBECONFIG alone selects the server, as it does for a real cluster.
    (tmp_path / "handlers.py").write_text(OPERATOR)
    api = KubeApi()
    api.create(CRD)
    api.create(gadget("before"))
    async with serve(api) as running, aiohttp.ClientSession() as session:
        environment = {**os.environ, "KUBECONFIG": str(running.kubeconfig(tmp_path / "config"))}
        command = [sys.executable, "-m", "kopf", "run", "--all-namespaces", "--quiet", "handlers.py"]
        process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, env=environment)
        try:
            await until_seen(session, running.url, {"before": "a"})
            api.create(gadget("later", {"nsg": "b"}))
            await until_seen(session, running.url, {"before": "a", "later": "b"})
            api.interference.cut_watches()
            api.patch(f"{GROUP}/v1", "Gadget", "later", {"spec": {"nsg": "c"}}, "default")
            await until_seen(session, running.url, {"before": "a", "later": "c"})
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), SECONDS)
    assert api.requests.where(lambda item: item.agent.startswith("kopf/") and item.verb == "watch")
