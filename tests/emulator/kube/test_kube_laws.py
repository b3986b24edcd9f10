"""Laws for any objects: of patches, server-side apply, schemas, paths and tables."""

import datetime as dt
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_emulator.kube import KubeApi
from nsg_emulator.kube.applying import merge as merge_applied
from nsg_emulator.kube.fields import differences, leaves, without
from nsg_emulator.kube.jsonpath import find, first
from nsg_emulator.kube.kinds import Column, Kind
from nsg_emulator.kube.patching import json_patch, merge
from nsg_emulator.kube.schema.checking import check
from nsg_emulator.kube.schema.shaping import shape
from nsg_emulator.kube.shapes import clone
from nsg_emulator.kube.tables import table
from tests.emulator.kube.contract import CRD, GROUP, SCHEMA, gadget

Obj = dict[str, Any]

NAMES = st.text("abc", min_size=1, max_size=2)
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.text("xyz", max_size=3)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)


@st.composite
def specs(draw: st.DrawFn) -> Obj:
    """Specs that the contract's schema accepts."""
    rule = st.fixed_dictionaries({"name": NAMES}, optional={"priority": st.integers(100, 4096), "access": NAMES})
    return draw(
        st.fixed_dictionaries(
            {"nsg": NAMES},
            optional={
                "mode": st.sampled_from(["Alert", "Enforce"]),
                "note": st.none() | NAMES,
                "tags": st.dictionaries(NAMES, NAMES, max_size=3),
                "ids": st.lists(NAMES, unique=True, max_size=4),
                "rules": st.lists(rule, unique_by=lambda item: item["name"], max_size=4),
            },
        )
    )


