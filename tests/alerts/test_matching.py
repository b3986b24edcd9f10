"""Which incidents a route selects: the platform's criticals to the pager, the rest of one team to its chat."""

from typing import Any

import pytest

from nsg_baseline.alerts.pending import pending_deliveries
from tests.support.alert_scenarios import OPEN
from tests.support.alerts import NSG, OPERATOR, START, incident, route, with_deliveries


def selects(match: dict[str, Any], **fields: Any) -> bool:
    return bool(pending_deliveries(route(match=match), [incident(**fields)], OPERATOR, START))


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({}, True),
        ({"maxSeverity": "critical"}, True),
        ({"maxSeverity": "high"}, False),
        ({"scopes": ["production"]}, True),
        ({"scopes": ["test"]}, False),
        ({"resourceGroups": ["RG-*"]}, True),
        ({"resourceGroups": ["rg-db"]}, False),
        ({"names": ["db", "we?"]}, True),
        ({"names": ["db"]}, False),
        ({"names": ["web"], "resourceGroups": ["rg-db"]}, False),
        ({"minSeverity": "critical"}, True),
        ({"kinds": ["Drift"]}, True),
        ({"kinds": ["WatchLost", "Guardrail"]}, False),
    ],
)
def test_each_part_must_match(match: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a table
    assert selects(match, **OPEN) is expected


def test_one_nsg_of_several_is_enough_and_a_lost_scope_concerns_all() -> None:
    # A scope that cannot be read may hide any change of the NSGs that the route is about.
    changes = [{"kind": "NSGCreated", "severity": "high", "nsg": NSG.replace("rg-web", group)} for group in ("a", "b")]
    assert selects({"resourceGroups": ["b"]}, kind="Unbaselined", changes=changes)
    assert not selects({"resourceGroups": ["c"]}, kind="Unbaselined", changes=changes)
    assert selects({"resourceGroups": ["c"]}, kind="WatchLost", changes=[])


def test_a_route_that_knows_an_incident_receives_its_end_although_it_became_worse() -> None:
    # Otherwise the chat shows a LOW as open for ever.
    to = route(match={"maxSeverity": "high"})
    worse = with_deliveries(incident(revision=2, event="Escalated", **OPEN), ("nsg-baseline-system/chat", 1))
    assert pending_deliveries(to, [worse], OPERATOR, START)


OWNED = {"Owner": "Team-Web", "env": "prod"}


@pytest.mark.parametrize(
    ("tags", "approved", "severity", "expected"),
    [
        ({"owner": "team-web"}, OWNED, "low", True),
        ({"owner": "team-*", "ENV": "PROD"}, OWNED, "low", True),
        ({"owner": "team-db"}, OWNED, "low", False),
        # An approved value decides about a critical, too: the incident of another team is not ours.
        ({"owner": "team-db"}, OWNED, "critical", False),
        ({"owner": "team-web", "env": "test"}, OWNED, "critical", False),
        # Nobody has approved a value: a critical is not lost, and the rest is not noise.
        ({"cost": "1"}, OWNED, "high", False),
        ({"cost": "1"}, OWNED, "critical", True),
        ({"owner": "team-web"}, {}, "critical", True),
        ({"owner": "team-web"}, {}, "medium", False),
    ],
)
def test_tags_are_those_that_the_baseline_approves(
    tags: dict[str, str],
    approved: dict[str, str],
    severity: str,
    expected: bool,  # noqa: FBT001 - a table
) -> None:
    stored = incident(**{**OPEN, "severity": severity})
    pending = pending_deliveries(route(match={"tags": tags}), [stored], OPERATOR, START, lambda _: approved)
    assert bool(pending) is expected


def test_a_lost_scope_is_selected_whatever_the_tags_are() -> None:
    lost = incident(kind="WatchLost", severity="high", changes=[])
    assert pending_deliveries(route(match={"tags": {"owner": "x"}}), [lost], OPERATOR, START)


def test_the_lowest_severity_of_a_group_is_not_that_of_its_route() -> None:
    assert not selects({"minSeverity": "critical"}, **{**OPEN, "severity": "high"})
    assert selects({"minSeverity": "high", "maxSeverity": "high"}, **{**OPEN, "severity": "high"})
    # The end of what was critical for a moment only is notified.
    ended = {"state": "Resolved", "revision": 2, "severity": "low", "highestSeverity": "critical"}
    assert selects({"minSeverity": "critical"}, **ended)
