"""Two writers of one incident: a reconcile, and the search for the authors of its changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from nsg_baseline.api.changes import ChangeStatus
from nsg_baseline.api.incident import Caller, Delivery, IncidentStatus
from nsg_baseline.kube.merging import merged_incident

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
JO = Caller(name="jo", kind="User", at=NOW, operation="write", correlation_id="1", certain=True)


def change(rule: str, **fields: Any) -> ChangeStatus:
    return ChangeStatus(kind="RuleCreated", rule=rule, severity="high", **{"fingerprint": rule, "since": NOW, **fields})


def status(*changes: ChangeStatus, **fields: Any) -> IncidentStatus:
    return IncidentStatus(state="Open", changes=changes, **fields)


AUTHOR: dict[str, Any] = {"attribution": "Found", "changed_by": ("jo",)}
BASE = status(change("ssh"))
ATTRIBUTED = status(change("ssh", **AUTHOR), attribution="Found", changed_by=(JO,))


def test_an_author_survives_a_reconcile_that_found_another_change() -> None:
    # The author of the other change is still searched.
    merged = merged_incident(BASE, status(change("ssh"), change("rdp")), ATTRIBUTED)
    assert [entry.attribution for entry in merged.changes] == ["Found", None]
    assert (merged.attribution, merged.changed_by) == (None, (JO,))


def test_a_reconcile_survives_an_author() -> None:
    # The search was answered from a status that had one change less.
    merged = merged_incident(BASE, ATTRIBUTED, status(change("ssh"), quiet_since=NOW))
    assert merged.changes[0].changed_by == ("jo",)
    assert merged.attribution == "Found"


def test_a_change_that_appeared_again_does_not_get_the_earlier_author() -> None:
    again = change("ssh", since=NOW + timedelta(minutes=5))
    merged = merged_incident(BASE, status(again), ATTRIBUTED)
    assert (merged.changes, merged.attribution) == ((again,), None)


def test_a_delivery_does_not_bring_changes_back() -> None:
    delivery = Delivery(route="a/b", revision=1, at=NOW)
    delivered = BASE.model_copy(update={"deliveries": (delivery,)})
    merged = merged_incident(BASE, delivered, status(change("rdp")))
    assert ([entry.rule for entry in merged.changes], merged.deliveries) == (["rdp"], (delivery,))
