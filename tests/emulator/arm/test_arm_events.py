"""Event Grid events of the emulator: the operations, the two schemas, and a delivery with the faults of Azure's."""

import asyncio
import base64
import json
import urllib.request
from typing import Any

import pytest

from nsg_emulator.arm import POISON, ArmEmulator, EventFilter, Settings, deliver, serve
from nsg_emulator.arm.events import Event
from tests.emulator.arm.direct import API, GROUP, NSGS, SUBSCRIPTION, WEB, Azure, nsg, rule

ADDRESS = "203.0.113.7"


@pytest.fixture
def events(azure: Azure) -> list[Event]:
    published: list[Event] = []
    azure.emulator.events.listeners.append(published.append)
    return published


def test_each_write_has_one_event_at_its_time(azure: Azure, events: list[Event]) -> None:
    # Nobody polls the operations: their events must not wait for the next request.
    azure("PUT", WEB, nsg(rule()))
    azure.clock.tick(60)
    azure("PATCH", WEB, {"tags": {"owner": "web"}})
    azure("PUT", f"{WEB}/securityRules/ssh", {"properties": rule(priority=200)})
    azure("DELETE", f"{WEB.upper()}/securityRules/ssh")
    azure("DELETE", WEB)
    operations = [event.operation.removeprefix("Microsoft.Network/networkSecurityGroups/") for event in events]
    assert operations == ["write", "write", "securityRules/write", "securityRules/delete", "delete"]
    assert [event.type.rpartition(".")[2] for event in events][-2:] == ["ResourceDeleteSuccess"] * 2
    assert (events[1].happened - events[0].happened).total_seconds() == 60
    assert events[3].subject == f"{WEB.upper()}/securityRules/ssh"  # clients vary the case of ids


def test_refused_writes_and_reads_have_no_event(azure: Azure, events: list[Event]) -> None:
    azure("PUT", WEB, nsg(rule(priority=5)))
    azure("GET", NSGS)
    assert not events


def test_a_deleted_group_has_its_event_and_those_of_its_nsgs_with_one_correlation(
    azure: Azure, events: list[Event]
) -> None:
    azure("PUT", WEB, nsg())
    azure("DELETE", GROUP)
    assert [(event.operation, event.subject) for event in events[1:]] == [
        ("Microsoft.Network/networkSecurityGroups/delete", WEB),
        ("Microsoft.Resources/subscriptions/resourcegroups/delete", GROUP),
    ]
    assert events[1].data["correlationId"] == events[2].data["correlationId"]


def test_a_change_of_a_resource_that_is_not_emulated_has_an_event(azure: Azure, events: list[Event]) -> None:
    subnet = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/hub/subnets/web"
    azure.emulator.record_change("Microsoft.Network/virtualNetworks/subnets/write", subnet)
    [event] = events
    assert (event.subject, event.data["httpRequest"]["method"]) == (subnet, "PUT")
    assert [row.document["status"]["value"] for row in azure.emulator.azure.activity.rows] == ["Started", "Succeeded"]


def test_the_schemas_have_the_recorded_fields(azure: Azure, events: list[Event]) -> None:
    # The names are those of the published samples of both schemas.
    azure.token = azure.emulator.user_token("jane@contoso.example", ip=ADDRESS)
    azure("PUT", WEB, nsg())
    grid, cloud = events[0].document(), events[0].document("CloudEventSchemaV1_0")
    assert set(grid) == {
        *("subject", "eventType", "eventTime", "id", "data", "dataVersion", "metadataVersion", "topic"),
    }
    assert set(cloud) == {"id", "source", "specversion", "type", "subject", "time", "data"}
    assert grid["topic"] == cloud["source"] == SUBSCRIPTION
    assert grid["eventTime"] == cloud["time"] == "2026-03-01T12:00:00.0000000Z"
    data = grid["data"]
    assert data == cloud["data"]
    assert set(data) == {
        *("authorization", "claims", "correlationId", "httpRequest", "resourceProvider", "resourceUri"),
        *("operationName", "status", "subscriptionId", "tenantId"),
    }
    assert data["claims"]["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"] == "jane@contoso.example"
    assert data["authorization"]["evidence"]["principalType"] == "User"
    assert data["httpRequest"]["clientIpAddress"] == ADDRESS
    assert data["httpRequest"]["url"].endswith(f"{WEB}?api-version={API}")


