"""Event Grid's events in messages: every form that a sender may write, and whatever else lies in a queue."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.azure.event_messages import MAX_EVENTS, UnreadableMessageError, events_of
from nsg_baseline.core.azure_events import AzureEvent
from tests.support.recorded import recorded_events

RULE = "/subscriptions/1111/resourcegroups/rg-net/providers/Microsoft.Network/networkSecurityGroups/web/securityRules/a"
WRITE = "Microsoft.Network/networkSecurityGroups/securityRules/write"
GRID: dict[str, Any] = {
    "id": "7",
    "eventType": "Microsoft.Resources.ResourceWriteSuccess",
    "eventTime": "2026-03-01T02:03:04.1234567Z",
    "subject": RULE,
    "data": {"operationName": WRITE, "resourceUri": RULE, "claims": {}},
}
CLOUD = {**{key: GRID[key] for key in ("id", "subject", "data")}, "specversion": "1.0", "time": GRID["eventTime"]}
EVENT = AzureEvent("7", WRITE, RULE, datetime(2026, 3, 1, 2, 3, 4, 123456, UTC))


def encoded(document: object) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


@pytest.mark.parametrize("document", [GRID, CLOUD, [GRID]])
@pytest.mark.parametrize("form", [encoded, json.dumps, lambda document: f"\n{encoded(document)} "])
def test_both_schemas_in_every_form_are_one_event(document: object, form: Any) -> None:
    assert events_of(form(document)) == (EVENT,)


def test_a_batch_keeps_each_event() -> None:
    later = {**CLOUD, "id": "8"}
    assert [event.id for event in events_of(encoded([GRID, later]))] == ["7", "8"]


@pytest.mark.parametrize("event", recorded_events())
def test_recorded_events_are_read(event: dict[str, Any]) -> None:
    (parsed,) = events_of(encoded(event))
    assert parsed.resource == event["subject"]
    assert parsed.operation == event["data"]["operationName"]


_NOT_EVENTS: list[Any] = [
    None,
    1,
    "text",
    [],
    {},
    [GRID, 1],
    [GRID] * (MAX_EVENTS + 1),
    {**GRID, "eventTime": "yesterday"},
    {**GRID, "eventTime": "2026-03-01T02:03:04"},
    {**GRID, "eventTime": 7},
    {**GRID, "subject": ["a"]},
    {**GRID, "id": None},
    {**GRID, "data": "text"},
    {**GRID, "data": {"operationName": 1}},
    {**GRID, "subject": "", "data": {}},
]


@pytest.mark.parametrize("document", _NOT_EVENTS)
def test_what_is_no_event_is_refused(document: object) -> None:
    # The message is set aside. It must neither end the reception nor come back without end.
    with pytest.raises(UnreadableMessageError):
        events_of(encoded(document))


@pytest.mark.parametrize("content", ["", "%%%", "not base64 !!!", "{", "[" * 100_000, "/w==", "\ud800", "YQ"])
def test_what_is_no_json_is_refused(content: str) -> None:
    with pytest.raises(UnreadableMessageError):
        events_of(content)


@given(st.text() | st.binary().map(lambda raw: base64.b64encode(raw).decode()))
def test_no_content_raises_anything_else(content: str) -> None:
    # An attacker who may write to the queue must not be able to stop the operator.
    try:
        events_of(content)
    except UnreadableMessageError as error:
        assert content[:20] not in str(error) or len(content) < 20  # noqa: PT017 - the content is not logged
