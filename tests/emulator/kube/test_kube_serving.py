"""What tests of an operator need of the embedded server: a request log, and injected faults."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from nsg_emulator.kube import ApiError, KubeApi, Running, serve, serve_in_thread
from tests.emulator.kube.contract import CRD, GROUP, gadget

SECONDS = 60
GADGETS = f"/apis/{GROUP}/v1/namespaces/default/gadgets"


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    api = KubeApi()
    api.create(CRD)
    async with serve(api) as served:
        yield served


@pytest.fixture
async def session(running: Running) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(running.url, headers={"User-Agent": "tester/1.0"}) as opened:
        yield opened


# as `kubectl create namespace team` and `kubectl create secret generic s --from-literal k=v` send them
NAMESPACE = (
    b'k8s\0\n\x0f\n\x02v1\x12\tNamespace\x12\x1c\n\x14\n\x04team\x12\0\x1a\0"\0*\x002\x008\0B\0'
    b'\x12\0\x1a\x02\n\0\x1a\0"\0'
)
SECRET = (
    b'k8s\0\n\x0c\n\x02v1\x12\x06Secret\x12\x1d\n\x11\n\x01s\x12\0\x1a\0"\0*\x002\x008\0B\0'
    b'\x12\x06\n\x01k\x12\x01v\x1a\0\x1a\0"\0'
)


async def status(session: aiohttp.ClientSession, path: str = GADGETS, method: str = "GET", **options: Any) -> int:
    async with session.request(method, path, **options) as answer:
        await answer.read()
        return answer.status


async def next_event(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        return json.loads(await answer.content.readline())  # type: ignore[no-any-return]


async def test_every_request_is_logged_with_verb_status_and_agent(
    running: Running, session: aiohttp.ClientSession
) -> None:
    await status(session)
    await status(session, f"{GADGETS}/nope?pretty=1")
    await status(session, method="POST", json=gadget("one"))
    await status(session, f"{GADGETS}/one", "DELETE")
    await status(session, method="DELETE")
    log = running.api.requests
    assert [(item.verb, item.method, item.status) for item in log] == [
        ("list", "GET", 200),
        ("get", "GET", 404),
        ("create", "POST", 201),
        ("delete", "DELETE", 200),
        ("deletecollection", "DELETE", 200),
    ]
    [missed] = log.where(lambda item: item.status == 404)
    assert (missed.path, missed.query, missed.agent) == (f"{GADGETS}/nope", "pretty=1", "tester/1.0")
    assert (log.reads, log.writes) == (2, 3)


async def test_an_access_review_is_not_counted_as_a_write(running: Running, session: aiohttp.ClientSession) -> None:
    # A test that a reconcile writes nothing must not fail because an operator checks its permissions.
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert await status(session, path, "POST", json={"spec": {}}) == 201
    assert running.api.requests.writes == 0


async def test_the_log_is_read_and_reset_over_http(running: Running, session: aiohttp.ClientSession) -> None:
    await status(session, method="POST", json=gadget("one"))
    async with session.get("/_emulator/requests") as answer:
        shown = await answer.json()
    assert (shown["reads"], shown["writes"], shown["requests"][0]["verb"]) == (0, 1, "create")
    assert await status(session, "/_emulator/requests", "DELETE") == 200
    assert (len(running.api.requests), running.api.requests.writes) == (0, 0)


async def test_listeners_receive_logged_requests(running: Running, session: aiohttp.ClientSession) -> None:
    verbs: asyncio.Queue[str] = asyncio.Queue()
    running.api.requests.listeners.append(lambda logged: verbs.put_nowait(logged.verb))
    await status(session, method="POST", json=gadget("one"))
    assert verbs.get_nowait() == "create"


async def test_protobuf_is_read_for_objects_that_kubectl_creates_with_it(
    running: Running, session: aiohttp.ClientSession
) -> None:
    protobuf = {"Content-Type": "application/vnd.kubernetes.protobuf"}
    assert await status(session, "/api/v1/namespaces", "POST", data=NAMESPACE, headers=protobuf) == 201
    assert running.api.get("v1", "Namespace", "team")["status"]["phase"] == "Active"
    secrets = "/api/v1/namespaces/team/secrets"
    assert await status(session, secrets, "POST", data=SECRET, headers=protobuf) == 201
    assert running.api.get("v1", "Secret", "s", "team")["data"] == {"k": "dg=="}
    for unreadable in (NAMESPACE[:-20], b"nothing", b"k8s\0"):
        assert await status(session, "/api/v1/namespaces", "POST", data=unreadable, headers=protobuf) in (400, 415)
    other = NAMESPACE.replace(b"Namespace", b"Xamespace")
    assert await status(session, "/api/v1/namespaces", "POST", data=other, headers=protobuf) == 415


async def test_a_watch_is_logged_when_it_begins(running: Running, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{GADGETS}?watch=true") as answer:
        assert answer.status == 200
        assert [item.verb for item in running.api.requests] == ["watch"]


async def test_the_next_matching_requests_fail_and_do_nothing(running: Running, session: aiohttp.ClientSession) -> None:
    fault = running.api.interference.fail(2, code=503, methods="POST", path="gadgets$", retry_after=7)
    async with session.post(GADGETS, json=gadget("one")) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
        assert (await answer.json())["reason"] == "ServiceUnavailable"
    assert await status(session) == 200, "other methods are not hit"
    assert await status(session, method="POST", json=gadget("one")) == 503
    assert await status(session, method="POST", json=gadget("one")) == 201, "the failed ones had stored nothing"
    assert (fault.remaining, fault.happened) == (0, 2)


async def test_injected_faults_can_be_removed(running: Running, session: aiohttp.ClientSession) -> None:
    running.api.interference.fail(100)
    assert await status(session) == 500
    running.api.interference.stop()
    assert await status(session) == 200


async def test_a_connection_can_be_cut(running: Running, session: aiohttp.ClientSession) -> None:
    running.api.interference.drop(1, methods="PUT|POST")
    with pytest.raises(aiohttp.ClientConnectionError):
        await status(session, method="POST", json=gadget("one"))
    assert await status(session, f"{GADGETS}/one") == 404


async def test_watches_can_stop_silently(running: Running, session: aiohttp.ClientSession) -> None:
    # The connection stays open without events, as after a lost NAT entry.
    async with session.get(f"{GADGETS}?watch=true") as dead:
        running.api.create(gadget("one"))
        assert (await next_event(dead))["object"]["metadata"]["name"] == "one"
        assert running.api.interference.mute_watches() == 1
        async with session.get(f"{GADGETS}?watch=true") as later:
            for name in ("two", "three"):
                running.api.create(gadget(name))
            names = [(await next_event(later))["object"]["metadata"]["name"] for _ in range(3)]
        assert sorted(names) == ["one", "three", "two"]
        assert dead.content.read_nowait() == b""
        assert not dead.content.at_eof()


async def test_watches_can_be_cut(running: Running, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{GADGETS}?watch=true") as answer:
        assert running.api.interference.cut_watches() == 1
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(answer.content.readline(), SECONDS)
    assert running.api.interference.watches == set()


async def test_the_server_can_stop_and_restart_on_its_port(running: Running, session: aiohttp.ClientSession) -> None:
    running.api.create(gadget("one"))
    async with session.get(f"{GADGETS}?watch=true") as watch:
        await next_event(watch)
        await running.away()
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(watch.content.readline(), SECONDS)
    with pytest.raises(aiohttp.ClientConnectorError):
        await status(session)
    await running.back()
    assert await status(session, f"{GADGETS}/one") == 200, "what was stored is still there"


def test_it_runs_in_a_thread_for_callers_without_a_loop(tmp_path: Path) -> None:
    with serve_in_thread(KubeApi()) as running:
        config = json.loads(running.kubeconfig(tmp_path / "config").read_text())
        assert config["clusters"][0]["cluster"]["server"] == running.url
        assert running.url.startswith("http://127.0.0.1:")


async def test_a_port_in_use_is_an_error(running: Running) -> None:
    port = int(running.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        async with serve(KubeApi(), port=port):
            pass


async def test_in_process_helpers_return_copies() -> None:
    # A test that changes a returned object must not change the stored one.
    api = KubeApi()
    api.create(CRD)
    made = api.apply(gadget("one"))
    made["spec"]["nsg"] = "changed"
    assert api.get(f"{GROUP}/v1", "Gadget", "one", "default")["spec"]["nsg"] == "a"
    api.list(f"{GROUP}/v1", "Gadget")[0]["spec"]["nsg"] = "changed"
    patched = api.patch(f"{GROUP}/v1", "Gadget", "one", {"status": {"x": 1}}, "default", subresource="status")
    assert (patched["spec"]["nsg"], patched["status"]) == ("a", {"x": 1})
    api.delete(f"{GROUP}/v1", "Gadget", "one", "default")
    with pytest.raises(ApiError, match="not found"):
        api.get(f"{GROUP}/v1", "Gadget", "one", "default")
