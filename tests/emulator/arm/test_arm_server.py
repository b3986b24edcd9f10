"""The emulator on a socket: TLS that clients can verify, http for loopback only, its own endpoints, its command."""

import asyncio
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from nsg_emulator.arm import ArmEmulator, Running, serve, serve_in_thread
from tests.emulator.arm.direct import API, GROUP, NSGS, SUBSCRIPTION, WEB, nsg, rule


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serve(ArmEmulator(state={"resourceGroups": [{"id": GROUP}]}), tls=False) as served:
        yield served


async def order(running: Running, method: str, name: str, body: Any = None) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{running.url}/_emulator{name}", json=body) as response,
    ):
        return response.status, await response.json()


async def test_a_client_that_trusts_the_ca_verifies_each_loopback_name() -> None:
    async with serve(ArmEmulator()) as running:
        context = ssl.create_default_context(cafile=str(running.ca_file))
        port = running.url.rpartition(":")[2]
        async with aiohttp.ClientSession() as session:
            for host in ("localhost", "127.0.0.1"):
                async with session.get(f"https://{host}:{port}/metadata/endpoints", ssl=context) as response:
                    assert (await response.json())["portalEndpoint"] == f"https://{host}:{port}"


async def test_a_client_that_does_not_trust_the_ca_is_not_served() -> None:
    async with serve(ArmEmulator()) as running, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{running.url}/subscriptions")


async def test_the_ca_can_be_written_where_others_find_it(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    async with serve(ArmEmulator(), ca_file=ca_file) as running:
        assert running.ca_file == ca_file
        assert "BEGIN CERTIFICATE" in ca_file.read_text()
        assert "PRIVATE" not in ca_file.read_text()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
async def test_plain_http_is_for_loopback_only(host: str) -> None:
    """Tokens would travel in the clear."""
    with pytest.raises(ValueError, match="loopback"):
        async with serve(ArmEmulator(), tls=False, host=host):
            pass


def test_a_thread_serves_blocking_clients_until_the_block_ends() -> None:
    with serve_in_thread(ArmEmulator(), tls=False) as running:
        command = (
            "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1] + '/_emulator').read().decode())"
        )
        done = subprocess.run([sys.executable, "-c", command, running.url], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == {"subscriptions": 1, "resourceGroups": 0, "nsgs": 0}


def test_a_block_that_fails_still_ends_the_thread() -> None:
    with pytest.raises(ZeroDivisionError), serve_in_thread(ArmEmulator(), tls=False) as running:
        _ = 1 / 0
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(_connect(running.url))


async def _connect(url: str) -> None:
    await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))


async def test_faults_are_added_read_and_removed_over_http(running: Running) -> None:
    fault = {
        "effect": {"kind": "answer", "status": 503, "code": "X", "message": "m"},
        "path": "/subscriptions",
        "count": 2,
    }
    status, [set_] = await order(running, "POST", "/faults", fault)
    assert (status, set_["effect"]["kind"], set_["count"]) == (200, "answer", 2)
    token = (await order(running, "POST", "/tokens", {"upn": "jane@contoso.example"}))[1]["accessToken"]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        async with session.get(f"{running.url}/subscriptions?api-version={API}") as response:
            assert response.status == 503
        assert (await order(running, "GET", "/faults"))[1][0]["count"] == 1
        assert await order(running, "DELETE", "/faults") == (200, [])
        async with session.get(f"{running.url}/subscriptions?api-version={API}") as response:
            assert response.status == 200
    assert (await order(running, "PUT", "/faults", [{"effect": {"kind": "drop"}}]))[1][0]["effect"] == {
        "kind": "drop",
        "at": "answer",
    }


@pytest.mark.parametrize(
    ("method", "name", "body", "message"),
    [
        ("POST", "/faults", {"effect": {"kind": "explode"}}, "kind"),
        ("POST", "/faults", {"effect": {"kind": "drop"}, "path": "["}, "path"),
        ("PUT", "/state", [{}], "needs a non-empty 'id'"),
        ("PATCH", "/settings", {"page_size": 0}, "page_size"),
        ("PATCH", "/settings", {"speed": 1}, "speed"),
        ("POST", "/tokens", {}, "clientId"),
    ],
)
async def test_an_invalid_request_to_the_emulator_is_refused_with_a_reason(
    running: Running, method: str, name: str, body: Any, message: str
) -> None:
    status, answer = await order(running, method, name, body)
    assert status == 400
    assert message in answer["error"]
    assert len(running.emulator.store.groups) == 1, "a state that cannot be read changes nothing"


