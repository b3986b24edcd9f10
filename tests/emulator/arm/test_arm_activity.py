"""The Activity Log says who changed what: the operator's attribution depends on its records."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from nsg_emulator.arm.activity import timestamp
from nsg_emulator.arm.faults import FailOperation, Fault, StickOperation
from tests.emulator.arm.direct import GROUP, ORIGIN, SUBSCRIPTION, WEB, Answer, Azure, nsg, rule
from tests.emulator.arm.direct import azure as make_azure

LOG = f"{SUBSCRIPTION}/providers/Microsoft.Insights/eventtypes/management/values"
WRITE = "Microsoft.Network/networkSecurityGroups/write"
RULE_WRITE = "Microsoft.Network/networkSecurityGroups/securityRules/write"


def log(azure: Azure, clause: str = "", **query: str) -> Answer:
    start = f"eventTimestamp ge '{timestamp(azure.clock.now - timedelta(days=1))}'"
    return azure("GET", LOG, query={"api-version": "2015-04-01", "$filter": f"{start}{clause}", **query})


def rows(azure: Azure, clause: str = "", **query: str) -> list[dict[str, Any]]:
    return list(reversed(log(azure, clause, **query).body["value"]))


def test_a_change_has_a_start_and_an_end_with_one_correlation_id(azure: Azure) -> None:
    azure("PUT", WEB, nsg())
    begin, end = rows(azure)
    assert (begin["eventName"]["value"], begin["status"]["value"]) == ("BeginRequest", "Started")
    assert (end["eventName"]["value"], end["status"]["value"]) == ("EndRequest", "Succeeded")
    assert begin["correlationId"] == end["correlationId"]
    assert begin["operationName"]["value"] == WRITE
    assert begin["resourceId"] == begin["authorization"]["scope"] == WEB
    assert json.loads(begin["properties"]["requestbody"]) == nsg()
    assert end["httpRequest"] == {
        "clientRequestId": end["correlationId"],
        "clientIpAddress": "203.0.113.7",
        "method": "PUT",
    }
    assert (end["resourceGroupName"], end["subscriptionId"]) == ("rg-web", SUBSCRIPTION.split("/")[2])
    assert begin["eventTimestamp"] == "2026-03-01T12:00:00.0000000Z"
    assert begin["id"].endswith("/ticks/639079632000000000")


def test_a_record_has_the_keys_of_a_real_one(azure: Azure) -> None:
    """Those of rows that Azure wrote for rule changes, and `httpRequest`, which Azure's specification adds."""
    azure.token = azure.emulator.user_token("jane@contoso.example")
    azure("PUT", WEB, nsg())
    assert set(rows(azure)[0]) == {
        "authorization",
        "caller",
        "channels",
        "claims",
        "correlationId",
        "description",
        "eventDataId",
        "eventName",
        "category",
        "eventTimestamp",
        "id",
        "level",
        "operationId",
        "operationName",
        "resourceGroupName",
        "resourceProviderName",
        "resourceType",
        "resourceId",
        "status",
        "subStatus",
        "submissionTimestamp",
        "subscriptionId",
        "tenantId",
        "properties",
        "relatedEvents",
        "httpRequest",
    }


def test_the_end_is_written_when_the_operation_ends() -> None:
    azure = make_azure(operation_delay=10)
    azure("PUT", WEB, nsg())
    assert [row["eventName"]["value"] for row in rows(azure)] == ["BeginRequest"]
    azure.clock.tick(10)
    assert [row["status"]["value"] for row in rows(azure)] == ["Started", "Succeeded"]


def test_only_a_user_has_a_caller_and_an_application_has_claims(azure: Azure) -> None:
    azure("PUT", WEB, nsg())
    azure.token = azure.emulator.user_token("jane@contoso.example", ip="198.51.100.1")
    azure("PATCH", WEB, {"tags": {"a": "b"}})
    by_app, _, by_jane, _ = rows(azure)
    assert "caller" not in by_app
    assert by_app["claims"]["appid"] == "11111111-aaaa-4000-8000-000000000001"
    assert len(by_app["claims"]["http://schemas.microsoft.com/identity/claims/objectidentifier"]) == 36
    assert by_jane["caller"] == "jane@contoso.example"
    assert by_jane["claims"]["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"] == "jane@contoso.example"
    assert by_jane["claims"]["ipaddr"] == "198.51.100.1"


def test_each_kind_of_change_has_its_operation(azure: Azure) -> None:
    azure("PUT", WEB, nsg())
    azure("PUT", f"{WEB}/securityRules/a", {"properties": rule()})
    azure("DELETE", f"{WEB}/securityRules/a")
    azure("DELETE", WEB)
    names = [row["operationName"]["value"] for row in rows(azure) if row["eventName"]["value"] == "EndRequest"]
    base = "Microsoft.Network/networkSecurityGroups"
    assert names == [WRITE, RULE_WRITE, f"{base}/securityRules/delete", f"{base}/delete"]


def test_reads_are_not_recorded(azure: Azure) -> None:
    azure("GET", WEB)
    assert rows(azure) == []


def test_a_refused_change_and_a_failed_operation_end_as_failed(azure: Azure) -> None:
    azure("PUT", WEB, nsg(rule(priority=1)))
    azure.emulator.faults.add(Fault(FailOperation(message="It broke.")))
    azure("PUT", WEB, nsg())
    ends = [row for row in rows(azure) if row["eventName"]["value"] == "EndRequest"]
    assert [(row["status"]["value"], row["properties"]["statusCode"]) for row in ends] == [
        ("Failed", "BadRequest"),
        ("Failed", "InternalServerError"),
    ]
    assert ends[1]["properties"]["statusMessage"] == "It broke."


