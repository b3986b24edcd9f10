"""Laws of judgement for any rules: tightening never reads as opening, and knowing more never makes a verdict milder."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.nsg import parse_approved, parse_live
from nsg_baseline.core.rules import normalise
from nsg_baseline.core.severity import rate
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.model import Entry
from nsg_baseline.core.traffic.tags import read_tags
from nsg_baseline.core.verdict import judge
from tests.support.nsgs import NOW, NSG, nsg
from tests.support.traffic_rules import COMMON, Document, rule, rule_list

seeds = st.integers(0, 2**32)
OPENING = ("InternetTo", "ManyTo", "PublicTo")
NARROWER = {
    "*": ("Internet", "VirtualNetwork", "Storage", "198.51.100.7", "10.0.0.0/8", "2603:1000::/24"),
    "internet": ("198.51.100.7", "8.8.8.0/24", "Storage.WestEurope", "GatewayManager", "2603:1000::/24"),
    "storage": ("Storage.WestEurope", "Storage.NorthEurope"),
    "0.0.0.0/0": ("0.0.0.0/1", "10.0.0.0/8", "8.8.8.0/24"),
    "10.0.0.0/8": ("10.1.0.0/16", "10.1.2.3"),
}
# Each tag has addresses of both families, as an unknown tag may.
TAGS = read_tags(
    {
        "changeNumber": 7,
        "values": [
            {"name": name, "properties": {"addressPrefixes": prefixes}}
            for name, prefixes in {
                "AzureCloud": ["20.0.0.0/8", "40.64.0.0/10", "2603:1000::/24"],
                "AzureCloud.WestEurope": ["20.1.0.0/24", "2603:1001::/64"],
                "GatewayManager": ["20.2.0.0/28", "2603:1002::/64"],
                "Storage": ["20.3.0.0/16", "2603:1003::/48"],
                "Storage.WestEurope": ["20.3.0.0/30", "2603:1003::/64"],
                "ApiManagement": ["20.4.0.0/26", "2603:1004::/64"],
            }.items()
        ],
    }
)
_LEVELS = {severity: level for level, severity in enumerate(SEVERITIES)}


def _entries(approved: Sequence[Document], live: Sequence[Document], **options: Any) -> tuple[Entry, ...]:
    return exposure(list(map(normalise, approved)), list(map(normalise, live)), **options).entries


def _opens_nothing(approved: Sequence[Document], live: Sequence[Document]) -> None:
    entries = _entries(approved, live)
    assert [entry for entry in entries if entry.effect == "Allowed" and not entry.conditional] == []
    rating = rate(entries)
    assert not rating.reason.startswith(OPENING)
    assert rating.reason != "ConditionalAllowed" or rating.severity == "medium"


@given(seeds)
def test_removing_an_allow_opens_nothing(seed: int) -> None:
    rng = random.Random(seed)
    rules = rule_list(rng, 6)
    allows = [document for document in rules if document["access"] == "Allow"]
    assume(allows)
    removed = rng.choice(allows)
    _opens_nothing(rules, [document for document in rules if document is not removed])


@given(seeds)
def test_adding_a_deny_opens_nothing(seed: int) -> None:
    rng = random.Random(seed)
    rules = rule_list(rng, 6)
    deny = {**rule(rng, "deny", rng.randrange(50, 400), COMMON), "access": "Deny"}
    _opens_nothing(rules, [deny, *rules])


@given(seeds)
def test_narrowing_a_source_opens_nothing(seed: int) -> None:
    rng = random.Random(seed)
    rules = rule_list(rng, 6)
    before = rng.choice(sorted(NARROWER))
    wide = {**rule(rng, "narrowed", rng.randrange(50, 400)), "access": "Allow", "direction": "Inbound"}
    for key in ("sourceApplicationSecurityGroups", "sourceAddressPrefixes"):
        wide.pop(key, None)
    narrow = {**wide, "sourceAddressPrefix": rng.choice(NARROWER[before])}
    _opens_nothing([{**wide, "sourceAddressPrefix": before}, *rules], [narrow, *rules])


@given(seeds, st.sampled_from(sorted(TAGS.prefixes)), st.sampled_from(("22", "8443", "443", "*", "3000-4000")))
def test_knowing_the_addresses_of_a_tag_does_not_lower_a_severity(seed: int, tag: str, port: str) -> None:
    # Rules that cover the addresses of a tag are left out: there, knowing more can show that nothing changed.
    rng = random.Random(seed)
    pools = {"sourceAddressPrefix": rng.choice(("Internet", "VirtualNetwork", "10.0.0.0/8", tag))}
    base = [
        {**rule(rng, "base", 200), **pools, "sourceAddressPrefixes": [], "sourceApplicationSecurityGroups": []}
        for _ in range(rng.randrange(2))
    ]
    named = {
        "name": "tagged",
        "priority": rng.choice((100, 300)),
        "direction": "Inbound",
        "access": rng.choice(("Allow", "Deny")),
        "protocol": rng.choice(("Tcp", "*")),
        "sourceAddressPrefix": tag,
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": port,
    }
    for approved, live in ((base, [named, *base]), ([named, *base], base)):
        unknown, known = rate(_entries(approved, live)), rate(_entries(approved, live, tags=TAGS))
        assert unknown.severity not in ("critical", "high") or _LEVELS[known.severity] <= _LEVELS[unknown.severity]


@settings(max_examples=60)
@given(seeds)
def test_tolerating_a_rule_never_makes_something_critical_silent(seed: int) -> None:
    rng = random.Random(seed)
    approved = rule_list(rng, 4)
    added = [
        {**rule(rng, f"corp-{number}", 50 + number), "access": "Allow", "direction": "Inbound"}
        for number in range(rng.randrange(1, 4))
    ]
    live = parse_live(nsg([*added, *approved]))
    spec = {"target": {"resourceId": NSG}, "rules": []}
    verdicts = [
        judge(_approved({**spec, "tolerate": tolerate}, approved), live, NOW) for tolerate in ([], [{"name": "corp-*"}])
    ]
    assume(verdicts[0].severity == "critical")
    assert verdicts[1].severity == "critical"
    assert not verdicts[1].compliant


def _approved(spec: dict[str, Any], rules: Sequence[Document]) -> Any:
    approved = parse_approved(BaselineSpec.model_validate(spec))
    # Random rules are not all valid in a baseline; they are approved as they are.
    return replace(approved, rules=tuple(map(normalise, rules)))
