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