def test_a_write_of_a_new_rule_ends_as_created(azure: Azure) -> None:
    # Recorded. A reader can tell from it that the rule was not there before.
    azure("PUT", WEB, nsg())
    azure("PUT", f"{WEB}/securityRules/a", {"properties": rule()})
    azure("PUT", f"{WEB}/securityRules/a", {"properties": rule()})
    azure("DELETE", f"{WEB}/securityRules/a")
    azure("DELETE", f"{WEB}/securityRules/a")
    ends = [row["properties"]["statusCode"] for row in rows(azure) if row["eventName"]["value"] == "EndRequest"]
    assert ends == ["Created", "Created", "OK", "OK", "NoContent"]


@pytest.mark.parametrize(("limit", "shown"), [(None, '{"properties":{"a":1}}'), (5, '{"pro'), (0, None)])
def test_a_body_is_shown_up_to_its_limit(azure: Azure, limit: int | None, shown: str | None) -> None:
    # Readers must not take a truncated body for a whole one.
    azure.emulator.configure(activity_body_limit=limit)
    azure("PUT", WEB, {"properties": {"a": 1}})
    assert rows(azure)[0]["properties"].get("requestbody") == shown


def test_settings_change_while_an_operation_goes_on() -> None:
    # Its end must not get lost.
    azure = make_azure(operation_delay=10)
    azure("PUT", WEB, nsg())
    azure.emulator.configure(activity_delay=0)
    azure.clock.tick(10)
    assert [row["status"]["value"] for row in rows(azure)] == ["Started", "Succeeded"]


def test_a_stuck_operation_has_no_end_yet(azure: Azure) -> None:
    azure.emulator.faults.add(Fault(StickOperation()))
    azure("PUT", WEB, nsg())
    assert len(rows(azure)) == 1


def test_a_resource_deleted_with_its_group_has_only_an_end_record(azure: Azure) -> None:
    azure("PUT", WEB, nsg())
    azure("DELETE", GROUP)
    gone = rows(azure)[2:]
    assert [(row["operationName"]["value"], row["eventName"]["value"]) for row in gone] == [
        ("Microsoft.Resources/subscriptions/resourcegroups/delete", "BeginRequest"),
        ("Microsoft.Network/networkSecurityGroups/delete", "EndRequest"),
        ("Microsoft.Resources/subscriptions/resourcegroups/delete", "EndRequest"),
    ]
    assert len({row["correlationId"] for row in gone}) == 1


def test_a_record_is_visible_only_after_its_submission() -> None:
    azure = make_azure(activity_delay=20)
    azure("PUT", WEB, nsg())
    assert rows(azure) == []
    azure.clock.tick(20)
    [begin, *_] = rows(azure)
    assert (begin["eventTimestamp"], begin["submissionTimestamp"]) == (
        "2026-03-01T12:00:00.0000000Z",
        "2026-03-01T12:00:20.0000000Z",
    )


@pytest.mark.parametrize(
    ("clause", "count"),
    [
        (f" and resourceUri eq '{WEB.upper()}'", 2),
        (f" and resourceUri eq '{WEB}/securityRules/a'", 2),
        (" and resourceGroupName eq 'RG-WEB'", 4),
        (" and resourceGroupName eq 'rg-other'", 0),
        (" and resourceProvider eq 'Microsoft.Network'", 4),
        (" and resourceProvider eq 'Microsoft.Compute'", 0),
        (" and correlationId eq 'c-1'", 2),
        (" and eventTimestamp le '2026-03-01T11:59:59Z'", 0),
        (" and eventTimestamp le '2026-03-01T12:00:00.0000000Z'", 4),
    ],
)
def test_a_filter_is_a_time_and_at_most_one_property(azure: Azure, clause: str, count: int) -> None:
    azure("PUT", WEB, nsg(), headers={"x-ms-correlation-request-id": "c-1"})
    azure("PUT", f"{WEB}/securityRules/a", {"properties": rule()})
    assert len(rows(azure, clause)) == count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "start time"),
        ("resourceUri eq 'x'", "start time"),
        ("eventTimestamp ge '2025-01-01T00:00:00Z'", "The start time cannot be more than 90 days in the past."),
        ("eventTimestamp ge 'yesterday'", "yesterday"),
        ("eventTimestamp ge '2026-03-01' or x", "is not valid"),
        ("eventTimestamp ge '2026-03-01' and caller eq 'jane'", "caller"),
        ("eventTimestamp ge '2026-03-01' and resourceUri eq 'x' and correlationId eq 'y'", "may use only one of"),
    ],
)
def test_an_invalid_filter_is_refused_without_the_error_wrapper(azure: Azure, text: str, message: str) -> None:
    answer = azure("GET", LOG, query={"$filter": text})
    assert (answer.status, answer.body["Code"]) == (400, "BadRequest")
    assert message in answer.body["Message"]


def test_other_errors_have_the_error_wrapper(azure: Azure) -> None:
    other = LOG.replace("1111-1111", "1111-2222")
    assert azure("GET", other).code == "SubscriptionNotFound"


def test_records_have_pages_of_200_and_select_limits_the_fields(azure: Azure) -> None:
    azure("PUT", WEB, nsg())
    for number in range(150):
        azure("PATCH", WEB, {"tags": {"n": str(number)}})
    first = log(azure, **{"$select": "correlationId,eventName"})
    assert set(first.body["value"][0]) == {"correlationId", "eventName"}
    assert len(first.body["value"]) == 200
    path, _, query = first.body["nextLink"].removeprefix(ORIGIN).partition("?")
    second = azure("GET", path, query=dict(parse_qsl(query)))
    assert len(second.body["value"]) == 102
    assert "nextLink" not in second.body
