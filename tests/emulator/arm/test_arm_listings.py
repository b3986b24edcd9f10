"""Listings in pages: complete, without duplicates, and consistent while NSGs are created and deleted."""

from hypothesis import given, settings
from hypothesis import strategies as st

from nsg_emulator.arm.faults import Fault, OmitFromListing
from tests.emulator.arm.direct import GROUP, NSGS, ORIGIN, SUBSCRIPTION, WEB, Azure, azure, nsg

ALL = f"{SUBSCRIPTION}/providers/Microsoft.Network/networkSecurityGroups"


def fill(target: Azure, count: int, group: str = GROUP) -> list[str]:
    ids = [f"{group}/providers/Microsoft.Network/networkSecurityGroups/n{number}" for number in range(count)]
    for resource_id in ids:
        target.emulator.add_nsg({"id": resource_id, "location": "westeurope"})
    return ids


def walk(target: Azure, path: str) -> list[list[str]]:
    pages = []
    while path:
        answer = target("GET", path)
        assert answer.status == 200
        pages.append([item["id"] for item in answer.body["value"]])
        path = answer.body.get("nextLink", "").removeprefix(ORIGIN).replace("%24", "$")
    return pages


@settings(deadline=None, max_examples=50)  # no time is asserted: other runs share the machine
@given(st.integers(0, 12), st.integers(1, 5))
def test_the_pages_of_a_listing_are_complete(count: int, size: int) -> None:
    target = azure(page_size=size)
    made = fill(target, count)
    pages = walk(target, ALL)
    assert [resource_id for page in pages for resource_id in page] == made
    assert all(len(page) == size for page in pages[:-1])


def test_a_listing_of_a_group_leaves_out_the_others(azure: Azure) -> None:
    fill(azure, 1, f"{SUBSCRIPTION}/resourceGroups/rg-web-2")
    own_ids = fill(azure, 2)
    assert walk(azure, NSGS) == [own_ids]
    assert len(walk(azure, ALL)[0]) == 3


def test_changes_between_pages_do_not_move_other_nsgs() -> None:
    target = azure(page_size=2)
    made = fill(target, 6)
    first = target("GET", ALL)
    target.emulator.store.remove(made[1])
    target.emulator.store.remove(made[0])
    link = first.body["nextLink"].removeprefix(ORIGIN).replace("%24", "$")
    assert walk(target, link) == [made[2:4], made[4:6]]


def test_a_cached_page_is_never_outdated(azure: Azure) -> None:
    azure("PUT", WEB, nsg())
    before = azure("GET", ALL).body
    assert azure("GET", ALL).body == before
    azure("PATCH", WEB, {"tags": {"a": "b"}})
    assert azure("GET", ALL).body["value"][0]["tags"] == {"a": "b"}


def test_an_older_api_version_has_fewer_fields() -> None:
    """Pages of several versions must not be mixed up in what is remembered."""
    target = azure()
    target("PUT", WEB, nsg())
    versions = {
        version: target("GET", ALL, query={"api-version": version}).body for version in ("2016-12-01", "2025-05-01")
    }
    rules = {version: body["value"][0]["properties"]["defaultSecurityRules"][0] for version, body in versions.items()}
    assert "type" not in rules["2016-12-01"]
    assert "sourcePortRanges" not in rules["2016-12-01"]["properties"]
    assert rules["2025-05-01"]["properties"]["sourcePortRanges"] == []


def test_a_forged_token_is_refused(azure: Azure) -> None:
    for token in ("x", "bm9uZQ"):
        assert azure("GET", ALL, query={"$skipToken": token}).code == "InvalidSkipToken"


def test_a_fault_omits_an_existing_nsg_from_a_listing(azure: Azure) -> None:
    """Such listings happen; nothing may be concluded from them alone."""
    made = fill(azure, 3)
    azure.emulator.faults.add(Fault(OmitFromListing(made[1].upper()), count=1))
    assert walk(azure, ALL) == [[made[0], made[2]]]
    assert azure("GET", made[1]).status == 200
    assert walk(azure, ALL) == [made], "the fault was ordered once"
