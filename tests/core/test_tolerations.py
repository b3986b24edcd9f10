"""Tolerations: a pattern for the name of a co-owner's rule, and limits for its fields."""

from typing import Any

import pytest

from nsg_baseline.api.baseline import Tolerated
from nsg_baseline.core.rules import normalise
from nsg_baseline.core.tolerations import co_owner_of
from tests.support.nsgs import rule

FITTING = rule("corp-42", priority=500, destinationPortRanges=["443", "8000-8010"], destinationPortRange=None)


def _co_owner(document: dict[str, Any], **entry: Any) -> str | None:
    return co_owner_of(normalise(document), [Tolerated.model_validate({"name": "corp-*", **entry})])


def test_a_rule_within_all_limits_is_tolerated() -> None:
    # The toleration sets every limit that the API has.
    limits = {
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "tcp",
        "priorities": {"min": 500, "max": 600},
        "destinationPorts": ["443", "8000-8100"],
    }
    assert _co_owner(FITTING, **limits) == "corp-*"


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
def test_a_rule_beyond_one_limit_is_not_tolerated(limit: dict[str, Any]) -> None:
    # Each limit is checked separately and is exact, to the last port.
    assert _co_owner(FITTING, **limit) is None


def test_names_match_without_regard_to_case() -> None:
    # Azure keeps the case of a name, and compares names without case.
    assert _co_owner({**FITTING, "name": "CORP-42"}) == "corp-*"


def test_the_first_matching_toleration_names_the_co_owner() -> None:
    # The co-owner is named in messages, so it must not depend on chance.
    entries = [Tolerated.model_validate({"name": name}) for name in ("x", "corp-4*", "corp-*")]
    assert co_owner_of(normalise(FITTING), entries) == "corp-4*"


def test_a_declared_caller_must_match() -> None:
    # Anyone can reuse a name, but nobody can change who wrote the rule.
    entry = [Tolerated.model_validate({"name": "corp-*", "caller": "Terraform-1"})]
    co_owners = [co_owner_of(normalise(FITTING), entry, writer) for writer in (None, "mo@example.com", "terraform-1")]
    assert co_owners == [None, None, "corp-*"]
