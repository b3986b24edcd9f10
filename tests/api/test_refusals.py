"""A bad object is refused at the field that is bad, by the models as by the API server, and both say the same."""

import pytest

from nsg_baseline.api.crds import KINDS
from nsg_baseline.api.validation import InvalidObject, read
from tests.api.bad_objects import BAD, FORBIDDEN, Bad, Forbidden
from tests.api.objects import SPECS, good, put
from tests.api.refusals import refusal

MODELS = {kind.__name__: kind for kind in KINDS}


@pytest.mark.parametrize("kind", SPECS)
def test_good_object_is_taken_by_both(kind: str) -> None:
    # each bad object is a good one with one thing spoilt: that one thing must be why it is refused
    assert refusal(kind, good(kind)) == ""
    assert read(MODELS[kind], good(kind)).metadata.name == "web"


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_models_name_the_bad_field(bad: Bad) -> None:
    # lint and InvalidSpec tell users what the models say
    with pytest.raises(InvalidObject) as raised:
        read(MODELS[bad.kind], bad.document)
    named = [problem for problem in raised.value.problems if problem.field.startswith(bad.field)]
    assert named, raised.value
    assert any(bad.says in problem.message for problem in named), raised.value


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_api_names_the_bad_field(bad: Bad) -> None:
    # kubectl and Git operators tell users what the API server says
    said = refusal(bad.kind, bad.document)
    assert bad.field in said
    assert bad.says in said


@pytest.mark.parametrize("forbidden", FORBIDDEN, ids=str)
def test_api_refuses_to_move_an_object_to_another_target(forbidden: Forbidden) -> None:
    # an incident or a status about one NSG must not end up under another NSG
    before = good(forbidden.kind)
    said = refusal(forbidden.kind, put(before, forbidden.place, forbidden.value), before)
    assert forbidden.field in said
    assert "cannot change" in said


def test_target_may_change_its_case() -> None:
    # Azure spells one id with changing case, and a correction in Git must not require a new baseline
    before = good("NSGBaseline")
    place = ("spec", "target", "resourceId")
    after = put(before, place, before["spec"]["target"]["resourceId"].upper())
    assert refusal("NSGBaseline", after, before) == ""