async def test_an_unknown_path_of_the_emulator_lists_the_valid_ones(running: Running) -> None:
    status, answer = await order(running, "GET", "/magic")
    assert status == 404
    assert "GET /_emulator/faults" in answer["requests"]


async def test_state_is_read_added_to_and_replaced_over_http(running: Running) -> None:
    assert (await order(running, "POST", "/state", [{"id": WEB}]))[1]["nsgs"] == 1
    assert (await order(running, "POST", "/state", [{"id": f"{NSGS}/db"}]))[1]["nsgs"] == 2
    state = (await order(running, "GET", "/state"))[1]
    assert [item["id"] for item in state["nsgs"]] == [WEB, f"{NSGS}/db"]
    assert (await order(running, "PUT", "/state", state["nsgs"][:1]))[1]["nsgs"] == 1
    assert (await order(running, "GET", "/state"))[1]["nsgs"] == state["nsgs"][:1]


async def test_paths_that_are_not_emulated_are_listed(running: Running) -> None:
    # A client that fails against the emulator only is explained by this list.
    path = "/subscriptions/x/providers/Microsoft.Compute/disks"
    async with aiohttp.ClientSession() as session, session.get(f"{running.url}{path}", ssl=False) as response:
        assert response.status == 501
    assert await order(running, "GET", "/not-emulated") == (200, {f"GET {path}": 1})
    await order(running, "DELETE", "/requests")
    assert await order(running, "GET", "/not-emulated") == (200, {})


async def test_requests_are_counted_and_forgotten_over_http(running: Running) -> None:
    async with aiohttp.ClientSession() as session:
        await session.get(f"{running.url}/subscriptions")
    status, log = await order(running, "GET", "/requests")
    assert (status, log["total"], log["counts"]) == (200, 1, {"GET 401": 1})
    assert log["requests"][0]["path"] == "/subscriptions"
    assert (await order(running, "DELETE", "/requests"))[1]["total"] == 0, "orders are no requests"


async def test_settings_change_while_it_runs_and_operations_are_released(running: Running) -> None:
    settings = (await order(running, "PATCH", "/settings", {"page_size": 7, "activity_delay": 5}))[1]
    assert (settings["page_size"], settings["activity_delay"]) == (7, 5)
    assert (await order(running, "GET", "/settings"))[1] == settings
    await order(running, "POST", "/faults", {"effect": {"kind": "stick-operation"}})
    headers = {"Authorization": f"Bearer {running.emulator.app_token('x')}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        await session.put(f"{running.url}{WEB}?api-version={API}", json=nsg(rule()))
    [operation] = (await order(running, "GET", "/operations"))[1]
    assert (operation["status"], operation["stuck"]) == ("InProgress", True)
    assert (await order(running, "POST", "/operations/release"))[1] == [operation["id"]]


def test_the_command_serves_until_ctrl_c_and_saves(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps([{"id": WEB}]))
    code = "from nsg_baseline.cli.emulator import emulator; emulator()"
    options = [
        "--state",
        str(tmp_path / "in.json"),
        "--save",
        str(tmp_path / "out.json"),
        "--ca-file",
        str(tmp_path / "ca.pem"),
    ]
    with subprocess.Popen(
        [sys.executable, "-c", code, *options], stdout=subprocess.PIPE, text=True, env=_environment()
    ) as process:
        try:
            assert process.stdout is not None
            # One command on each line, so that they can be pasted into a shell.
            greeting = [process.stdout.readline() for _ in range(6)]
            assert greeting[0].startswith("https://localhost:")
            assert greeting[1] == f"  export REQUESTS_CA_BUNDLE={tmp_path / 'ca.pem'}\n"
            assert greeting[2].startswith("  az cloud register")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
            assert process.stdout.read() == ""
        finally:
            # Otherwise a failed assertion leaves the server behind, and the test waits for it.
            process.kill()
    saved = json.loads((tmp_path / "out.json").read_text())
    assert [item["id"] for item in saved["nsgs"]] == [WEB]
    assert {item["subscriptionId"] for item in saved["subscriptions"]} == {SUBSCRIPTION.split("/")[2]}


def test_the_command_refuses_invalid_options_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("[{}]")
    code = "from nsg_baseline.cli.emulator import emulator; emulator()"
    for options, message in (
        (["--state", str(tmp_path / "bad.json")], "'id'"),
        (["--http", "--host", "0.0.0.0"], "loopback"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *options], capture_output=True, text=True, env=_environment(), check=False
        )
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parents[3] / "operator"), "PATH": "/usr/bin:/bin"}
