"""Co-owners that users declare: a pattern for the name, and limits for the rest."""

from typing import Any

import pytest

from nsg_baseline.api.baseline import Tolerated
from nsg_baseline.core.rules import normalise
from nsg_baseline.core.tolerations import co_owner_of
from tests.support.nsgs import rule

FITTING = rule("corp-42", priority=500, destinationPortRanges=["443", "8000-8010"], destinationPortRange=None)


def _owner(document: dict[str, Any], **entry: Any) -> str | None:
    return co_owner_of(normalise(document), [Tolerated.model_validate({"name": "corp-*", **entry})])


def test_a_rule_within_all_limits_is_its_owners() -> None:
    # Everything that an entry can say, said at once.
    limits = {
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "tcp",
        "priorities": {"min": 500, "max": 600},
        "destinationPorts": ["443", "8000-8100"],
    }
    assert _owner(FITTING, **limits) == "corp-*"


@pytest.mark.parametrize(
    "limit",
    [
        {"name": "other-*"},
        {"direction": "Outbound"},
        {"access": "Deny"},
        {"protocol": "Udp"},
        {"priorities": {"min": 501, "max": 600}},
        {"priorities": {"min": 100, "max": 499}},
        {"destinationPorts": ["443", "8000-8009"]},
    ],
    ids=str,
)
def test_a_rule_beyond_one_limit_is_nobodys(limit: dict[str, Any]) -> None:
    # Each limit counts by itself, to the last port.
    assert _owner(FITTING, **limit) is None


def test_names_match_without_regard_to_case() -> None:
    # Azure keeps the case that somebody typed, and takes the name for the same.
    assert _owner({**FITTING, "name": "CORP-42"}) == "corp-*"


def test_the_first_entry_that_fits_is_the_owner() -> None:
    # The owner's name is in messages: it must not depend on chance.
    entries = [Tolerated.model_validate({"name": name}) for name in ("x", "corp-4*", "corp-*")]
    assert co_owner_of(normalise(FITTING), entries) == "corp-4*"


def test_a_caller_is_asked_for_where_it_is_declared() -> None:
    # A name alone is easily taken; who wrote it is not.
    entry = [Tolerated.model_validate({"name": "corp-*", "caller": "Terraform-1"})]
    co_owners = [co_owner_of(normalise(FITTING), entry, writer) for writer in (None, "mo@example.com", "terraform-1")]
    assert co_owners == [None, None, "corp-*"]
