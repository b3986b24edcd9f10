"""The models and the API server refuse an invalid object at its invalid field, and with the same message."""

import pytest

from nsg_baseline.api.crds import KINDS
from nsg_baseline.api.validation import InvalidObject, read
from tests.api.invalid_objects import BAD, FORBIDDEN, Bad, Forbidden
from tests.api.objects import SPECS, good, put
from tests.api.refusals import refusal

MODELS = {kind.__name__: kind for kind in KINDS}


@pytest.mark.parametrize("kind", SPECS)
def test_both_accept_a_valid_object(kind: str) -> None:
    # Each invalid object is a valid one with one change, so this change must be the reason of the refusal.
    assert refusal(kind, good(kind)) == ""
    assert read(MODELS[kind], good(kind)).metadata.name == "web"


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_the_models_name_the_invalid_field(bad: Bad) -> None:
    # lint and InvalidSpec show the messages of the models.
    with pytest.raises(InvalidObject) as raised:
        read(MODELS[bad.kind], bad.document)
    named = [problem for problem in raised.value.problems if problem.field.startswith(bad.field)]
    assert named, raised.value
    assert any(bad.says in problem.message for problem in named), raised.value


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_the_api_names_the_invalid_field(bad: Bad) -> None:
    # kubectl and GitOps tools show the messages of the API server.
    message = refusal(bad.kind, bad.document)
    assert bad.field in message
    assert bad.says in message


@pytest.mark.parametrize("forbidden", FORBIDDEN, ids=str)
def test_the_api_refuses_another_target_for_an_object(forbidden: Forbidden) -> None:
    # An incident or a status about one NSG must not end up under another NSG.
    before = good(forbidden.kind)
    message = refusal(forbidden.kind, put(before, forbidden.place, forbidden.value), before)
    assert forbidden.field in message
    assert "cannot change" in message


def test_the_case_of_a_target_may_change() -> None:
    # Azure returns the same id in different case, and a correction in Git must not require a new baseline.
    before = good("NSGBaseline")
    place = ("spec", "target", "resourceId")
    after = put(before, place, before["spec"]["target"]["resourceId"].upper())
    assert refusal("NSGBaseline", after, before) == ""
