"""The ARM edge against the emulator over https: reads, writes and failures."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from nsg_baseline.azure import write
from nsg_baseline.azure.clouds import CLOUDS, custom_cloud
from nsg_baseline.azure.errors import AzureError, error_from_response
from nsg_baseline.azure.read import RawNSG
from nsg_baseline.azure.services import ArmServices
from nsg_emulator.arm import Fault, Running
from nsg_emulator.arm.faults import Drop, StickOperation, broken_listing, forbidden, throttled, unauthorized
from nsg_emulator.arm.requests import RequestRecord

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
NSG = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/{{}}"


def document(name: str, **properties: Any) -> dict[str, Any]:
    return {"id": NSG.format(name), "name": name, "location": "westeurope", "properties": properties}


def rule(name: str, priority: int) -> dict[str, Any]:
    any_address = {
        f"{side}{part}": "*" for side in ("source", "destination") for part in ("AddressPrefix", "PortRange")
    }
    return {
        "name": name,
        "properties": {"priority": priority, "direction": "Inbound", "access": "Allow", "protocol": "*", **any_address},
    }


def fill(azure: Running, count: int, page_size: int = 2) -> None:
    azure.emulator.configure(page_size=page_size)
    for number in range(count):
        azure.emulator.add_nsg(document(f"n{number}"))


async def listed(arm: ArmServices, group: str | None = None) -> list[RawNSG]:
    return [nsg async for page in arm.reader.pages(SUBSCRIPTION, group) for nsg in page.nsgs]


def puts(azure: Running) -> int:
    return azure.emulator.requests.total("PUT")


async def test_a_listing_is_one_request_per_page(azure: Running, arm: ArmServices) -> None:
    # The cost of a reconcile: one request per page, for any number of NSGs and baselines.
    fill(azure, 5)
    nsgs = await listed(arm)
    assert [nsg.id for nsg in nsgs] == [NSG.format(f"n{number}") for number in range(5)]
    responses = [item for item in azure.emulator.requests.records if "networkSecurityGroups" in item.path]
    assert len(responses) == 3


async def test_a_digest_changes_only_when_the_nsg_changes(azure: Running, arm: ArmServices) -> None:
    # An NSG with an unchanged digest is not decoded, so every change must change the digest.
    fill(azure, 2)
    before = await listed(arm)
    again = await listed(arm)
    assert [nsg.digest for nsg in again] == [nsg.digest for nsg in before]
    azure.emulator.add_nsg(document("n1", securityRules=[rule("open", 100)]))
    after = await listed(arm)
    assert [a.digest == b.digest for a, b in zip(before, after, strict=True)] == [True, False]
    assert after[1].document()["properties"]["securityRules"][0]["name"] == "open"


@pytest.mark.parametrize("status", [0, 500])
async def test_an_interrupted_listing_raises_after_its_complete_pages(
    azure: Running, arm: ArmServices, status: int
) -> None:
    # NSGs on the missing pages must not be reported as deleted.
    fill(azure, 6)
    azure.emulator.faults.add(broken_listing(after_page=1, status=status))
    seen: list[str] = []

    async def read_all_pages() -> None:
        async for page in arm.reader.pages(SUBSCRIPTION):
            seen.extend(nsg.id for nsg in page.nsgs)

    with pytest.raises(AzureError):
        await read_all_pages()
    assert seen == [NSG.format("n0"), NSG.format("n1")]


async def test_only_two_error_codes_mean_that_an_nsg_is_absent(azure: Running, arm: ArmServices) -> None:
    # Reading a denied request as absence would raise an alert for a deletion that did not happen.
    fill(azure, 1)
    assert await arm.reader.get(NSG.format("none")) is None
    assert await arm.reader.get(NSG.format("n0").replace("/rg/", "/gone/")) is None
    nsgs = await arm.reader.get(NSG.format("n0"))
    assert nsgs is not None
    assert nsgs["name"] == "n0"
    azure.emulator.faults.add(forbidden())
    with pytest.raises(AzureError) as caught:
        await arm.reader.get(NSG.format("none"))
    assert caught.value.reason == "Forbidden"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(forbidden, "Forbidden"), (lambda: unauthorized(count=9), "Unauthenticated")],
)
async def test_failures_have_reasons(azure: Running, arm: ArmServices, fault: Callable[[], Fault], reason: str) -> None:
    # The condition of the scope shows the reason.
    azure.emulator.faults.add(fault())
    with pytest.raises(AzureError) as caught:
        await listed(arm)
    assert caught.value.reason == reason
    assert "CANARY" not in str(caught.value)


async def test_a_short_throttling_is_not_a_failure(azure: Running, arm: ArmServices) -> None:
    # The client waits and repeats the request.
    fill(azure, 1)
    azure.emulator.faults.add(throttled(retry_after=0))
    assert len(await listed(arm)) == 1


async def test_an_unreachable_azure_is_unreachable(azure: Running, arm: ArmServices) -> None:
    azure.emulator.faults.add(Fault(Drop(at="request"), path="^/subscriptions", count=None))
    with pytest.raises(AzureError) as caught:
        await listed(arm)
    assert caught.value.reason == "Unreachable"


async def test_a_write_has_an_etag_and_returns_the_stored_nsg(azure: Running, arm: ArmServices) -> None:
    # Unknown properties are preserved, and the result is the NSG after the operation ended.
    azure.emulator.add_nsg(document("web", flushConnection=True, securityRules=[rule("a", 100)]))
    live = await arm.reader.get(NSG.format("web"))
    assert live is not None
    live["properties"]["securityRules"].append(rule("b", 101))
    live["properties"]["somethingNew"] = {"x": 1}
    written = await arm.writer.put(NSG.format("web"), live, live["etag"])
    assert [item["name"] for item in written["properties"]["securityRules"]] == ["a", "b"]
    assert written["properties"]["flushConnection"] is True
    assert written["properties"]["somethingNew"] == {"x": 1}
    assert written["properties"]["provisioningState"] == "Succeeded"
    assert puts(azure) == 1


async def test_a_write_to_a_changed_nsg_is_rejected(azure: Running, arm: ArmServices) -> None:
    # Another writer was faster, so the plan no longer applies.
    azure.emulator.add_nsg(document("web"))
    live = await arm.reader.get(NSG.format("web"))
    assert live is not None
    await arm.writer.put(NSG.format("web"), {**live, "tags": {"a": "b"}}, live["etag"])
    with pytest.raises(AzureError) as caught:
        await arm.writer.put(NSG.format("web"), live, live["etag"])
    assert caught.value.reason == "PreconditionFailed"


async def test_a_write_is_not_repeated_after_a_lost_response(azure: Running, arm: ArmServices) -> None:
    # A read tells whether the write took effect; a second write could undo another change.
    azure.emulator.add_nsg(document("web"))
    live = await arm.reader.get(NSG.format("web"))
    assert live is not None
    changed = {**live, "properties": {**live["properties"], "securityRules": [rule("a", 100)]}}
    azure.emulator.faults.add(Fault(Drop(at="answer"), method="PUT", count=None))
    with pytest.raises(AzureError) as caught:
        await arm.writer.put(NSG.format("web"), changed, live["etag"])
    assert caught.value.reason == "OutcomeUnknown"
    assert puts(azure) == 1
    now = await arm.reader.get(NSG.format("web"))
    assert now is not None
    assert [item["name"] for item in now["properties"]["securityRules"]] == ["a"]


async def test_an_operation_that_never_ends_has_an_unknown_outcome(
    azure: Running, arm: ArmServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A reconcile that polls an operation for hours restores nothing else.
    azure.emulator.add_nsg(document("web"))
    live = await arm.reader.get(NSG.format("web"))
    assert live is not None
    changed = {**live, "properties": {**live["properties"], "securityRules": [rule("a", 100)]}}
    azure.emulator.faults.add(Fault(StickOperation(), method="PUT", count=None))
    monkeypatch.setattr(write, "OPERATION_SECONDS", 3)
    with pytest.raises(AzureError) as caught:
        await arm.writer.put(NSG.format("web"), changed, live["etag"])
    assert (caught.value.reason, puts(azure)) == ("OutcomeUnknown", 1)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, {"error": {"code": "NotFound", "message": "m"}}, "NotFound"),
        (404, {"error": {"code": "SubscriptionNotFound", "message": "m"}}, "SubscriptionNotFound"),
        (409, {"error": {"code": "ScopeLocked", "message": "m"}}, "ScopeLocked"),
        (409, {"error": {"code": "Strange", "message": "m"}}, "Conflict"),
        (403, {"error": {"code": "RequestDisallowedByPolicy", "message": "m"}}, "PolicyDisallowed"),
        (400, {"error": {"code": "SecurityRuleConflict", "message": "m"}}, "Invalid"),
        (400, {"Code": "BadRequest", "Message": "m"}, "Invalid"),
        (
            429,
            {"error": {"code": "RetryableError", "details": [{"code": "RetryableErrorDueToAnotherOperation"}]}},
            "AnotherOperationInProgress",
        ),
        (429, None, "Throttled"),
        (503, "<html>", "ServerError"),
    ],
)
def test_the_reason_follows_from_the_details_then_the_code_then_the_status(status: int, body: Any, reason: str) -> None:
    # Details are more specific than the code, and the code is more specific than the status.
    assert error_from_response(status, {"Retry-After": "11"}, body).reason == reason
    assert error_from_response(status, {"Retry-After": "11"}, body).retry_after == 11


@pytest.mark.parametrize("sdk", ["azure.mgmt.network", "azure.storage.queue"])
def test_an_sdk_is_not_loaded_before_its_first_use(sdk: str) -> None:
    # The network SDK needs 180 MB, and an operator that only watches does not write. Many scopes have no queue.
    code = f"import sys, nsg_baseline.azure.services; sys.exit({sdk!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("endpoint", ["http://example.com", "ftp://127.0.0.1", "management.azure.com"])
def test_an_endpoint_must_use_https(endpoint: str) -> None:
    with pytest.raises(ValueError, match="must be an https address"):
        custom_cloud(CLOUDS["AzurePublic"], endpoint, None)


@pytest.mark.parametrize("ends", ["before", "during the token request", "never"])
async def test_a_write_is_fenced_when_it_is_sent(azure: Running, arm: ArmServices, ends: str) -> None:
    # A write may wait for the rate limit and for a token, or the process is paused: by then another replica may lead.
    fill(azure, 1)
    live = await arm.reader.get(NSG.format("n0"))
    assert live is not None
    leads = ends != "before"

    def on_request(record: RequestRecord) -> None:
        nonlocal leads
        if record.path.endswith("/token") and ends == "during the token request":
            leads = False

    azure.emulator.requests.listeners.append(on_request)
    cloud = custom_cloud(CLOUDS["AzurePublic"], azure.url, azure.url)
    fenced = ArmServices.connect(cloud, may_write=lambda: leads)
    try:
        if ends == "never":
            assert await fenced.writer.put(NSG.format("n0"), live, live["etag"])
        else:
            with pytest.raises(AzureError, match="NotLeading"):
                await fenced.writer.put(NSG.format("n0"), live, live["etag"])
    finally:
        await fenced.aclose()
    assert puts(azure) == (ends == "never")
