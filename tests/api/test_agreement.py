"""The models and the API server accept the same objects: an object that one accepts must not fail in the other.

Not compared: metadata and status, which only the API server checks, and a missing apiVersion, which a client adds.
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
"""What only the models refuse: times that Python cannot represent. The user sees InvalidSpec."""


def model_errors(document: dict[str, Any]) -> str:
    """Return what the models refuse in a document; nothing if they take it."""
    try:
        read(MODELS[document["kind"]], document)
    except InvalidObject as error:
        return str(error)
    return ""


def assert_same_verdict(document: dict[str, Any]) -> None:
    """Fail unless both take a document or both refuse it."""
    api, models = refusal(document["kind"], document), model_errors(document)
    assert bool(api) == bool(models), f"the API server: {api or 'fine'}\nthe models: {models or 'fine'}"


@given(objects())
def test_both_accept_a_valid_object(document: dict[str, Any]) -> None:
    # Otherwise the next law would compare only refusals.
    assert refusal(document["kind"], document) == ""
    assert model_errors(document) == ""


@settings(max_examples=max(500, settings().max_examples))
@given(spoilt())
def test_both_accept_or_both_refuse_a_changed_object(document: dict[str, Any]) -> None:
    # If only the server accepts it, its baseline becomes InvalidSpec; if only the models do, lint in the CI is wrong.
    if not any(words in model_errors(document) for words in MODELS_ALONE):
        assert_same_verdict(document)


@pytest.mark.parametrize(("kind", "place", "values"), EDGES, ids=[f"{kind}-{place[-1]}" for kind, place, _ in EDGES])
def test_both_accept_or_both_refuse_edge_cases(kind: str, place: Place, values: tuple[Any, ...]) -> None:
    # Random objects rarely contain them: leap seconds, Kelvin signs, nulls, 100.0.
    for value in values:
        assert_same_verdict(put(good(kind), place, value))


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_only_the_models_refuse_a_time_beyond_the_calendar(time: str) -> None:
    # If the API server learns to refuse these, the exception above must be removed.
    document = put(good("NSGBaseline"), ("spec", "exceptions", 0, "until"), time)
    assert refusal("NSGBaseline", document) == ""
    assert MODELS_ALONE[0] in model_errors(document)
