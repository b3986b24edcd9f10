"""The store: which version of an object it keeps, and which event each change publishes."""

from typing import Any

import pytest

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.kube.store import Event, NamespaceEvent, Store

KEY = ObjectKey("team-web", "web")


def document(version: int, uid: str = "a", **changes: Any) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "team-web", "uid": uid, "resourceVersion": str(version), "generation": 1}
    return {"metadata": {**metadata, **changes.pop("metadata", {})}, "spec": {}, **changes}


def version_of(store: Store) -> int | None:
    stored = store.find(NSGBaseline, KEY)
    return None if stored is None else stored.version


@pytest.fixture
def store() -> Store:
    return Store([NSGBaseline])


@pytest.fixture
def events(store: Store) -> list[Event | NamespaceEvent]:
    published: list[Event | NamespaceEvent] = []
    store.listen(published.append)
    return published


@pytest.mark.parametrize(("version", "kept"), [(9, 10), (10, 10), (11, 11)])
def test_only_a_newer_version_replaces_an_object(store: Store, version: int, kept: int) -> None:
    # A late watch event must not undo an own write.
    store.put(NSGBaseline, document(10))
    store.put(NSGBaseline, document(version))
    assert version_of(store) == kept


def test_an_equal_version_publishes_no_event(store: Store, events: list[Event | NamespaceEvent]) -> None:
    # A watch repeats each own write. An event for the repeat would wake every loop again.
    store.put(NSGBaseline, document(10))
    store.put(NSGBaseline, document(10))
    assert events == [Event(NSGBaseline, KEY, "Intent")]


def test_an_object_with_another_uid_replaces_the_stored_one(store: Store) -> None:
    # Recreated in a restored cluster, an object may have a lower version than its predecessor.
    store.put(NSGBaseline, document(10))
    store.put(NSGBaseline, document(3, uid="b"))
    assert version_of(store) == 3


@pytest.mark.parametrize(
    ("changes", "change_kind"),
    [
        ({"status": {"changeCount": 1}}, "Status"),
        ({"metadata": {"annotations": {"example.com/note": "x"}}}, "Status"),
        ({"metadata": {"generation": 2}}, "Intent"),
        ({"metadata": {"labels": {"team": "web"}}}, "Intent"),
        ({"metadata": {"annotations": {"nsg-baseline.io/requestedAt": "now"}}}, "Intent"),
        ({"metadata": {"annotations": {"nsg-baseline.io/confirm": "abc"}}}, "Intent"),
        ({"metadata": {"uid": "b"}}, "Intent"),
    ],
)
def test_an_event_says_whether_a_user_or_a_status_write_changed_the_object(
    store: Store, events: list[Event | NamespaceEvent], changes: dict[str, Any], change_kind: str
) -> None:
    # A status write must not start a reconcile: the operator would wake itself endlessly.
    store.put(NSGBaseline, document(10))
    events.clear()
    store.put(NSGBaseline, document(11, **changes))
    assert [event.what for event in events if isinstance(event, Event)] == [change_kind]


def test_a_late_deletion_does_not_remove_the_successor(store: Store, events: list[Event | NamespaceEvent]) -> None:
    # Deleted and recreated with the same name: the deletion of the first may arrive last.
    store.put(NSGBaseline, document(10, uid="b"))
    store.drop(NSGBaseline, KEY, "a")
    assert version_of(store) == 10
    store.drop(NSGBaseline, KEY, "b")
    assert version_of(store) is None
    assert events[1:] == [Event(NSGBaseline, KEY, "Gone")]


@pytest.mark.parametrize(
    ("version", "uids", "stays"),
    [(10, {"a"}, True), (10, set(), False), (11, set(), False), (9, set(), True)],
)
def test_a_list_removes_only_objects_that_are_not_newer_than_it(
    store: Store, version: int, uids: set[str], *, stays: bool
) -> None:
    # An object created during the list is missing from the list, but exists.
    store.put(NSGBaseline, document(10))
    store.keep_only(NSGBaseline, frozenset(uids), version)
    assert (version_of(store) is not None) is stays


def test_a_namespace_event_is_published_for_a_difference_only(
    store: Store, events: list[Event | NamespaceEvent]
) -> None:
    # Each namespace event reassigns every baseline.
    store.put_namespace("team-web", {"team": "web"})
    store.put_namespace("team-web", {"team": "web"})
    store.put_namespace("team-web", {"team": "db"})
    assert store.namespaces == {"team-web": {"team": "db"}}
    store.forget_namespace("team-web")
    store.forget_namespace("team-web")
    assert store.namespaces == {}
    assert events == [NamespaceEvent("team-web")] * 3


def test_managed_fields_are_not_kept(store: Store) -> None:
    # They are half of an object's size, and nothing reads them.
    store.put(NSGBaseline, document(10, metadata={"managedFields": [{"manager": "kubectl"}]}))
    stored = store.find(NSGBaseline, KEY)
    assert stored is not None
    assert "managedFields" not in stored.document()["metadata"]
