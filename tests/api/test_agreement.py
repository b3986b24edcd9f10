"""The models and the API server take the same objects: what one lets in, the other must not choke on.

Not compared: metadata and status, which only the API server judges, and a missing apiVersion, which a client adds.
"""

from typing import Any

import pytest
from hypothesis import given, settings

from nsg_baseline.api.crds import KINDS
from nsg_baseline.api.validation import InvalidObject, read
from tests.api.objects import Place, good, put
from tests.api.refusals import refusal
from tests.support.api_edges import EDGES
from tests.support.api_invalid import spoilt
from tests.support.api_objects import objects

MODELS = {kind.__name__: kind for kind in KINDS}
MODELS_ALONE = ("must be within the years 1 to 9999",)
"""What the models refuse and the API server takes: times that no clock here can hold. To the user, InvalidSpec."""


def models_say(document: dict[str, Any]) -> str:
    """Return what the models refuse in a document; nothing if they take it."""
    try:
        read(MODELS[document["kind"]], document)
    except InvalidObject as error:
        return str(error)
    return ""


def agree(document: dict[str, Any]) -> None:
    """Fail unless both take a document or both refuse it."""
    api, models = refusal(document["kind"], document), models_say(document)
    assert bool(api) == bool(models), f"the API server: {api or 'fine'}\nthe models: {models or 'fine'}"


@given(objects())
def test_both_take_a_good_object(document: dict[str, Any]) -> None:
    # Else the next law would compare refusals alone.
    assert refusal(document["kind"], document) == ""
    assert models_say(document) == ""


@settings(max_examples=max(500, settings().max_examples))
@given(spoilt())
def test_both_take_or_both_refuse_a_spoilt_object(document: dict[str, Any]) -> None:
    # Taken by the server alone, it stops its owner's watch as InvalidSpec; by the models alone, lint lies in the CI.
    if not any(words in models_say(document) for words in MODELS_ALONE):
        agree(document)


@pytest.mark.parametrize(("kind", "place", "values"), EDGES, ids=[f"{kind}-{place[-1]}" for kind, place, _ in EDGES])
def test_both_take_or_both_refuse_what_is_on_the_edge(kind: str, place: Place, values: tuple[Any, ...]) -> None:
    # Chance seldom comes here: leap seconds, Kelvin signs, nulls, 100.0.
    for value in values:
        agree(put(good(kind), place, value))


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_models_alone_refuse_a_time_beyond_the_calendar(time: str) -> None:
    # If the API server learns to refuse these, the exception above must go.
    document = put(good("NSGBaseline"), ("spec", "exceptions", 0, "until"), time)
    assert refusal("NSGBaseline", document) == ""
    assert MODELS_ALONE[0] in models_say(document)
