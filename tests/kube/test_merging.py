"""Merging a status with what others wrote: laws over any three versions of an incident."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.incident import Action, Caller, Delivery, IncidentStatus, NSGIncident
from nsg_baseline.kube.merging import merged_incident, merged_status, with_deliveries_only

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROUTES = st.sampled_from(("a/chat", "a/mail", "b/pager"))
DELIVERIES = st.dictionaries(ROUTES, st.integers(1, 3), max_size=3).map(
    lambda revisions: tuple(
        Delivery(route=route, revision=revision, at=NOW) for route, revision in sorted(revisions.items())
    )
)
STATUSES = st.builds(
    IncidentStatus,
    state=st.sampled_from(("Open", "Resolved")),
    revision=st.integers(1, 3),
    summary=st.sampled_from(("one rule", "two rules")),
    deliveries=DELIVERIES,
)


@given(STATUSES, STATUSES)
def test_a_status_that_only_one_side_changed_is_kept_unchanged(base: IncidentStatus, changed: IncidentStatus) -> None:
    # This is the usual end of an outage: nothing may be made up.
    before, after = base.document(), changed.document()
    assert merged_status(NSGIncident, before, after, before) == after
    assert merged_status(NSGIncident, before, before, after) == after
    assert merged_status(NSGIncident, before, after, after) == after


@given(STATUSES, STATUSES, STATUSES)
def test_no_delivery_of_either_side_is_lost(
    base: IncidentStatus, local: IncidentStatus, remote: IncidentStatus
) -> None:
    # A lost delivery is an alert that comes again.
    merged = merged_incident(base, local, remote)
    routes = [entry.route for entry in merged.deliveries]
    assert len(routes) == len(set(routes))
    before = {entry.route: entry for entry in base.deliveries}
    own = {entry.route: entry for entry in local.deliveries if entry != before.get(entry.route)}
    others = {entry.route: entry for entry in remote.deliveries}
    assert {entry.route: entry for entry in merged.deliveries} == {**others, **own}


@given(STATUSES, STATUSES, STATUSES)
def test_two_events_never_share_a_revision(base: IncidentStatus, local: IncidentStatus, remote: IncidentStatus) -> None:
    # A route notifies a revision once: the second event under the same number would be silent.
    merged = merged_incident(base, local, remote)
    if local.revision > base.revision and remote.revision > base.revision:
        assert merged.revision > max(local.revision, remote.revision)


@given(STATUSES, STATUSES)
def test_a_hand_over_changes_deliveries_only(base: IncidentStatus, local: IncidentStatus) -> None:
    # The replica that leads decides what the incident is.
    merged = IncidentStatus.model_validate(with_deliveries_only(base.document(), local.document()))
    assert merged.model_copy(update={"deliveries": base.deliveries}) == base


def test_actions_and_authors_of_others_are_kept() -> None:
    base = IncidentStatus(state="Open", revision=1)
    first, second = (Action(kind="Remediated", at=NOW.replace(minute=minute), reason="Restored") for minute in (1, 2))
    caller = Caller(name="jo", kind="User", at=NOW, operation="write", correlation_id="1")
    local = base.model_copy(update={"actions": (second,), "revision": 2})
    remote = base.model_copy(update={"actions": (first,), "changed_by": (caller,), "attribution": "Found"})
    merged = merged_incident(base, local, remote)
    assert merged.actions == (first, second)
    assert (merged.changed_by, merged.attribution, merged.revision) == ((caller,), "Found", 2)


@pytest.mark.parametrize("remote", [{"revision": -1}, {"state": "Strange"}])
def test_an_invalid_status_of_another_writer_is_not_changed(remote: dict[str, object]) -> None:
    # Somebody edited it by hand. It is the owner's to correct.
    assert merged_status(NSGIncident, {}, {"revision": 2}, remote) == remote


def test_the_status_of_another_kind_has_one_writer() -> None:
    assert merged_status(NSGBaseline, {}, {"changeCount": 2}, {"changeCount": 1}) == {"changeCount": 2}
