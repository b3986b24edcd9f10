"""Rows of the Activity Log, field by field: what a write and its caller hold, and which rows belong together."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nsg_baseline.core.attribution.callers import application_ids, caller_of, identity_of, mapping, value_of
from nsg_baseline.core.attribution.writes import LONGEST_REQUEST, Write, writes
from tests.support.alerts import NSG

UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
OBJECT = "http://schemas.microsoft.com/identity/claims/objectidentifier"
AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
RULE_WRITE = "Microsoft.Network/networkSecurityGroups/securityRules/write"


def row(time: str = "2026-03-01T03:00:00.1234567Z", status: str = "Succeeded", **fields: Any) -> dict[str, Any]:
    return {
        "caller": "jo@example.com",
        "claims": {OBJECT: "O-1"},
        "correlationId": "c-1",
        "operationId": "o-1",
        "eventTimestamp": time,
        "operationName": {"value": RULE_WRITE},
        "resourceId": f"{NSG}/securityRules/web",
        "status": {"value": status},
        **fields,
    }


def listed(*rows: dict[str, Any], own: frozenset[str] = frozenset()) -> tuple[Write, ...]:
    return writes(rows, {NSG.lower()}, own)


@pytest.mark.parametrize(
    ("fields", "identity"),
    [
        ({}, "o-1"),
        ({"claims": {}}, "jo@example.com"),
        ({"caller": None, "claims": {UPN: "Jo@x", "xms_mirid": "/m", "appid": "A"}}, "jo@x"),
        ({"caller": None, "claims": {"xms_mirid": "/M", "appid": "A"}}, "/m"),
        ({"caller": None, "claims": {"appid": "A"}}, "a"),
        ({"caller": None, "claims": "a text"}, ""),
        ({"caller": None, "claims": None}, ""),
    ],
)
def test_the_identity_is_what_is_the_same_through_every_client(fields: dict[str, Any], identity: str) -> None:
    # Two identities that are read as one would make an attacker certain to be somebody else.
    assert identity_of(row(**fields)) == identity


def test_an_application_has_a_client_id_and_an_object_id() -> None:
    # The operator may be named by either of them.
    assert application_ids(row(claims={"appid": "A", OBJECT: "O"})) == {"a", "o"}
    assert application_ids(row(claims={"appid": "", "other": "x"})) == frozenset()
    for claim in ("appid", OBJECT):
        assert listed(row(claims={claim: "ME"}), own=frozenset({"me"}))[0].own
    assert not listed(row(claims={"xms_mirid": "me"}), own=frozenset({"me"}))[0].own


@pytest.mark.parametrize(
    ("application", "client"),
    [
        ("c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "the Azure portal"),
        ("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "the Azure CLI"),
        ("1950a258-227b-4e31-a9cf-717495945fc2", "Azure PowerShell"),
        ("872cd9fa-d31f-45e0-9eab-6e460a02d1f1", "Visual Studio"),
        ("aebc6443-996d-45c2-90f0-388ff96faa56", "Visual Studio Code"),
        ("other", None),
    ],
)
def test_the_client_of_a_user_is_named(application: str, client: str | None) -> None:
    # The ids are those of Microsoft. An application that signs in for itself has none.
    assert caller_of(row(claims={"appid": application, UPN: "jo@example.com"}), AT).client == client
    assert caller_of(row(caller=None, claims={"appid": application}), AT).client is None


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"caller": "jo@example.com", "claims": {}}, "User"),
        ({"caller": "guid", "claims": {UPN: "jo@example.com"}}, "User"),
        ({"caller": "guid", "claims": {}}, "ServicePrincipal"),
        ({"caller": None, "claims": {}}, "ServicePrincipal"),
        ({"caller": "jo@example.com", "claims": {"xms_mirid": "/m"}}, "ManagedIdentity"),
    ],
)
def test_the_kind_of_a_caller(fields: dict[str, Any], kind: str) -> None:
    assert caller_of(row(**fields), AT).kind == kind


@pytest.mark.parametrize(
    ("caller", "claims", "name"),
    [
        ("jo@example.com", {UPN: "u", "xms_mirid": "m", "appid": "a", OBJECT: "o"}, "jo@example.com"),
        (None, {UPN: "u", "xms_mirid": "m", "appid": "a", OBJECT: "o"}, "u"),
        (None, {"xms_mirid": "m", "appid": "a", OBJECT: "o"}, "m"),
        (None, {"appid": "a", OBJECT: "o"}, "a"),
        (None, {OBJECT: "o"}, "o"),
        (None, {}, "unknown"),
        ("x" * 300, {}, "x" * 255 + "…"),
    ],
)
def test_the_name_of_a_caller_is_the_one_that_people_know_best(
    caller: str | None, claims: dict[str, str], name: str
) -> None:
    assert caller_of(row(caller=caller, claims=claims), AT).name == name


def test_a_caller_has_everything_that_the_status_shows_and_fits_into_it() -> None:
    # The API server refuses a status with one character too many.
    request = {"clientIpAddress": "198.51.100.1"}
    caller = caller_of(row(httpRequest=request, correlationId="c" * 99), AT + timedelta(milliseconds=700))
    assert (caller.address, caller.at, caller.rule) == ("198.51.100.1", AT, "web")
    assert (caller.operation, caller.correlation_id) == (RULE_WRITE, "c" * 63 + "…")
    assert caller_of(row(httpRequest=request, claims={"ipaddr": "203.0.113.7"}), AT).address == "203.0.113.7"
    assert caller_of(row(claims={"ipaddr": "1" * 99}), AT).address == "1" * 63 + "…"
    assert caller_of(row(operationName="o" * 300), AT).operation == "o" * 255 + "…"
    assert caller_of(row(resourceId=f"{NSG}/SECURITYRULES/{'r' * 200}"), AT).rule == "r" * 127 + "…"
    for resource in (NSG, "web", None):
        assert caller_of(row(resourceId=resource), AT).rule is None
    assert caller_of(row(), AT).address is None


def test_fields_are_texts_or_objects_with_a_value() -> None:
    # Both forms occur in Azure's answers.
    texts: list[Any] = ["a", {"value": "a"}, {"value": None}, {}, None]
    assert list(map(value_of, texts)) == ["a", "a", "", "", ""]
    objects: list[Any] = [{"a": 1}, "a", None, []]
    assert list(map(mapping, objects)) == [{"a": 1}, {}, {}, {}]


def test_a_write_took_effect_between_its_first_row_and_its_first_answer() -> None:
    begin = row("2026-03-01T03:00:01Z", "Started")
    first, last = row("2026-03-01T03:00:03Z", "Accepted"), row("2026-03-01T03:00:05Z")
    (write,) = listed(last, begin, first)
    assert (write.begun, write.answered) == (AT + timedelta(seconds=1), AT + timedelta(seconds=3))
    (alone,) = listed(last)
    assert (alone.begun, alone.answered) == (AT + timedelta(seconds=5) - LONGEST_REQUEST, AT + timedelta(seconds=5))
    (pending,) = listed(begin)
    assert (pending.begun, pending.answered, pending.outcome) == (AT + timedelta(seconds=1), None, "Unknown")
    assert timedelta(minutes=1) == LONGEST_REQUEST, "ARM ends a request then"


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [("2026-03-01T03:00:00Z", 0), ("2026-03-01T03:00:00.5Z", 500000), ("2026-03-01T03:00:00.1234567Z", 123456)],
)
def test_a_time_has_up_to_seven_digits(text: str, microsecond: int) -> None:
    (write,) = listed(row(text, "Started"))
    assert write.begun == AT.replace(microsecond=microsecond)


def test_a_write_has_the_parts_of_its_rows() -> None:
    begin = row(
        status="Started",
        httpRequest={"method": "put"},
        properties={"RequestBody": '{"properties": {"priority": 7}}'},
    )
    end = row(properties={"statusCode": "Created"}, subStatus={"value": "OK"}, eventDataId="2")
    (write,) = listed(begin, end)
    assert (write.method, write.deletes, write.rule, write.nsg) == ("PUT", False, "web", NSG.lower())
    assert write.statuses == {"created", "ok"}
    assert write.body is not None
    assert write.body.document == {"properties": {"priority": 7}}
    assert (write.identity, write.caller.name) == ("o-1", "jo@example.com")


def test_what_rows_of_one_request_contradict_is_unknown() -> None:
    # A body or a method that differs between rows is somebody's invention.
    bodies = [
        row(status="Started", properties={"requestbody": f'{{"tags": {{"a": "{n}"}}}}'}, eventDataId=n) for n in "12"
    ]
    methods = [row(httpRequest={"method": method}, eventDataId=method) for method in ("PUT", "PATCH")]
    (write,) = listed(bodies[0], {**bodies[1], "status": {"value": "Succeeded"}})
    assert write.body is None
    (write,) = listed(*methods)
    assert write.method == ""
    assert listed(row())[0].method == ""


@pytest.mark.parametrize(
    ("operation", "resource", "deletes", "rule"),
    [
        ("Microsoft.Network/networkSecurityGroups/write", NSG, False, None),
        ("Microsoft.Network/networkSecurityGroups/delete", NSG, True, None),
        ("MICROSOFT.NETWORK/networkSecurityGroups/securityRules/WRITE", f"{NSG}/securityRules/a%20b", False, "a b"),
        ("Microsoft.Network/networkSecurityGroups/securityRules/DELETE", f"{NSG}/securityRules/web", True, "web"),
    ],
)
def test_the_four_operations_that_write(operation: str, resource: str, rule: str | None, *, deletes: bool) -> None:
    (write,) = listed(row(operationName={"value": operation}, resourceId=resource))
    assert (write.deletes, write.rule) == (deletes, rule)


def test_rows_without_an_operation_id_belong_together_by_their_correlation() -> None:
    rows = [row(status=status, operationId=None, eventDataId=status) for status in ("Started", "Succeeded")]
    assert len(listed(*rows)) == 1
    other = row(status="Succeeded", operationId=None, correlationId="c-2")
    assert len(listed(rows[0], other)) == 2
    assert len(listed(row(operationId="o-1", status="Started"), row(operationId="o-2"))) == 2


def test_a_row_that_was_read_twice_is_one_row() -> None:
    # Pages overlap. Without an id, time, status and identity tell rows apart.
    begin = row(status="Started")
    assert len(listed(begin, begin)) == 1
    assert len(listed(begin, row("2026-03-01T03:00:01Z", "Started"))) == 2
    same = {"eventDataId": "7"}
    assert len(listed(row(status="Started", **same), row("2026-03-01T03:00:01Z", "Started", **same))) == 1


def test_writes_are_sorted_by_time_whatever_the_order_of_the_rows() -> None:
    rows = [row(f"2026-03-01T03:00:0{second}Z", "Started", operationId=f"o{second}") for second in range(5)]
    assert listed(*rows) == listed(*reversed(rows))
    assert [write.begun.second for write in listed(*reversed(rows))] == [0, 1, 2, 3, 4]


def test_at_one_moment_a_request_begins_before_it_ends() -> None:
    # Azure's clock has a tick of some milliseconds.
    rows = [row(status=status, eventDataId=status) for status in ("Started", "Failed")]
    again = [row("2026-03-01T03:00:01Z", status, eventDataId=f"2{status}") for status in ("Started", "Succeeded")]
    assert len(listed(*rows, *again)) == 2
    assert listed(*reversed(rows), *reversed(again)) == listed(*rows, *again)
    assert [write.outcome for write in listed(*rows, *again)] == ["Unknown", "Succeeded"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((text, "Failed") for text in ("400", "Bad Request", "NotFound", "429")),
        *((text, "Unknown") for text in ("399", "499", "500", "InternalServerError", "OK", "")),
    ],
)
def test_azure_refuses_with_a_status_of_the_client(status: str, outcome: str) -> None:
    # Any other failure may have changed something before.
    text = status.replace(" ", "")
    assert listed(row(status="Failed", properties={"statusCode": text}))[0].outcome == outcome
    assert listed(row(status="Failed", subStatus={"value": text.upper()}))[0].outcome == outcome


def test_an_operation_that_succeeded_and_failed_may_have_written() -> None:
    refused = row(status="Failed", subStatus={"value": "Conflict"}, eventDataId="2")
    (write,) = listed(row(), refused)
    assert write.outcome == "Unknown"


def test_rows_of_one_moment_differ_in_their_status() -> None:
    # Without an id of the event, the beginning and the end of a fast request would be one row.
    (write,) = listed(row(status="Started"), row(status="Succeeded"))
    assert (write.outcome, write.begun) == ("Succeeded", write.answered)
