"""Which route receives which incident, and that a restart neither loses nor repeats a notification."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.alerts.pending import pending_deliveries
from nsg_baseline.alerts.route_status import next_status
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.core.conditions import delivering
from tests.support.alerts import OPERATOR, START, incident, route, stamp, with_deliveries

NOW = START + timedelta(minutes=5)
RESOLVED: dict[str, Any] = {
    "state": "Resolved",
    "revision": 2,
    "event": "Resolved",
    "resolvedAt": stamp(NOW),
    "resolution": "Reverted",
}
UPDATED: dict[str, Any] = {"revision": 2, "event": "Updated"}
CHAT = f"{OPERATOR}/chat"


def due_events(to: NSGAlertRoute, *incidents: NSGIncident) -> list[str]:
    return [delivery.event for delivery in pending_deliveries(to, incidents, OPERATOR, NOW)]


@pytest.mark.parametrize(
    ("spec", "status", "revision", "expected"),
    [
        ({}, {}, 0, ["Opened"]),
        ({}, {}, 1, []),
        ({}, UPDATED, 1, ["Updated"]),
        # Only the latest revision is sent: a route that received none receives an opening.
        ({}, UPDATED, 0, ["Opened"]),
        ({}, RESOLVED, 1, ["Resolved"]),
        ({}, RESOLVED, 2, []),
        # A port that was open for a second, before a notification was sent, is reported anyway.
        ({}, RESOLVED, 0, ["Resolved"]),
        ({"send": ["Opened"]}, RESOLVED, 0, ["Resolved"]),
        ({"send": ["Opened"]}, RESOLVED, 1, []),
        ({"send": ["Updated"]}, RESOLVED, 0, []),
        ({"send": ["Resolved"]}, {}, 0, []),
        ({"send": ["Opened", "Resolved"]}, UPDATED, 1, []),
        ({"minSeverity": "high"}, {}, 0, []),
        ({"minSeverity": "medium"}, {}, 0, ["Opened"]),
        # The incident became more severe: it now reaches the route's minimum and is an opening for this route.
        ({"minSeverity": "high"}, {**UPDATED, "severity": "critical"}, 0, ["Opened"]),
        # A route that was notified of an incident is notified of its end, whatever the severity is now.
        ({"minSeverity": "high"}, RESOLVED, 1, ["Resolved"]),
        ({"kinds": ["WatchLost"]}, {}, 0, []),
        ({"kinds": ["Drift"]}, {}, 0, ["Opened"]),
        ({"match": {"scopes": ["production"]}}, {}, 0, ["Opened"]),
        ({"match": {"scopes": ["test"]}}, {}, 0, []),
        ({"suspend": True}, {}, 0, []),
    ],
)
def test_the_due_event_of_a_route(
    spec: dict[str, Any], status: dict[str, Any], revision: int, expected: list[str]
) -> None:
    assert due_events(route(**spec), with_deliveries(incident(**status), (CHAT, revision))) == expected


def test_incidents_that_ended_before_the_route_are_not_due() -> None:
    # A new route must not send the history.
    assert due_events(route(created=NOW + timedelta(seconds=1)), incident(**RESOLVED)) == []


def noted(to: NSGAlertRoute, at: datetime) -> NSGAlertRoute:
    """Return a route after a delivery, as it is stored."""
    status = next_status(to, delivering(), 1, (), at)
    return to.model_copy(update={"status": status})


def edited(to: NSGAlertRoute, **spec: Any) -> NSGAlertRoute:
    metadata = to.metadata.model_copy(update={"generation": to.metadata.generation + 1})
    return to.model_copy(update={"metadata": metadata, "spec": to.spec.model_copy(update=spec)})


def resolved_days_ago(days: float) -> NSGIncident:
    return incident(**{**RESOLVED, "resolvedAt": stamp(NOW - timedelta(days=days))})


@given(days=st.floats(0, 29), is_noted=st.booleans())
def test_what_nobody_received_stays_due(days: float, *, is_noted: bool) -> None:
    # The channels may be down for longer than a day, or the operator; what happened then must not be lost.
    to = route(created=NOW - timedelta(days=30))
    to = noted(to, NOW - timedelta(days=30)) if is_noted else to
    assert due_events(to, resolved_days_ago(days)) == ["Resolved"]
    assert to.spec.urls_from is not None
    corrected = edited(to, urls_from=to.spec.urls_from.model_copy(update={"name": "other"}))
    assert due_events(corrected, resolved_days_ago(days)) == (["Resolved"] if is_noted or days <= 1 else [])
    received = with_deliveries(resolved_days_ago(days), (CHAT, 2))
    assert due_events(to, received) == []


@pytest.mark.parametrize(
    "spec", [{"min_severity": "low"}, {"suspend": False}, {"kinds": ("Drift",)}, {"send": ("Resolved",)}]
)
def test_an_edit_of_the_selection_does_not_send_the_history(spec: dict[str, Any]) -> None:
    # Somebody who lowers the minimum severity does not ask for a month of trivial incidents. A day is sent.
    before = route(created=NOW - timedelta(days=30), minSeverity="medium", suspend=True)
    to = edited(noted(before, NOW - timedelta(days=30)), **{"suspend": False, **spec})
    for stored in (to, noted(to, NOW)):
        assert due_events(stored, resolved_days_ago(2)) == []
        assert due_events(stored, resolved_days_ago(0.9)) == ["Resolved"]
    later = noted(to, NOW - timedelta(days=3))
    assert due_events(noted(later, NOW), resolved_days_ago(2)) == ["Resolved"]


@pytest.mark.parametrize(("namespace", "expected"), [(OPERATOR, ["Opened"]), ("team-web", ["Opened"]), ("team-db", [])])
def test_a_route_receives_its_own_namespace_and_the_operators_route_all(namespace: str, expected: list[str]) -> None:
    # A team must not read about the exposure of another team.
    assert due_events(route(namespace=namespace), incident(namespace="team-web")) == expected


def test_routes_with_one_name_in_two_namespaces_are_separate() -> None:
    delivered = with_deliveries(incident(), (CHAT, 1))
    assert due_events(route(namespace="team-web"), delivered) == ["Opened"]


def test_the_oldest_comes_first() -> None:
    names = ["web-20260301-2", "web-20260301-1", "web-20260228-9"]
    deliveries = pending_deliveries(route(), [incident(name) for name in names], OPERATOR, NOW)
    assert [delivery.incident.metadata.name for delivery in deliveries] == sorted(names)


STATUSES = st.sampled_from([{}, UPDATED, RESOLVED, {**UPDATED, "event": "Remediated"}, {"severity": "critical"}])
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "minSeverity": st.sampled_from(["critical", "high", "medium", "low", "info"]),
        "send": st.lists(st.sampled_from(["Opened", "Updated", "Remediated", "Resolved"]), min_size=1, unique=True),
        "kinds": st.lists(st.sampled_from(["Drift", "Unbaselined", "WatchLost"]), min_size=1, unique=True),
    },
)


@given(SPECS, STATUSES, st.integers(0, 3))
def test_a_recorded_delivery_is_never_due_again(spec: dict[str, Any], status: dict[str, Any], revision: int) -> None:
    # It guarantees that nothing is sent twice.
    to, notified = route(**spec), with_deliveries(incident(**status), (CHAT, revision))
    for delivery in pending_deliveries(to, [notified], OPERATOR, NOW):
        assert (
            pending_deliveries(
                to, [with_deliveries(notified, (CHAT, delivery.incident.status.revision))], OPERATOR, NOW
            )
            == []
        )


def test_a_reopening_is_an_opening() -> None:
    # A route with these events would otherwise be silent about drift that was resolved and came back wider.
    to = route(send=["Opened", "Resolved"])
    again = incident(revision=3, event="Opened", events=["Opened", "Resolved", "Opened"])
    (delivery,) = pending_deliveries(to, [with_deliveries(again, ("nsg-baseline-system/chat", 2))], OPERATOR, START)
    assert delivery.event == "Opened"


def test_an_event_counts_although_another_one_followed_it() -> None:
    # The author is known seconds after the severity rose. The route must not miss that it rose.
    to = route(send=["Opened", "Escalated"])
    worse = incident(revision=3, event="Attributed", events=["Opened", "Escalated", "Attributed"])
    (delivery,) = pending_deliveries(to, [with_deliveries(worse, ("nsg-baseline-system/chat", 1))], OPERATOR, START)
    assert delivery.event == "Escalated"
    assert not pending_deliveries(to, [with_deliveries(worse, ("nsg-baseline-system/chat", 2))], OPERATOR, START)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (["Escalated", "Eased"], "Eased"),
        (["Eased", "Escalated", "Updated"], "Escalated"),
        (["Updated", "Attributed", "Acknowledged"], "Updated"),
        (["Blocked", "Attributed"], "Blocked"),
        (["Remediated", "Attributed"], "Remediated"),
        (["Eased", "Attributed"], "Eased"),
        (["Attributed"], "Attributed"),
        (["Resolved", "Opened", "Escalated"], "Opened"),
    ],
)
def test_of_several_events_the_most_urgent_one_counts(events: list[str], expected: str) -> None:
    worse = incident(revision=1 + len(events), event=events[-1], events=["Opened", *events])
    stored = with_deliveries(worse, ("nsg-baseline-system/chat", 1))
    (delivery,) = pending_deliveries(route(), [stored], OPERATOR, START)
    assert delivery.event == expected


def test_an_incident_that_ended_before_its_first_notification_counts_with_its_highest_severity() -> None:
    over = {"state": "Resolved", "event": "Resolved", "resolvedAt": stamp(START)}
    to = route(minSeverity="high", created=START)
    assert pending_deliveries(to, [incident(severity="low", highestSeverity="critical", **over)], OPERATOR, START)
    assert not pending_deliveries(to, [incident(severity="low", highestSeverity="low", **over)], OPERATOR, START)
    assert not pending_deliveries(to, [incident(severity="low", highestSeverity="critical")], OPERATOR, START)
