"""Acknowledged alerts of pagers: which message replaces one, because an update of it would notify nobody."""

from typing import Any

import pytest

from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pager_state import is_new_alert
from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.api.route import NotificationEvent
from tests.support.alerts import OPERATOR, START, Clock, MemoryOutbox, incident, route, stamp
from tests.support.pagers import Pager
from tests.support.providers import providers

GIVEN = {"acknowledgement": {"at": stamp(START), "by": "jo"}}
COVERED = {**GIVEN, "acknowledgedAt": stamp(START)}
ENDED = {
    "history": [
        {"at": stamp(START), "kind": kind, "severity": "medium"} for kind in ("Acknowledged", "AcknowledgementEnded")
    ]
}
SSH: dict[str, Any] = {"kind": "RuleCreated", "rule": "open-ssh", "severity": "medium", "appearedIn": 1}
RDP = {**SSH, "rule": "open-rdp", "appearedIn": 3}
SEEN = {**SSH, "acknowledged": True}
OPENED, ACKNOWLEDGED = ["Opened"], ["Opened", "Acknowledged"]


@pytest.mark.parametrize(
    ("event", "received", "events", "status", "expected"),
    [
        ("Opened", 0, OPENED, {}, False),
        ("Updated", 1, [*OPENED, "Updated"], {"changes": [SSH, {**RDP, "appearedIn": 2}]}, False),
        ("Escalated", 1, [*OPENED, "Escalated"], {}, True),
        ("Escalated", 0, [*OPENED, "Escalated"], {}, False),
        # The acknowledgement does not cover the new change.
        ("Updated", 2, [*ACKNOWLEDGED, "Updated"], {**GIVEN, "changes": [SEEN, RDP]}, True),
        # The pager has not received the acknowledgement: its alert still notifies.
        ("Updated", 1, [*ACKNOWLEDGED, "Updated"], {**GIVEN, "changes": [SSH, RDP]}, False),
        # Its alert was replaced already.
        ("Updated", 3, [*ACKNOWLEDGED, "Updated", "Updated"], {**GIVEN, "changes": [SEEN, RDP]}, False),
        # What was not acknowledged is gone: the alert is acknowledged again.
        (
            "Updated",
            4,
            [*ACKNOWLEDGED, "Escalated", "Eased", "Updated"],
            {"changes": [SEEN, {**RDP, "appearedIn": 5}]},
            True,
        ),
        ("Blocked", 2, [*ACKNOWLEDGED, "Blocked"], {**COVERED, "changes": [SEEN]}, False),
        ("Eased", 3, [*ACKNOWLEDGED, "Escalated", "Eased"], {**COVERED, "changes": [SEEN]}, False),
        # The acknowledgement is over.
        ("Reminder", 2, ACKNOWLEDGED, {"changes": [SSH]}, True),
        ("Reminder", 4, [*ACKNOWLEDGED, "Escalated", "Eased"], {"changes": [SSH], **ENDED}, True),
        ("Reminder", 1, OPENED, {"changes": [SSH]}, False),
        ("Opened", 3, [*ACKNOWLEDGED, "Resolved", "Opened"], {}, False),
        ("Resolved", 2, [*ACKNOWLEDGED, "Resolved"], {"state": "Resolved"}, False),
    ],
)
def test_a_new_alert_is_opened_for_what_no_acknowledgement_covers(
    event: NotificationEvent, received: int, events: list[str], status: dict[str, Any], *, expected: bool
) -> None:
    stored = incident(**{"revision": len(events), "events": events, **status}).status
    assert is_new_alert(stored, event, received) is expected


def test_only_the_first_reminder_opens_a_new_alert() -> None:
    stored = incident(revision=2, events=ACKNOWLEDGED).status
    assert [is_new_alert(stored, "Reminder", 2, number) for number in (1, 2)] == [True, False]


@pytest.mark.parametrize(
    "url",
    [
        "pagerduty://INTEGRATIONKEY@APIKEY",
        "opsgenie://a1b2c3d4-0000-0000-0000-000000000000",
        "jira://a1b2c3d4-0000-0000-0000-000000000000",
    ],
)
async def test_an_acknowledged_alert_is_replaced_and_acknowledged_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A second opening of the same severity paged nobody, because the first one was acknowledged.
    pager, outbox, to = Pager(), MemoryOutbox(), route()
    outbox.put(to)
    outbox.secrets[to.key] = {"urls": url}
    dispatcher = Dispatcher(outbox, Clock(), allow_local=True)

    async def deliver(events: list[str], **status: Any) -> list[str]:
        stored = incident(**{"revision": len(events), "event": events[-1], "events": events, **status})
        deliveries = next(iter(outbox.incidents())).status.deliveries if outbox.stored else ()
        outbox.put(stored.model_copy(update={"status": stored.status.model_copy(update={"deliveries": deliveries})}))
        current = outbox.stored_routes[to.key]
        await dispatcher.deliver(current, pending_deliveries(current, outbox.incidents(), OPERATOR, START))
        return [state for _, state in pager.alerts]

    async with providers(monkeypatch) as internet:
        internet.answer = pager.answer
        assert await deliver(OPENED, changes=[SSH]) == ["trigger"]
        assert await deliver(ACKNOWLEDGED, changes=[SEEN], **COVERED) == ["acknowledge"]
        update = [*ACKNOWLEDGED, "Updated"]
        assert await deliver(update, changes=[SEEN, RDP], **GIVEN) == ["resolve", "trigger"]
        assert await deliver([*update, "Eased"], changes=[SEEN], **COVERED) == ["resolve", "acknowledge"]