async def test_a_message_is_a_base64_encoded_event(azure: Azure) -> None:
    messages: list[str] = []
    async with deliver(azure.emulator, messages.append) as delivery:
        azure("PUT", WEB, nsg())
        await delivery.idle()
    assert json.loads(base64.b64decode(messages[0], validate=True))["subject"] == WEB
    azure("DELETE", WEB)
    assert delivery.sent == 1  # nothing is delivered after the end


async def test_faults_duplicate_shuffle_and_batch(azure: Azure) -> None:
    messages: list[str] = []
    async with deliver(azure.emulator, messages.append, encoded=False) as delivery:
        delivery.faults.copies, delivery.faults.window, delivery.faults.batch = 2, 8, 4
        for number in range(8):
            azure("PUT", f"{NSGS}/web-{number}", nsg())
        await delivery.idle()
    batches: list[list[dict[str, Any]]] = [json.loads(message) for message in messages]
    assert [len(batch) for batch in batches] == [4] * 4
    names = [event["subject"].rpartition("-")[2] for batch in batches for event in batch]
    assert sorted(names) == sorted([str(number) for number in range(8)] * 2)
    assert names != sorted(names)


async def test_a_target_that_is_away_gets_the_message_later(azure: Azure) -> None:
    messages: list[str] = []

    def away_twice(content: str) -> None:
        if delivery.failed < 2:
            raise OSError("away")
        messages.append(content)

    async with deliver(azure.emulator, away_twice, retry=(0.01,)) as delivery:
        azure("PUT", WEB, nsg())
        await delivery.idle()
    assert (len(messages), delivery.failed, delivery.sent) == (1, 2, 1)


async def test_the_filter_of_an_event_subscription_applies(azure: Azure) -> None:
    messages: list[str] = []
    values = ["microsoft.network/NETWORKSECURITYGROUPS/"]
    advanced = {"operatorType": "StringBeginsWith", "key": "data.operationName", "values": values}
    types = ["Microsoft.Resources.ResourceWriteSuccess"]
    accepts = EventFilter.from_document({"includedEventTypes": types, "advancedFilters": [advanced]})
    async with deliver(azure.emulator, messages.append, accepts=accepts, encoded=False) as delivery:
        azure("PUT", WEB, nsg())
        azure("DELETE", WEB)
        azure("PUT", f"{SUBSCRIPTION}/resourceGroups/other", {"location": "westeurope"})
        delivery.take_unrelated(100, SUBSCRIPTION.rpartition("/")[2])
        await delivery.idle()
    # take_unrelated stands for an event subscription without a filter, so it is not filtered.
    subjects = [json.loads(message)["subject"] for message in messages]
    assert subjects[0] == WEB
    assert len(subjects) == 101
    assert len(set(subjects)) > 90


def test_more_values_than_event_grid_allows_are_refused() -> None:
    advanced = {"operatorType": "StringIn", "key": "data.operationName", "values": [str(n) for n in range(26)]}
    with pytest.raises(ValueError, match="25 values"):
        EventFilter.from_document({"advancedFilters": [advanced]})


def test_poison_is_no_event() -> None:
    def subject(content: str) -> object:
        text = content if content.startswith("{") else base64.b64decode(content, validate=True)
        return json.loads(text)["subject"]

    for content in POISON:
        try:
            value = subject(content)
        except (ValueError, KeyError, TypeError):
            continue
        assert not isinstance(value, str), content


async def test_an_operation_ends_on_time_without_a_request() -> None:
    emulator = ArmEmulator(settings=Settings(operation_delay=0.05), state={"resourceGroups": [_group()]})
    published: asyncio.Queue[Event] = asyncio.Queue()
    emulator.events.listeners.append(published.put_nowait)
    async with serve(emulator, tls=False) as running:
        await asyncio.to_thread(_put, running.url, emulator.app_token("app"))
        event = await asyncio.wait_for(published.get(), 60)
    assert event.subject == WEB


def _group() -> dict[str, str]:
    return {"id": GROUP, "location": "westeurope"}


def _put(url: str, token: str) -> None:
    body, headers = json.dumps(nsg()).encode(), {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{url}{WEB}?api-version={API}", body, headers, method="PUT")
    with urllib.request.urlopen(request, timeout=60):
        pass
