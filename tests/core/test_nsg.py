"""How an NSG is read: an unreadable part is never taken for an absent one."""

from typing import Any

import pytest

from nsg_baseline.core.changes import detect, fingerprint
from nsg_baseline.core.classification import Classification
from nsg_baseline.core.nsg import UnreadableNSGError, parse_approved, parse_live
from tests.support.decisions import baseline
from tests.support.nsgs import NSG, nsg, rule

NOT_A_RULE = "properties.securityRules holds something that is not a rule"
MISSING = "properties.securityRules is missing"


def changed(**parts: Any) -> dict[str, Any]:
    return {**nsg([rule("web")]), **parts}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (changed(properties=None), MISSING),
        (changed(properties={}), MISSING),
        (changed(properties={"securityRules": None}), MISSING),
        (changed(properties={"securityRules": ["web"]}), NOT_A_RULE),
        (changed(properties={"securityRules": [{"name": "web"}]}), NOT_A_RULE),
        (changed(tags=["web"]), "tags is not an object"),
        (nsg([rule("web"), rule("WEB")]), "properties.securityRules holds more than one rule named web"),
    ],
)
def test_a_document_that_is_not_an_nsg_is_refused(document: dict[str, Any], message: str) -> None:
    # Without its rules an NSG would be drift that a write restores, and with two rules of a name it would miss one.
    with pytest.raises(UnreadableNSGError) as caught:
        parse_live(document)
    assert str(caught.value) == message


def test_an_nsg_without_an_id_is_refused_with_the_reason() -> None:
    with pytest.raises(UnreadableNSGError, match=r"web"):
        parse_live(changed(id="web"))


def test_the_etag_and_the_state_are_those_of_azure() -> None:
    # A write depends on the etag, and an NSG that is being updated is not written.
    document = changed(etag='W/"7"')
    document["properties"] = {**document["properties"], "provisioningState": "Updating"}
    live = parse_live(document)
    assert (live.etag, live.provisioning_state) == ('W/"7"', "Updating")
    del document["etag"], document["properties"]["provisioningState"]
    live = parse_live(document)
    assert (live.etag, live.provisioning_state, live.tags) == ("", "", {})


def test_two_readings_of_one_state_are_equal() -> None:
    # Azure's document also has what is not compared.
    assert parse_live(changed(location="westeurope")) == parse_live(changed(location="eastus"))
    assert "westeurope" not in repr(parse_live(changed(location="westeurope")))


def test_fingerprints_stay_the_same_over_versions() -> None:
    # Incidents store them: other ones would notify everybody of every open change again after an upgrade.
    assert fingerprint("RuleCreated", {"b": 1, "a": frozenset({2})}) == "a0220458819a39381a491fe0"
    approved = parse_approved(baseline().spec)
    (change,) = detect(approved, None, Classification((), frozenset(), ()))
    assert (change.kind, change.fingerprint) == ("NSGDeleted", fingerprint("NSGDeleted", NSG.lower()))
