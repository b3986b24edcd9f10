"""What a message says first: what is new for its receiver, what is gone, and since when."""

from typing import Any

import pytest

from nsg_baseline.alerts.formats import as_page, as_slack, as_sms, as_teams, plain
from nsg_baseline.alerts.message import AlertMessage, alert_message
from nsg_baseline.alerts.pending import PendingDelivery
from nsg_baseline.api.route import NotificationEvent
from tests.support.alert_scenarios import (
    ACKNOWLEDGED,
    EASED,
    END,
    LATER,
    OPEN,
    PING,
    RDP,
    RESOLVED,
    RESTORED,
    SCENARIOS,
    TOO_MANY,
    WORSE,
)
from tests.support.alerts import NSG, START, incident, stamp

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"


def message(event: NotificationEvent, received: int | None = None, kind: str = "Drift", **status: Any) -> AlertMessage:
    return alert_message(PendingDelivery(incident(kind=kind, **status), event), received=received)


def test_an_update_of_300_changes_names_the_one_that_was_added() -> None:
    # Otherwise the message lists the first of the old ones, and SSH from the Internet is not in it.
    legacy = [{**PING, "rule": f"legacy-{number}", "severity": "critical"} for number in range(300)]
    updated = message("Updated", 2, **{**WORSE, "changes": [*legacy, RDP], "changeCount": 301})
    assert updated.title == (
        "[CRITICAL] web (rg-web): now also new rule open-rdp allows inbound TCP 3389 from Internet to any"
    )
    assert plain(updated).splitlines()[0] == f"New: new rule open-rdp [CRITICAL], seen {LATER}"
    assert "legacy-0" not in updated.title


def test_a_receiver_that_missed_messages_reads_all_that_is_new() -> None:
    # Its channel was down when open-rdp appeared.
    third = {**PING, "rule": "third", "appearedIn": 4, "acknowledged": False}
    late = message("Updated", 1, **{**WORSE, "revision": 4, "changes": [RDP, PING, third], "changeCount": 3})
    assert [line.partition(" [")[0] for line in late.news] == [
        "New: new rule open-rdp",
        "New: new rule third",
        "Known before: new rule ping",
    ]
    current = message("Updated", 3, **{**WORSE, "revision": 4, "changes": [RDP, PING, third], "changeCount": 3})
    assert [line.partition(" [")[0] for line in current.news][:2] == [
        "New: new rule third",
        "Known before: new rule open-rdp",
    ]


def test_an_acknowledgement_of_something_else_is_not_shown_as_one_of_this() -> None:
    # "acknowledged by jo: ping test" above RDP from the Internet makes everybody go back to sleep.
    text = plain(message("Escalated", 2, **WORSE))
    assert "acknowledged by jo@example.com; that does not cover what is new" in text
    assert "Acknowledged by jo@example.com: ping test (this does not cover new rule open-rdp)" in text


def test_the_end_of_the_worst_change_is_the_title() -> None:
    eased = message("Eased", 3, **EASED)
    assert eased.title == (
        "[LOW] web (rg-web): new rule open-rdp is gone after 41 min; still open: "
        "new rule ping allows inbound ICMP from any to any"
    )
    assert eased.news[0] == (f"Gone: new rule open-rdp [CRITICAL], undone in Azure after 41 min ({LATER} to {END})")


def test_each_change_has_its_own_start() -> None:
    # Tonight's rule is not three weeks old because a tag has differed for three weeks.
    shown = message("Escalated", 2, **WORSE)
    assert f"First seen: {stamp(START)}; latest change: {LATER}" in shown.facts
    assert [change.summary for change in shown.changes] == [
        f"new rule open-rdp [CRITICAL], since {LATER}",
        f"new rule ping [LOW], since {stamp(START)}",
    ]


def test_the_end_lists_begin_end_author_and_fate_of_each_change() -> None:
    by = {"changedBy": ["mallory@example.com"], "attribution": "Found"}
    ended = {**EASED, **RESOLVED, "revision": 5, "resolution": "Approved", "highestSeverity": "critical"}
    ended["endedChanges"] = [{**EASED["endedChanges"][0], **by}]
    ended["changes"] = [{**PING, "endedAt": END, "ended": "Approved"}]
    assert message("Resolved", 4, **ended).news == (
        f"new rule open-rdp [CRITICAL], undone in Azure after 41 min ({LATER} to {END}), by mallory@example.com",
        f"new rule ping [LOW], approved after 1 h 22 min ({stamp(START)} to {END})",
        "Highest severity: critical",
    )


