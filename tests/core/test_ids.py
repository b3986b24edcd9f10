"""Resource ids: Azure changes the case of an id between responses, so ids that differ only in case are one NSG."""

import pytest

from nsg_baseline.core.ids import NSGId

TEXT = "/subscriptions/1111/resourceGroups/rg-web/providers/Microsoft.Network/networkSecurityGroups/web"


def test_ids_that_differ_in_case_are_equal_and_keep_their_spelling() -> None:
    # A second listing with another spelling must neither report a deletion nor show a name that nobody uses.
    lower, upper = NSGId.parse(TEXT), NSGId.parse(TEXT.upper())
    assert lower == upper
    assert {lower: "web"}[upper] == "web"
    assert (lower.name, upper.name) == ("web", "WEB")
    assert str(lower) == TEXT


@pytest.mark.parametrize("part", ["1111", "rg-web", "web"])
def test_ids_that_differ_in_a_part_are_different(part: str) -> None:
    assert NSGId.parse(TEXT) != NSGId.parse(TEXT.replace(part, "other"))


@pytest.mark.parametrize("text", ["", "web", TEXT.replace("networkSecurityGroups", "routeTables"), f"{TEXT}/extra"])
def test_another_text_is_not_an_id(text: str) -> None:
    with pytest.raises(ValueError, match="not the resource id of a network security group"):
        NSGId.parse(text)


def test_an_id_is_not_equal_to_its_text() -> None:
    # A text that slipped into a set of ids must show, instead of matching now and then.
    assert NSGId.parse(TEXT) != TEXT
