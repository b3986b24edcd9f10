"""Digests: what a person reads first about many incidents, and what each line leaves out."""

from datetime import timedelta
from typing import Any

from nsg_baseline.alerts.digest import LINE_LENGTH, SHOWN_GROUPS, SHOWN_INCIDENTS, digest_message
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.next_steps import NextStep
from nsg_baseline.alerts.pending import PendingDelivery, digest_key
from tests.support.alert_scenarios import OPEN, RESOLVED, SSH, WIDENED
from tests.support.alerts import NSG, incident


def about(name: str, nsg: str = NSG, kind: str = "Drift", event: Any = "Opened", **status: Any) -> PendingDelivery:
    """Return a notification about an NSG."""
    stored = incident(name, kind=kind, **status)
    spec = stored.spec.model_copy(update={"nsg": nsg if kind == "Drift" else None})
    return PendingDelivery(stored.model_copy(update={"spec": spec}), event, open_for=timedelta(hours=3))


def nsg(number: int, group: str = "rg-web", subscription: str = "11111111-1111-1111-1111-111111111111") -> str:
    return NSG.replace("/web", f"/web-{number}").replace("rg-web", group).replace(NSG.split("/")[2], subscription)


def digest(*deliveries: PendingDelivery, key: str | None = None) -> AlertMessage:
    return digest_message(deliveries, key)


def test_the_limits_of_a_digest() -> None:
    # A chat cuts what is longer, and then the end is missing without a note.
    assert (SHOWN_INCIDENTS, SHOWN_GROUPS, LINE_LENGTH) == (50, 10, 300)


def test_the_most_severe_incident_comes_first() -> None:
    # Then by name, whatever the order of the store is.
    deliveries = (
        about("b", nsg(1), **WIDENED),
        about("c", nsg(2), **OPEN),
        about("a", nsg(3), **WIDENED),
        about("d", nsg(4), severity=None),
    )
    message = digest(*deliveries)
    assert message.severity == "critical"
    assert message.event == "Updated"
    start = "[CRITICAL] 4 incidents, including web-2 (rg-web): new rule open-ssh"
    assert message.title == f"{start} allows inbound TCP 22 from Internet to any"
    order = [line.split(" (")[0].rpartition(" ")[2] for line in message.exposure]
    assert order == ["web-2", "web-3", "web-1", "web-4"]
    assert (message.key, message.thread) == (digest_key(deliveries), digest_key(deliveries))
    assert message.next_steps == (NextStep("All incidents", "nsgb incidents -A", "Command"),)
    assert [entry["name"] for entry in message.payload["incidents"]] == ["c", "a", "b", "d"]
    assert (message.payload["event"], message.payload["severity"]) == ("Updated", "critical")


def test_a_repeated_digest_keeps_its_key() -> None:
    # Receivers deduplicate by it.
    message = digest(about("a", nsg(1)), about("b", nsg(2)), key="stored")
    assert (message.key, message.thread) == ("stored", "stored")


def test_incidents_that_ended_are_a_digest_of_ends() -> None:
    # One that is still open makes it an update.
    ended = [about(name, nsg(number), event="Resolved", **OPEN, **RESOLVED) for number, name in enumerate("ab")]
    message = digest(*ended)
    assert message.event == "Resolved"
    assert message.title.startswith("RESOLVED 2 NSGs: ")
    mixed = digest(*ended, about("c", nsg(3), severity="info"))
    assert mixed.event == "Updated"
    assert mixed.title.startswith("[CRITICAL] 3 incidents, including web-0 (rg-web): ")


def test_a_change_in_all_nsgs_is_named_once() -> None:
    # A policy changes hundreds of NSGs at once; an NSG that is named twice, or none, is another matter.
    same = digest(about("a", nsg(1), **OPEN), about("b", nsg(2), **OPEN))
    assert same.title == "[CRITICAL] 2 NSGs: new rule open-ssh allows inbound TCP 22 from Internet to any"
    assert same.facts[0] == "The same change in all 2 NSGs"
    twice = digest(about("a", nsg(1), **OPEN), about("b", nsg(1), **OPEN))
    assert "2 incidents, including web-1 (rg-web)" in twice.title
    assert not any("same change" in fact for fact in twice.facts)
    scopes = digest(about("a", kind="WatchLost", summary="x"), about("b", nsg(1), summary="x"))
    assert "2 incidents" in scopes.title


def test_groups_and_subscriptions_are_counted_and_cut() -> None:
    # The largest group first; at most ten of each.
    deliveries = [about(f"{number:02}", nsg(number, f"rg-{number:02}", f"sub-{number:02}")) for number in range(12)]
    deliveries.append(about("99", nsg(99, "rg-11", "sub-11")))
    facts = digest(*deliveries).facts
    groups = ", ".join(["rg-11 (2)", *(f"rg-{number:02} (1)" for number in range(9))])
    assert f"Resource groups: {groups} and 2 more" in facts
    subscriptions = ", ".join(f"sub-{number:02}" for number in range(10))
    assert f"Subscriptions: {subscriptions} and 2 more" in facts
    assert digest(*deliveries[:2]).facts == (
        "The same change in all 2 NSGs",
        "Resource groups: rg-00 (1), rg-01 (1)",
        "Subscriptions: sub-00, sub-01",
    )
    ten = digest(*deliveries[:10]).facts
    assert not any("more" in fact for fact in ten)
    scope = digest(about("a", kind="WatchLost"), about("b", kind="WatchLost"))
    assert not any(fact.startswith("Resource groups") for fact in scope.facts)


def test_groups_of_one_size_are_sorted_by_name() -> None:
    # Whatever the names of the incidents are.
    facts = digest(about("a", nsg(1, "rg-z")), about("b", nsg(2, "rg-y")), about("c", nsg(3, "rg-x"))).facts
    assert "Resource groups: rg-x (1), rg-y (1), rg-z (1)" in facts


def test_a_reminder_says_how_long() -> None:
    # Also as a line of a digest.
    message = digest(about("a", nsg(1), event="Reminder"), about("b", nsg(2), event="Reminder"))
    assert all(line.startswith("STILL OPEN for 3 h ") for line in message.exposure)


def test_a_long_list_and_a_long_line_are_cut() -> None:
    # The number that is left out stays.
    many = digest(*(about(f"{number:03}", nsg(number)) for number in range(52)))
    assert len(many.exposure) == 51
    assert many.exposure[-1] == "and 2 more"
    almost = digest(*(about(f"{number:03}", nsg(number)) for number in range(51)))
    assert almost.exposure[-1] == "and 1 more"
    fifty = digest(*(about(f"{number:03}", nsg(number)) for number in range(50)))
    assert len(fifty.exposure) == 50
    exposure = {**SSH, "text": "TCP 22 from " + "10.0.0.1 and " * 50}
    long = digest(about("a", nsg(1), exposure=[exposure]), about("b", nsg(2)))
    assert max(map(len, long.exposure)) == 300


def test_names_cannot_forge_lines() -> None:
    # Names come from Azure; control characters are shown as escapes.
    rule = {"kind": "RuleCreated", "rule": "a\u202eb", "severity": "medium"}
    message = digest(about("a", nsg(1, "rg\x1b"), changes=[rule]), about("b", nsg(2)))
    assert all(text.isprintable() for text in (message.title, *message.facts, *message.exposure))