def test_the_end_does_not_say_that_the_traffic_is_now_allowed() -> None:
    text = plain(message("Resolved", 2, **OPEN, **RESOLVED, resolution="Reverted"))
    assert "now allowed" not in text
    assert "no longer allowed inbound: TCP 22 from Internet to any" in text


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "digest"])
def test_every_message_names_the_subscription_and_the_resource_group(name: str) -> None:
    text = plain(SCENARIOS[name])
    assert SUBSCRIPTION in text
    assert "resource group rg-web" in text or "resource groups: rg-web (" in text or name.startswith("watch-lost")
    assert SUBSCRIPTION in as_sms(SCENARIOS[name]).body


@pytest.mark.parametrize("render", [plain, lambda text: as_page(text).body, lambda text: as_teams(text).body])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"actions": [TOO_MANY]}, "did not restore: TooManyChanges"),
        ({"actions": [RESTORED]}, "restored the approved rules"),
        ({"effectiveMode": "Alert"}, "does not undo this"),
        ({"effectiveMode": "Enforce"}, "restores the approved rules"),
        ({"effectiveMode": "Enforce", "blockedSince": LATER}, "has tried to restore the approved rules since"),
    ],
)
def test_every_format_says_what_the_operator_did_or_will_do(render: Any, status: dict[str, Any], words: str) -> None:
    # The receiver of a page must know whether to undo the change.
    assert words in render(message("Opened", **OPEN, **status))


def test_a_reminder_says_that_nobody_acknowledged_it_and_acknowledges_what_it_shows() -> None:
    # A change that appears between the reminder and the command is not covered by the command.
    reminder = message("Reminder", **{**OPEN, "revision": 7})
    assert "Nobody has acknowledged it" in reminder.facts
    assert '"revision": 7' in reminder.next_steps[0].text
    assert "Nobody has acknowledged it" not in message("Reminder", **OPEN, **ACKNOWLEDGED).facts


def test_drift_that_reappears_says_so() -> None:
    assert message("Opened", 2, **{**OPEN, "revision": 3, "reopenCount": 1}).title.startswith("REOPENED [CRITICAL] web")
    assert message("Opened", 0, **{**OPEN, "revision": 3, "reopenCount": 1}).title.startswith("[CRITICAL] web")


def test_a_long_list_of_news_is_limited() -> None:
    many = [{**RDP, "rule": f"rule-{number}"} for number in range(40)]
    news = message("Updated", 2, **{**WORSE, "changes": many, "changeCount": 40}).news
    assert len(news) == 6
    assert news[-1] == "and 35 more; see the NSGIncident"


def test_the_order_of_a_message() -> None:
    # Design: what is open, which traffic, who, where, since when, the operator, undo, approve, link.
    text = plain(message("Escalated", 2, **WORSE))
    words = ("New:", "newly allowed", "Who:", "Where:", "First seen:", "Operator:", "Undo:", "Approve:", "Portal:")
    positions = [text.index(word) for word in words]
    assert positions == sorted(positions)
    assert NSG in text


@pytest.mark.parametrize("render", [as_teams, as_slack])
def test_a_long_message_ends_with_a_whole_line(render: Any) -> None:
    # Half a command that is pasted deletes another rule, or fails in the night.
    many = [{**RDP, "rule": f"rule-{number}-{'x' * 60}"} for number in range(13)]
    wide = [{**RDP, "rule": f"web-{number}-{'x' * 70}"} for number in range(20)]
    for changes in (many, wide) if render is as_teams else (wide,):
        body = render(message("Opened", **{**WORSE, "changes": changes, "changeCount": len(changes)})).body
        assert body.endswith("\n…")
        undo = [line for line in body.splitlines() if "az network" in line]
        assert all("xxx" in line.split(" -n ")[1] for line in undo)