def has_null(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(has_null(part) for part in parts)


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_applied_twice_changes_nothing_more(old: Obj, patch: Obj) -> None:
    once = merge(old, patch)
    assert merge(once, patch) == once


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_never_changes_its_input(old: Obj, patch: Obj) -> None:
    before = clone([old, patch])
    merge(old, patch)
    assert [old, patch] == before


@given(OBJECTS, OBJECTS)
def test_a_patch_without_nulls_is_contained_in_the_result(old: Obj, patch: Obj) -> None:
    merged = merge(old, patch)
    for path, value in leaves({}, patch):
        if not has_null(value) and value != {}:
            assert dict(leaves({}, merged)).get(path) == value or has_null(patch)


@given(OBJECTS, OBJECTS)
def test_a_json_patch_of_a_difference_reproduces_it(old: Obj, new: Obj) -> None:
    assert json_patch(old, jsonpatch.make_patch(old, new).patch) == new


@given(specs())
def test_a_valid_object_is_returned_unchanged(spec: Obj) -> None:
    # The same instance is returned, which allows unchanged parts to be skipped.
    shaped, unknown = shape(SCHEMA, gadget("one", spec))
    again, _ = shape(SCHEMA, shaped)
    assert again is shaped
    assert unknown == []
    assert check(SCHEMA, {"spec": shaped["spec"]}) == []


@given(OBJECTS)
def test_a_pruned_object_has_no_unknown_fields(spec: Obj) -> None:
    pruned, unknown = shape(SCHEMA, gadget("one", spec))
    assert shape(SCHEMA, pruned)[1] == []
    assert all(path.startswith("spec.") for path in unknown)


@given(OBJECTS)
def test_unchanged_values_of_an_update_are_never_refused(spec: Obj) -> None:
    broken = {"spec": spec}
    assert check(SCHEMA, broken, clone(broken)) == []


@given(specs(), specs())
def test_applying_twice_is_applying_once(first_spec: Obj, spec: Obj) -> None:
    api = KubeApi()
    api.create(CRD)
    api.apply(gadget("one", first_spec))
    once = api.apply(gadget("one", spec))
    assert api.apply(gadget("one", spec)) == once


@given(specs(), specs())
def test_a_field_that_its_only_manager_removes_is_deleted(before: Obj, after: Obj) -> None:
    api = KubeApi()
    api.create(CRD)
    api.apply(gadget("one", before))
    [fresh] = [shape(SCHEMA, gadget("one", after))[0]["spec"]]
    assert emptied(api.apply(gadget("one", after))["spec"]) == emptied(fresh)


def named(item: Any) -> str:
    return str(item["name"] if isinstance(item, dict) else item)


def emptied(spec: Obj) -> Obj:
    """Order in lists and empty containers are not what a manager owns."""
    ordered = {name: sorted(part, key=named) if isinstance(part, list) else part for name, part in spec.items()}
    return {name: part for name, part in ordered.items() if part not in ({}, [])}


@given(specs(), specs())
def test_an_applied_value_is_always_stored(live: Obj, config: Obj) -> None:
    schema = SCHEMA["properties"]["spec"]
    merged = dict(leaves(schema, merge_applied(schema, live, config)))
    assert all(merged[path] == value for path, value in leaves(schema, config) if value not in ({}, []))


@given(specs(), specs())
def test_differences_are_the_paths_in_which_two_objects_differ(old: Obj, new: Obj) -> None:
    schema = SCHEMA["properties"]["spec"]
    changed, removed = differences(schema, old, new)
    before, after = dict(leaves(schema, old)), dict(leaves(schema, new))
    assert {path for path, value in after.items() if path not in before or before[path] != value} <= changed
    assert before.keys() - after.keys() <= removed
    assert differences(schema, old, clone(old)) == (set(), set())


@given(specs())
def test_an_object_without_all_its_paths_is_empty(spec: Obj) -> None:
    schema = SCHEMA["properties"]["spec"]
    assert without(schema, spec, [path for path, _ in leaves(schema, spec)]) is None


@given(OBJECTS)
def test_a_path_of_existing_fields_finds_their_value(obj: Obj) -> None:
    for path, value in leaves({}, obj):
        if path:
            spelled = "".join(f".{step}" if isinstance(step, str) else "" for step in path)
            quoted = "".join(f"['{step}']" for step in path if isinstance(step, str))
            assert first(obj, spelled) == value == first(obj, quoted)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".a", [1]),
        (".b[0].n", ["x"]),
        (".b[-1].n", ["y"]),
        (".b[*].n", ["x", "y"]),
        ('.b[?(@.n=="y")].v', [2]),
        (".b[?(@.n == 'z')].v", []),
        (r".c.k8s\.io/x", [3]),
        (".c['k8s.io/x']", [3]),
        (".missing.deeper", []),
        (".a.deeper", []),
        (".b[7]", []),
    ],
)
def test_paths_of_printer_columns(path: str, expected: list[Any]) -> None:
    assert find({"a": 1, "b": [{"n": "x", "v": 1}, {"n": "y", "v": 2}], "c": {"k8s.io/x": 3}}, path) == expected


def test_an_unsupported_path_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"JSONPath '\.a\[1:2\]' is not supported"):
        find({}, ".a[1:2]")


TYPES = st.sampled_from(["string", "integer", "number", "boolean", "date"])


@given(st.lists(st.tuples(NAMES, TYPES), max_size=4), st.lists(OBJECTS, max_size=4))
def test_every_row_of_a_table_has_a_cell_for_each_column(declared: list[tuple[str, str]], statuses: list[Obj]) -> None:
    columns = tuple(Column(name, f".status.{name}", kind) for name, kind in declared)
    kind = Kind("g", "v1", "things", "Thing", columns=columns, custom=True)
    objects = [{"metadata": {"name": f"n{at}"}, "status": status} for at, status in enumerate(statuses)]
    shown = table(kind, objects, {}, "Metadata", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    types = [item["type"] for item in shown["columnDefinitions"]]
    allowed = {"string": str, "date": str, "integer": int, "number": float, "boolean": bool}
    assert [row["cells"][0] for row in shown["rows"]] == [obj["metadata"]["name"] for obj in objects]
    for row in shown["rows"]:
        assert len(row["cells"]) == len(types)
        assert all(
            cell is None or isinstance(cell, allowed[kind]) for cell, kind in zip(row["cells"], types, strict=True)
        )


def test_apply_needs_the_group_version() -> None:
    api = KubeApi()
    api.create(CRD)
    assert api.apply(gadget("one"))["apiVersion"] == f"{GROUP}/v1"
