"""Injected faults, as a client on the socket sees them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from nsg_emulator.arm import ArmEmulator, Running, Settings, serve
from nsg_emulator.arm.faults import (
    Delay,
    Drop,
    FailOperation,
    Fault,
    StickOperation,
    broken_listing,
    forbidden,
    scope_locked,
    throttled,
    unauthorized,
    unavailable,
)
from tests.emulator.arm.direct import API, GROUP, NSGS, WEB, nsg, rule

Ask = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: dict[str, str]
    body: Any


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    nsgs = [{"id": f"{NSGS}/n{number}", "location": "westeurope"} for number in range(5)]
    async with serve(ArmEmulator(settings=Settings(page_size=2), state=nsgs), tls=False) as served:
        yield served


@pytest.fixture
async def ask(running: Running) -> AsyncIterator[Ask]:
    headers = {"Authorization": f"Bearer {running.emulator.app_token('tester')}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def send(method: str, url: str, body: Any = None) -> Response:
            url = url if url.startswith("http") else f"{running.url}{url}?api-version={API}"
            async with session.request(method, url, json=body) as response:
                content = await response.json() if await response.read() else None
                return Response(response.status, dict(response.headers), content)

        yield send


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (throttled(retry_after=7), 429, "SubscriptionRequestsThrottled"),
        (unavailable(), 503, "ServiceUnavailable"),
        (unavailable(status=500), 500, "ServiceUnavailable"),
        (forbidden(), 403, "AuthorizationFailed"),
        (unauthorized(), 401, "InvalidAuthenticationToken"),
        (scope_locked(GROUP, method="GET", count=1), 409, "ScopeLocked"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_an_injected_error_is_returned_once(
    running: Running, ask: Ask, fault: Fault, status: int, code: str
) -> None:
    running.emulator.faults.add(fault)
    response = await ask("GET", NSGS)
    assert (response.status, response.body["error"]["code"]) == (status, code)
    assert response.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert (await ask("GET", NSGS)).status == 200


async def test_a_fault_applies_to_matching_requests_up_to_its_count(running: Running, ask: Ask) -> None:
    running.emulator.faults.add(unavailable(count=2, method="get", path="/N1[?]"))
    assert (await ask("GET", f"{NSGS}/n0")).status == 200
    assert (await ask("DELETE", f"{NSGS}/n0")).status == 202
    assert [(await ask("GET", f"{NSGS}/n1")).status for _ in range(3)] == [503, 503, 200]
    assert running.emulator.faults.in_force() == []


async def test_a_fault_without_a_count_stays_until_it_is_removed(running: Running, ask: Ask) -> None:
    running.emulator.faults.add(unavailable(count=None))
    assert [(await ask("GET", NSGS)).status for _ in range(3)] == [503] * 3
    running.emulator.faults.clear()
    assert (await ask("GET", NSGS)).status == 200


async def test_a_delay_applies_to_one_response_only(running: Running, ask: Ask) -> None:
    running.emulator.faults.add(Fault(Delay(60), path="/n0"))
    arrived = asyncio.Event()
    running.emulator.requests.listeners.append(lambda _: arrived.set())
    slow = asyncio.ensure_future(ask("GET", f"{NSGS}/n0"))
    async with asyncio.timeout(60):
        await arrived.wait()
        assert (await ask("GET", f"{NSGS}/n1")).status == 200
    assert not slow.done()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)


@pytest.mark.parametrize(("at", "happened"), [("request", False), ("answer", True), ("body", True)])
async def test_a_dropped_connection_does_not_show_whether_the_write_happened(
    running: Running, ask: Ask, at: Any, *, happened: bool
) -> None:
    running.emulator.faults.add(Fault(Drop(at), "PUT", count=2))  # aiohttp itself tries a PUT twice
    with pytest.raises(aiohttp.ClientError):
        await ask("PUT", WEB, nsg(rule()))
    assert (await ask("GET", WEB)).status == (200 if happened else 404)
    assert running.emulator.requests.counts["PUT", 201 if at == "body" else 0] >= 1


async def test_a_listing_is_interrupted_by_a_dropped_connection(running: Running, ask: Ask) -> None:
    running.emulator.faults.add(broken_listing(after_page=2))
    first = await ask("GET", NSGS)
    second = await ask("GET", first.body["nextLink"])
    for _ in range(2):
        with pytest.raises(aiohttp.ClientError):
            await ask("GET", second.body["nextLink"])
    assert (await ask("GET", f"{NSGS}/n4")).status == 200, "only the listing is broken"


async def test_a_listing_is_interrupted_by_an_error(running: Running, ask: Ask) -> None:
    running.emulator.faults.add(broken_listing(after_page=1, status=502, count=1))
    first = await ask("GET", NSGS)
    assert (await ask("GET", first.body["nextLink"])).status == 502
    assert (await ask("GET", first.body["nextLink"])).status == 200


async def test_a_stuck_operation_continues_after_its_release(running: Running, ask: Ask) -> None:
    running.emulator.faults.add(Fault(StickOperation()))
    poll = (await ask("PUT", WEB, nsg(rule()))).headers["Azure-AsyncOperation"]
    assert (await ask("GET", poll)).body == {"status": "InProgress"}
    assert len(running.emulator.release_operations()) == 1
    assert (await ask("GET", poll)).body == {"status": "Succeeded"}
    assert running.emulator.release_operations() == []


async def test_a_failed_operation_leaves_the_group_failed(running: Running, ask: Ask) -> None:
    running.emulator.faults.add(Fault(FailOperation("InternalServerError", "It broke.")))
    poll = (await ask("PUT", WEB, nsg(rule()))).headers["Azure-AsyncOperation"]
    answer = (await ask("GET", poll)).body
    assert answer == {"status": "Failed", "error": {"code": "InternalServerError", "message": "It broke."}}
    assert (await ask("GET", WEB)).body["properties"]["provisioningState"] == "Failed"
    assert (await ask("PUT", WEB, nsg(rule()))).body["properties"]["provisioningState"] == "Updating", (
        "a PUT repairs it"
    )


async def test_a_refused_write_does_not_consume_a_fault_of_an_operation(running: Running, ask: Ask) -> None:
    running.emulator.faults.add(Fault(StickOperation()))
    assert (await ask("PUT", WEB, nsg(rule(priority=1)))).status == 400
    assert len(running.emulator.faults.in_force()) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [(Fault(Drop(), method="("), "method"), (Fault(Drop(), path="["), "path"), (Fault(Drop(), count=0), "count")],
)
def test_an_invalid_fault_is_refused_with_its_field(fault: Fault, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ArmEmulator().faults.add(fault)
