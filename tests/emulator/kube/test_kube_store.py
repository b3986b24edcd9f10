"""What the store does by itself: cascades, history, versions. A bare kube-apiserver leaves these to other programs."""

import datetime as dt
import itertools
from typing import Any

import pytest

from nsg_emulator.kube import ApiError, KubeApi
from nsg_emulator.kube.builtin import SECRET
from nsg_emulator.kube.listing import ListQuery, list_page
from nsg_emulator.kube.tables import human_duration, table
from tests.emulator.kube.contract import CRD, GROUP, gadget

GADGET = (f"{GROUP}/v1", "Gadget")
Obj = dict[str, Any]


@pytest.fixture
def api() -> KubeApi:
    made = KubeApi()
    made.create(CRD)
    return made


def names(api: KubeApi, kind: tuple[str, str] = GADGET, namespace: str = "") -> list[str]:
    return [item["metadata"]["name"] for item in api.list(*kind, namespace)]


def owned(name: str, *owners: Obj) -> Obj:
    references = [
        {
            "apiVersion": item["apiVersion"],
            "kind": item["kind"],
            "name": item["metadata"]["name"],
            "uid": item["metadata"]["uid"],
        }
        for item in owners
    ]
    return gadget(name, metadata={"ownerReferences": references})


def namespace(name: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def test_owned_objects_are_deleted_with_their_last_owner(api: KubeApi) -> None:
    first, second = api.create(gadget("first")), api.create(gadget("second"))
    child = api.create(owned("child", first, second))
    api.create(owned("grandchild", child))
    api.delete(*GADGET, "first", "default")
    assert names(api) == ["child", "grandchild", "second"]
    [reference] = api.get(*GADGET, "child", "default")["metadata"]["ownerReferences"]
    assert reference["name"] == "second"
    api.delete(*GADGET, "second", "default")
    assert names(api) == []


def test_an_owned_object_with_a_finalizer_waits(api: KubeApi) -> None:
    owner = api.create(gadget("owner"))
    child = owned("child", owner)
    child["metadata"]["finalizers"] = ["example.com/hold"]
    api.create(child)
    api.delete(*GADGET, "owner", "default")
    assert "deletionTimestamp" in api.get(*GADGET, "child", "default")["metadata"]


def test_an_object_whose_owner_was_removed_before_stays(api: KubeApi) -> None:
    owner = api.create(gadget("owner"))
    api.create(owned("child", owner))
    api.patch(*GADGET, "child", {"metadata": {"ownerReferences": None}}, "default")
    api.delete(*GADGET, "owner", "default")
    assert names(api) == ["child"]


def test_orphaned_objects_stay(api: KubeApi) -> None:
    owner = api.create(gadget("owner"))
    api.create(owned("child", owner))
    api.store.orphan(owner)
    api.delete(*GADGET, "owner", "default")
    assert "ownerReferences" not in api.get(*GADGET, "child", "default")["metadata"]


def test_a_deleted_namespace_deletes_its_content(api: KubeApi) -> None:
    api.create(namespace("team"))
    api.create(gadget("one", metadata={"namespace": "team"}))
    api.create(gadget("kept"))
    api.delete("v1", "Namespace", "team")
    assert names(api) == ["kept"]
    assert "team" not in names(api, ("v1", "Namespace"))


def test_a_terminating_namespace_waits_for_finalizers_and_refuses_new_objects(api: KubeApi) -> None:
    api.create(namespace("team"))
    api.create(gadget("held", metadata={"namespace": "team", "finalizers": ["example.com/hold"]}))
    api.delete("v1", "Namespace", "team")
    assert api.get("v1", "Namespace", "team")["status"]["phase"] == "Terminating"
    with pytest.raises(ApiError, match="because it is being terminated") as caught:
        api.create(gadget("new", metadata={"namespace": "team"}))
    assert caught.value.code == 403
    api.patch(*GADGET, "held", {"metadata": {"finalizers": None}}, "team")
    assert "team" not in names(api, ("v1", "Namespace"))


def test_a_deleted_definition_deletes_its_objects(api: KubeApi) -> None:
    api.create(gadget("one"))
    api.delete(CRD["apiVersion"], CRD["kind"], CRD["metadata"]["name"])
    with pytest.raises(ApiError, match="no matches for kind"):
        api.list(*GADGET)
    api.create(CRD)
    assert names(api) == []


def test_a_definition_can_change(api: KubeApi) -> None:
    api.create(gadget("one"))
    wider = {"schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    versions = [{**CRD["spec"]["versions"][0], **wider}]
    api.patch(CRD["apiVersion"], CRD["kind"], CRD["metadata"]["name"], {"spec": {"versions": versions}})
    api.create(gadget("two", anything={"goes": 1}))
    assert names(api) == ["one", "two"]


def test_versions_of_a_definition_share_their_objects() -> None:
    api = KubeApi()
    old, new = dict(CRD["spec"]["versions"][0]), {**CRD["spec"]["versions"][0], "name": "v2", "storage": False}
    api.create({**CRD, "spec": {**CRD["spec"], "versions": [old, new]}})
    api.create(gadget("one"))
    assert api.get(f"{GROUP}/v2", "Gadget", "one", "default")["apiVersion"] == f"{GROUP}/v2"
    api.create({**gadget("two"), "apiVersion": f"{GROUP}/v2"})
    assert names(api) == ["one", "two"]
    assert api.get(*GADGET, "two", "default")["apiVersion"] == f"{GROUP}/v1"


def test_a_version_that_is_not_served_is_not_found() -> None:
    api = KubeApi()
    stored = CRD["spec"]["versions"][0]
    api.create(
        {
            **CRD,
            "spec": {**CRD["spec"], "versions": [stored, {**stored, "name": "v0", "served": False, "storage": False}]},
        }
    )
    with pytest.raises(ApiError, match="no matches for kind"):
        api.list(f"{GROUP}/v0", "Gadget")


def test_an_object_has_one_controller_at_most(api: KubeApi) -> None:
    child = owned("child", api.create(gadget("a")), api.create(gadget("b")))
    for reference in child["metadata"]["ownerReferences"]:
        reference["controller"] = True
    with pytest.raises(ApiError, match="Only one reference can have Controller set to true"):
        api.create(child)


def test_a_definition_must_be_named_after_what_it_defines() -> None:
    with pytest.raises(ApiError, match=r"must be spec\.names\.plural") as caught:
        KubeApi().create({**CRD, "metadata": {"name": "other"}})
    assert caught.value.code == 422


def test_an_old_page_token_expires_when_history_is_compacted(api: KubeApi) -> None:
    for at in range(3):
        api.create(gadget(f"n{at}"))
    resource = api.store.find_kind(*GADGET)
    page = list_page(resource, ListQuery(lambda _: True, limit=2), api.store.version)
    api.create(gadget("late"))
    api.store.compact()
    with pytest.raises(ApiError, match="continue parameter is too old") as caught:
        list_page(resource, ListQuery(lambda _: True, limit=2, token=page.metadata["continue"]), api.store.version)
    assert (caught.value.code, caught.value.reason) == (410, "Expired")


def test_history_is_limited() -> None:
    api = KubeApi(history=3)
    api.create(CRD)
    for at in range(5):
        api.create(gadget(f"n{at}"))
    history = api.store.find_kind(*GADGET).collection.history
    assert [change.key[1] for change in history.since(history.forgotten)] == ["n2", "n3", "n4"]
    with pytest.raises(ApiError, match="too old resource version"):
        history.since(history.forgotten - 1)


def test_a_list_can_show_any_version_in_the_history(api: KubeApi) -> None:
    moments = {}
    for step in ("a", "b", "c"):
        api.create(gadget(step))
        moments[step] = str(api.store.version)
    api.delete(*GADGET, "a", "default")
    api.patch(*GADGET, "b", {"spec": {"nsg": "later"}}, "default")
    resource = api.store.find_kind(*GADGET)
    for count, step in enumerate(moments, start=1):
        query = ListQuery(lambda _: True, version=moments[step], match="Exact")
        shown = list_page(resource, query, api.store.version).objects
        assert [item["metadata"]["name"] for item in shown] == ["a", "b", "c"][:count]
        assert {item["spec"]["nsg"] for item in shown} == {"a"}


def test_stored_objects_never_change_in_place(api: KubeApi) -> None:
    # Watchers, the history and paged lists share them.
    api.create(gadget("one", {"x": {"p": 1}}))
    collection = api.store.find_kind(*GADGET).collection
    before = collection.objects["default", "one"]
    copy = repr(before)
    api.patch(*GADGET, "one", {"spec": {"x": {"p": 2}}, "metadata": {"labels": {"a": "b"}}}, "default")
    api.patch(*GADGET, "one", {"status": {"z": 1}}, "default", subresource="status")
    api.apply(gadget("one", {"x": {"p": 3}}))
    api.delete(*GADGET, "one", "default")
    assert repr(before) == copy


@pytest.mark.parametrize(
    ("age", "words"),
    [
        ({"seconds": 0}, "0s"),
        ({"seconds": 119}, "119s"),
        ({"seconds": 120}, "2m"),
        ({"seconds": 121}, "2m1s"),
        ({"minutes": 10}, "10m"),
        ({"minutes": 179}, "179m"),
        ({"hours": 3}, "3h"),
        ({"hours": 3, "minutes": 20}, "3h20m"),
        ({"hours": 8, "minutes": 20}, "8h"),
        ({"hours": 47}, "47h"),
        ({"hours": 50}, "2d2h"),
        ({"days": 9}, "9d"),
        ({"days": 800}, "2y70d"),
        ({"days": 3650}, "10y"),
    ],
)
def test_ages_have_the_format_of_kubectl(age: dict[str, int], words: str) -> None:
    # Source: apimachinery pkg/util/duration, HumanDuration and its tests.
    assert human_duration(int(dt.timedelta(**age).total_seconds())) == words


def test_an_age_counts_from_the_creation() -> None:
    made = {"metadata": {"name": "one", "creationTimestamp": "2026-01-01T00:00:00Z"}}
    shown = table(SECRET, [made], {}, "Metadata", dt.datetime(2026, 1, 1, 5, 30, tzinfo=dt.UTC))
    assert shown["rows"][0]["cells"] == ["one", None, 0, "5h30m"]


def test_ages_get_less_precise_but_never_decrease() -> None:
    def read(words: str) -> int:
        units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "y": 365 * 86400}
        total, number = 0, ""
        for letter in words:
            if letter.isdigit():
                number += letter
            else:
                total, number = total + int(number) * units[letter], ""
        return total

    ages = [read(human_duration(seconds)) for seconds in range(0, 10 * 365 * 86400, 86_377)]
    assert all(before <= after for before, after in itertools.pairwise(ages))
