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


def test_a_preset_is_named_as_the_co_owner() -> None:
    # A name that a preset does not accept has no co-owner, whatever the entry after it says about its limits.
    entries = [Tolerated.model_validate({"preset": "AKS"}), Tolerated.model_validate({"name": "corp-*"})]
    assert co_owner_of(normalise(FITTING), entries) == "corp-*"
    deny = rule(
        "k8s-azure-lb_deny-all_IPv4",
        priority=4095,
        access="Deny",
        protocol="*",
        sourceAddressPrefix="*",
        destinationAddressPrefix="20.8.0.7",
        destinationPortRange="*",
    )
    assert co_owner_of(normalise(deny), entries) == "AKS"
    assert co_owner_of(normalise({**deny, "priority": 100}), entries) is None


@pytest.mark.parametrize(
    ("ports", "tolerated"),
    [
        ({"destinationPortRange": "443"}, True),
        ({"destinationPortRanges": ["443", "8000-8010"]}, True),
        ({"destinationPortRange": "8000-8011"}, False),
        ({"destinationPortRange": "*"}, False),
        ({"destinationPortRanges": ["443", "odd"]}, False),
    ],
)
def test_every_port_of_the_rule_is_among_those_of_the_toleration(ports: dict[str, Any], *, tolerated: bool) -> None:
    # A text that is not a port may mean any port to Azure.
    document = {**FITTING, "destinationPortRanges": [], **ports}
    assert (_co_owner(document, destinationPorts=["8000-8005", "443", "8006-8010"]) is not None) is tolerated


def test_the_protocol_of_a_toleration_may_be_any() -> None:
    assert _co_owner({**FITTING, "protocol": "*"}, protocol="*") == "corp-*"
    assert _co_owner(FITTING, protocol="*") is None, "it means rules for all protocols, and this is for one"
    assert _co_owner({**FITTING, "protocol": "Icmp"}, protocol="ICMP") == "corp-*"


@pytest.mark.parametrize(("priority", "tolerated"), [(499, False), (500, True), (600, True), (601, False)])
def test_both_ends_of_the_priorities_belong_to_them(priority: int, *, tolerated: bool) -> None:
    limits = {"priorities": {"min": 500, "max": 600}}
    assert (_co_owner({**FITTING, "priority": priority}, **limits) is not None) is tolerated
