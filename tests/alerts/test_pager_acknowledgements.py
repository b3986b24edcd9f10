"""Acknowledgements that people give in a pager: which ones count, and what they cover."""

from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.alerts.channels import parse_channels
from nsg_baseline.alerts.pager_acknowledgements import MAX_ALERTS, acknowledgement, record_to_repeat, to_ask
from nsg_baseline.api.incident import Acknowledged, Delivery, NSGIncident
from tests.support.acknowledgements import PAGERDUTY, ROUTE, at_second, delivered, written
from tests.support.alert_scenarios import OPEN
from tests.support.alerts import OPERATOR, START, incident, route, with_deliveries


def counted(stored: NSGIncident, at: str, by: str = "Jo") -> Acknowledged | None:
    """Return what an acknowledgement in PagerDuty means, an hour after the start."""
    ((channel,), _) = parse_channels(PAGERDUTY)
    return acknowledgement(route(), channel, stored, by, at, START + timedelta(hours=1))


@pytest.mark.parametrize(
    ("why", "stored", "second"),
    [
        ("before the first message", delivered(1, ("1", 5)), 4),
        ("the change became worse afterwards", delivered(2, ("1", 5), ("GotWorse", 80), ("2", 81)), 60),
        ("the drift ended and came back", delivered(3, ("1", 5), ("Reopened", 80), ("3", 81)), 60),
        ("it was withdrawn in the cluster", delivered(1, ("1", 5), ("AcknowledgementEnded", 80)), 60),
        ("another route told of it", with_deliveries(incident(**OPEN), ("other/pager", 1)), 60),
        ("from the future", delivered(1, ("1", 5)), 7200),
        (
            "it had become worse already, which the pager had not received",
            delivered(2, ("1", 5), ("GotWorse", 50), ("2", 90), events=["Opened", "Escalated"]),
            60,
        ),
    ],
)
def test_an_acknowledgement_that_saw_something_else_does_not_count(why: str, stored: NSGIncident, second: int) -> None:
    assert counted(stored, at_second(second)) is None, why


def test_a_name_from_outside_is_one_line_of_limited_length() -> None:
    given = counted(delivered(1, ("1", 5)), at_second(60), by="Jo\nUndo: rm \u202e" + "x" * 9000)
    assert given is not None
    assert given.by.startswith("Jo\\nUndo: rm \\u202e")
    assert len(given.by) <= 256


def test_an_acknowledgement_replaces_one_that_has_ended() -> None:
    ended = Acknowledged(by="al", until=START + timedelta(seconds=30))
    given = counted(written(delivered(1, ("1", 5), ("AcknowledgementEnded", 30)), ended), at_second(60))
    assert given is not None
    assert (given.by, given.until) == ("Jo", None)


def test_an_acknowledgement_in_the_cluster_that_is_not_recorded_yet_is_kept() -> None:
    assert counted(written(delivered(1, ("1", 5)), Acknowledged(by="al", note="mine")), at_second(60)) is None


def test_the_most_severe_alerts_are_asked_about() -> None:
    ((channel,), _) = parse_channels(PAGERDUTY)
    incidents = [with_deliveries(incident(f"web-{number}", severity="low"), (ROUTE, 1)) for number in range(MAX_ALERTS)]
    incidents.append(with_deliveries(incident("db-1", severity="critical"), (ROUTE, 1)))
    asked = to_ask(route(), channel, incidents, OPERATOR, START)
    assert len(asked) == MAX_ALERTS
    assert next(iter(asked)) == "team-web/db-1"


def shared(name: str, number: int, channel: str) -> NSGIncident:
    """Return an incident that shares an alert with others."""
    delivery = Delivery(route=ROUTE, revision=number, at=START, threads={channel: "digest"})
    stored = incident(name, revision=number)
    return stored.model_copy(update={"status": stored.status.model_copy(update={"deliveries": (delivery,)})})


def test_incidents_that_share_an_alert_are_one_question() -> None:
    ((channel,), _) = parse_channels(PAGERDUTY)
    incidents = [shared(f"web-{number}", 1, channel.id) for number in range(MAX_ALERTS + 5)]
    asked = to_ask(route(), channel, incidents, OPERATOR, START)
    assert {key: len(members) for key, members in asked.items()} == {"digest": MAX_ALERTS + 5}


def test_a_pager_is_not_asked_about_what_it_has_not_received() -> None:
    ((channel,), _) = parse_channels(PAGERDUTY)
    stored = delivered(1, ("1", 5))
    (delivery,) = stored.status.deliveries
    lacking = delivery.model_copy(update={"pending_channels": {channel.id: 0}})
    stored = stored.model_copy(update={"status": stored.status.model_copy(update={"deliveries": (lacking,)})})
    assert to_ask(route(), channel, [stored], OPERATOR, START) == {}
    assert counted(stored, at_second(60)) is None


SEEN = {"kind": "RuleCreated", "rule": "open-ssh", "severity": "medium", "appearedIn": 1, "acknowledged": True}
UNSEEN = {**SEEN, "rule": "open-rdp", "appearedIn": 2, "acknowledged": False}
RECORDED = {"at": at_second(120), "by": "Jo", "revision": 1}
READ: dict[str, Any] = {"events": ["Opened", "Updated"], "acknowledgement": RECORDED}


@pytest.mark.parametrize(
    ("status", "second", "expected"),
    [
        ({"changes": [SEEN, UNSEEN], **READ}, 60, True),
        # The operator has not read this one yet.
        ({"changes": [SEEN, UNSEEN], **READ}, 121, False),
        ({"changes": [SEEN, UNSEEN], "events": READ["events"]}, 60, False),
        # Everything that was sent is acknowledged; the rest comes with the next message.
        ({"changes": [SEEN, {**UNSEEN, "appearedIn": 3}], **READ}, 60, False),
        (
            {"changes": [SEEN, {**UNSEEN, "acknowledged": True}], **READ},
            60,
            False,
        ),
        # The message would open no new alert.
        ({"changes": [UNSEEN], **READ, "events": ["Opened", "Opened"]}, 60, False),
    ],
)
def test_a_change_that_nobody_saw_is_sent_again(status: dict[str, Any], second: int, *, expected: bool) -> None:
    ((channel,), _) = parse_channels(PAGERDUTY)
    record = record_to_repeat(route(), channel, delivered(2, ("1", 5), ("2", 90), **status), at_second(second))
    assert (record is not None) is expected
    if record is not None:
        assert (record.revision, record.pending_channels) == (2, {channel.id: 1})
