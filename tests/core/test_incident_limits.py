"""Limits of an incident's status: beyond them the API server or etcd refuses it, and no notification is sent."""

import json
from datetime import timedelta

from nsg_baseline.api.changes import ExposureStatus
from nsg_baseline.api.incident import Action, IncidentStatus
from nsg_baseline.core.changes import Change
from nsg_baseline.core.incident_changes import Finding
from nsg_baseline.core.incidents import opened_or_updated
from tests.support.nsgs import NOW, rule

ETCD = 1_572_864
"""Bytes that etcd takes in one request, by default."""


def change(number: int, *, addresses: int = 1) -> Change:
    """Return a change whose sides name this many addresses."""
    prefixes = [f"10.0.{index // 256}.{index % 256}/32" for index in range(addresses)]
    document = rule(f"rule-{number}", sourceAddressPrefix=None, sourceAddressPrefixes=prefixes)
    return Change("RuleUpdated", f"rule-{number}", f"{number}", document, document, ("sourceAddressPrefixes",), "high")


def validated(status: IncidentStatus) -> IncidentStatus:
    """Return a status as the model with the CRD's limits accepts it."""
    return IncidentStatus.model_validate(status.document())


def test_the_latest_twenty_actions_are_kept() -> None:
    status = IncidentStatus()
    for minute in range(30):
        action = Action(kind="Remediated", at=NOW + timedelta(minutes=minute), reason="Restored")
        status = opened_or_updated(status, Finding((change(1),), action=action), NOW)
    assert len(status.actions) == 20
    assert status.actions[-1].at == NOW + timedelta(minutes=29)
    assert validated(status) == status


def test_many_changes_with_long_sides_fit_into_one_object() -> None:
    # An NSG may have 1,000 rules with thousands of addresses, and all of them may change at once.
    changes = tuple(change(number, addresses=100) for number in range(1200))
    status = opened_or_updated(IncidentStatus(), Finding(changes), NOW)
    assert (status.change_count, len(status.changes), len(status.fingerprints)) == (1200, 1000, 1200)
    assert validated(status) == status
    assert len(json.dumps(status.document())) < ETCD


def test_a_long_side_of_one_change_is_cut() -> None:
    status = opened_or_updated(IncidentStatus(), Finding((change(1, addresses=4000),)), NOW)
    (shown,) = status.changes
    assert shown.live is not None
    assert shown.live.endswith("…")
    assert validated(status) == status


def test_only_the_first_fifty_exposures_are_shown() -> None:
    exposure = ExposureStatus(effect="Allowed", direction="Inbound", text="TCP 22 from the Internet")
    status = opened_or_updated(IncidentStatus(), Finding((change(1),), (exposure,) * 60), NOW)
    assert len(status.exposure) == 50
    assert validated(status) == status


def test_long_texts_are_cut() -> None:
    action = Action(kind="Blocked", at=NOW, reason="ScopeLocked", message="x" * 1024)
    finding = Finding((change(1),), action=action, reason="y" * 9000, summary="z" * 9000)
    status = opened_or_updated(IncidentStatus(), finding, NOW)
    assert validated(status) == status
