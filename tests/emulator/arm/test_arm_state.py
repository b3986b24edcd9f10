"""State as JSON: a saved state loads unchanged, and the entry that cannot be read is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsg_emulator.arm import ArmEmulator
from nsg_emulator.arm.state import StateError, load_file, save_file
from tests.emulator.arm import recordings
from tests.emulator.arm.direct import GROUP, NSGS, SUBSCRIPTION, WEB, azure, nsg, rule

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,10}[A-Za-z0-9]", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=10)
tags = st.none() | st.dictionaries(texts, texts, max_size=3)
json_values = st.recursive(
    st.booleans() | st.integers(-9, 9) | texts, lambda inner: st.lists(inner, max_size=3), max_leaves=5
)
unknown = st.dictionaries(names.map(lambda name: f"x{name}"), json_values, max_size=3)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """An NSG as ARM shows it, with things that the emulator knows nothing of."""
    rule_names = draw(st.lists(names, max_size=4, unique_by=str.lower))
    custom = [
        {"name": name, "properties": {**rule(priority=at), **draw(unknown)}} for at, name in enumerate(rule_names, 100)
    ]
    document = {
        "id": f"{NSGS}/{draw(names)}",
        "location": "westeurope",
        "properties": {"securityRules": custom, **draw(unknown)},
    }
    chosen_tags = draw(tags)
    return {**document, **draw(unknown), **({} if chosen_tags is None else {"tags": chosen_tags})}


def loaded(state: Any) -> ArmEmulator:
    return ArmEmulator(subscription="", state=state)


@settings(deadline=None, max_examples=50)  # no time is asserted: other runs share the machine
@given(st.lists(documents(), max_size=4, unique_by=lambda item: item["id"].lower()))
def test_a_dumped_state_loads_unchanged(state: list[dict[str, Any]]) -> None:
    once = loaded(state).dump()
    assert loaded(once).dump() == once
    assert [item["id"] for item in once["nsgs"]] == [item["id"] for item in state]


@settings(deadline=None, max_examples=50)  # no time is asserted: other runs share the machine
@given(documents())
def test_a_put_of_a_read_nsg_changes_only_the_etag(document: dict[str, Any]) -> None:
    """The law that a remediation depends on: unknown properties survive a read and a write."""
    target = azure()
    target.emulator.add_nsg({**document, "id": WEB})
    before = target("GET", WEB).body
    answer = target("PUT", WEB, before)
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (200, "Succeeded")
    after = target("GET", WEB).body
    assert without_etags(after) == without_etags({key: value for key, value in before.items() if key in after})


def without_etags(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_etags(item) for key, item in value.items() if key != "etag"}
    return [without_etags(item) for item in value] if isinstance(value, list) else value


def test_every_recorded_listing_is_returned_as_it_was_loaded() -> None:
    for pair in recordings.load():
        if pair.status == 200 and pair.path.endswith("/networkSecurityGroups") and pair.number != 576:
            shown = loaded(pair.answer).dump()["nsgs"]
            for was, now in zip(pair.answer["value"], shown, strict=True):
                assert (now["etag"], now["id"], now.get("tags")) == (was["etag"], was["id"], was.get("tags"))


def test_a_file_is_a_list_of_nsgs_or_a_saved_state(tmp_path: Path) -> None:
    target = azure()
    target("PUT", WEB, nsg(rule(), tags={"a": "b"}))
    target("GET", WEB)
    save_file(target.emulator.store, tmp_path / "saved.json")
    again = ArmEmulator(subscription="")
    load_file(again.store, tmp_path / "saved.json")
    assert again.dump() == target.emulator.dump()
    (tmp_path / "list.json").write_text(json.dumps([target("GET", WEB).body]))
    listed = ArmEmulator(subscription="")
    load_file(listed.store, tmp_path / "list.json")
    assert [group.id for group in listed.store.groups.values()] == [GROUP], (
        "groups and subscriptions are made as needed"
    )


def test_an_nsg_without_etag_and_guid_gets_them() -> None:
    shown = loaded([{"id": WEB}]).dump()["nsgs"][0]
    assert shown["etag"].startswith('W/"')
    assert len(shown["properties"]["resourceGuid"]) == 36
    assert shown["properties"]["provisioningState"] == "Succeeded"


def test_an_nsg_that_is_replaced_keeps_its_guid() -> None:
    # Only an NSG that is deleted and created again has another one.
    target = azure()
    before = target("PUT", WEB, nsg()).body["properties"]["resourceGuid"]
    assert target.emulator.add_nsg({"id": WEB}).resource_guid == before


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("text", "list of network security groups"),
        ([{}], "nsgs: every entry needs a non-empty 'id'"),
        ([{"id": SUBSCRIPTION}], "not the id of a network security group"),
        (
            [{"id": WEB, "properties": {"securityRules": [{"properties": {}}]}}],
            "securityRules: every entry needs a non-empty 'name'",
        ),
        ({"resourceGroups": [{"id": WEB}]}, "is not the id of a resource group"),
        ({"subscriptions": [{"id": "x"}]}, "subscriptions: every entry needs a non-empty 'subscriptionId'"),
    ],
)
def test_an_invalid_state_is_refused_with_its_entry(state: Any, message: str) -> None:
    with pytest.raises(StateError, match=message):
        loaded(state)


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(StateError, match=r"bad\.json: not JSON"):
        load_file(ArmEmulator().store, tmp_path / "bad.json")
