"""Which traffic violates a guardrail, which NSGs it applies to, and how a violation reads."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.api.guardrail import GuardrailSpec, NSGGuardrail
from nsg_baseline.api.validation import read
from nsg_baseline.cli.yaml_files import read_documents
from nsg_baseline.core.guardrails import (
    Guardrail,
    NSGFacts,
    applies,
    applying,
    approved_facts,
    approved_violations,
    compiled,
    is_excepted,
    violations,
)
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.rules import normalise
from nsg_baseline.core.text.guardrail_lines import LINES, line, lines, sentence
from nsg_baseline.core.traffic.tags import read_tags
from tests.support.nsgs import NSG
from tests.support.rule_shorthand import arm_rule

NOW = datetime(2026, 11, 25, tzinfo=UTC)
SSH = {"direction": "Inbound", "protocols": ["Tcp"], "source": "Internet", "ports": ["22"]}
GATEWAY = {"direction": "Inbound", "protocols": ["Tcp"], "source": "GatewayManager", "ports": ["65200-65535"]}
PROBES = {"direction": "Inbound", "protocols": ["Tcp"], "source": "AzureLoadBalancer", "ports": ["80"]}
DNS = {"direction": "Outbound", "protocols": ["Udp"], "destination": "AzurePlatformDNS", "ports": ["53"]}
OUT = {"direction": "Outbound", "destination": "Internet"}
ANY = {"direction": "Inbound", "source": "10.0.0.0/8", "ports": ["443"]}


def guardrail(kind: str, *clauses: dict[str, Any], **spec: Any) -> Guardrail:
    return compiled("g", GuardrailSpec.model_validate({kind: list(clauses), **spec}))


def sentences(kind: str, clause: dict[str, Any], *rules: str) -> list[str]:
    listed = [normalise(arm_rule(rule)) for rule in rules]
    return [sentence(violation) for violation in violations([guardrail(kind, clause)], listed)]


CASES: list[tuple[str, str, dict[str, Any], tuple[str, ...], list[str]]] = [
    ("the default rules allow nothing from the Internet", "never", SSH, (), []),
    (
        "the Internet is allowed",
        "never",
        SSH,
        ("100 ssh allow tcp Internet -> *:22",),
        ["rule ssh allows inbound TCP 22 from Internet to any"],
    ),
    (
        "a wider rule allows it too",
        "never",
        SSH,
        ("100 all allow * * -> *:*",),
        ["rule all allows inbound TCP 22 from Internet to any"],
    ),
    ("an earlier rule denies it", "never", SSH, ("100 no deny * Internet -> *:*", "200 ssh allow tcp * -> *:22"), []),
    (
        "the deny comes too late",
        "never",
        SSH,
        ("200 no deny * Internet -> *:*", "100 ssh allow tcp * -> *:22"),
        ["rule ssh allows inbound TCP 22 from Internet to any"],
    ),
    (
        "a single public address",
        "never",
        SSH,
        ("100 ssh allow tcp 203.0.113.7 -> *:22",),
        ["rule ssh allows inbound TCP 22 from 203.0.113.7 to any"],
    ),
    (
        "a service that anybody can rent",
        "never",
        SSH,
        ("100 ssh allow tcp AzureCloud -> *:22",),
        ["rule ssh allows inbound TCP 22 from AzureCloud to any"],
    ),
    ("private addresses", "never", SSH, ("100 ssh allow tcp 10.0.0.0/8 -> *:22",), []),
    ("the virtual network", "never", SSH, ("100 ssh allow tcp VirtualNetwork -> *:22",), []),
    ("another port", "never", SSH, ("100 web allow tcp Internet -> *:443",), []),
    ("another protocol", "never", SSH, ("100 ssh allow udp Internet -> *:22",), []),
    (
        "a part of the destinations",
        "never",
        SSH,
        ("100 ssh allow tcp Internet -> 10.0.0.4:22",),
        ["rule ssh allows inbound TCP 22 from Internet to 10.0.0.4"],
    ),
    (
        "two halves of the Internet",
        "never",
        {**SSH, "sourceSize": "InternetWide"},
        ("100 low allow tcp 0.0.0.0/1 -> *:22", "200 high allow tcp 128.0.0.0/1 -> *:22"),
        [
            "rule low allows inbound TCP 22 from 0.0.0.0/1 in Internet to any",
            "rule high allows inbound TCP 22 from 128.0.0.0/2, 192.0.0.0/3 in Internet to any",
        ],
    ),
    (
        "a small public source is accepted",
        "never",
        {**SSH, "sourceSize": "InternetWide"},
        ("100 ssh allow tcp 203.0.113.0/24 -> *:22",),
        [],
    ),
    (
        "only the wide ports count",
        "never",
        {**SSH, "ports": ["22", "3389"], "sourceSize": "InternetWide"},
        ("100 ssh allow tcp Internet -> *:22", "200 rdp allow tcp 203.0.113.0/24 -> *:3389"),
        ["rule ssh allows inbound TCP 22 from Internet to any"],
    ),
    (
        "outbound to the Internet is a default",
        "never",
        OUT,
        (),
        ["rule AllowInternetOutBound allows outbound all traffic from any to Internet"],
    ),
    ("outbound is denied", "never", OUT, ("100 no out deny * * -> Internet:*",), []),
    (
        "required traffic is denied by default",
        "always",
        GATEWAY,
        (),
        ["rule DenyAllInBound blocks inbound TCP 65200-65535 from GatewayManager to any"],
    ),
    ("required traffic is allowed", "always", GATEWAY, ("100 gw allow tcp GatewayManager -> *:65200-65535",), []),
    ("the Internet contains the service", "always", GATEWAY, ("100 gw allow tcp Internet -> *:60000-65535",), []),
    ("within the virtual network suffices", "always", GATEWAY, ("100 gw allow * * -> VirtualNetwork:*",), []),
    (
        "a part of the ports is missing",
        "always",
        GATEWAY,
        ("100 gw allow tcp GatewayManager -> *:65200-65500",),
        ["rule DenyAllInBound blocks inbound TCP 65501-65535 from GatewayManager to any"],
    ),
    (
        "an earlier deny hides it",
        "always",
        GATEWAY,
        ("100 no deny * Internet -> *:*", "200 gw allow tcp GatewayManager -> *:65200-65535"),
        ["rule no blocks inbound TCP 65200-65535 from GatewayManager to any"],
    ),
    ("probes are allowed by default", "always", PROBES, (), []),
    (
        "a deny of VirtualNetwork blocks probes",
        "always",
        PROBES,
        ("100 no deny * VirtualNetwork -> *:*",),
        ["rule no blocks inbound TCP 80 from AzureLoadBalancer to any"],
    ),
    ("ordinary rules do not block DNS", "always", DNS, ("100 no out deny * * -> *:*",), []),
    (
        "a rule with the tag blocks DNS",
        "always",
        DNS,
        ("100 no out deny * * -> AzurePlatformDNS:*",),
        ["rule no blocks outbound UDP 53 from any to AzurePlatformDNS"],
    ),
    ("private addresses are the virtual network", "always", ANY, (), []),
    (
        "a public prefix is not",
        "always",
        {**ANY, "source": "8.8.8.0/24"},
        (),
        ["rule DenyAllInBound blocks inbound TCP and UDP 443 from 8.8.8.0/24 to any"],
    ),
    (
        "platform traffic is allowed by the platform",
        "never",
        DNS,
        (),
        ["the platform allows outbound UDP 53 from any to AzurePlatformDNS"],
    ),
]


@pytest.mark.parametrize(("why", "kind", "clause", "rules", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_clause_is_violated_by_exactly_this_traffic(
    why: str, kind: str, clause: dict[str, Any], rules: tuple[str, ...], expected: list[str]
) -> None:
    # A guardrail that misses traffic is a false promise, and one that reports too much is switched off.
    assert sentences(kind, clause, *rules) == expected


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(["0.0.0.0/1", "128.0.0.0/1", "8.0.0.0/8", "9.9.9.9", "Internet"]), max_size=4))
def test_what_violates_internet_wide_violates_any(sources: list[str]) -> None:
    # The size only narrows a clause.
    rules = [f"{100 + place} r{place} allow tcp {source} -> *:22" for place, source in enumerate(sources)]
    wide = sentences("never", {**SSH, "sourceSize": "InternetWide"}, *rules)
    assert set(wide) <= set(sentences("never", SSH, *rules))


def test_a_service_tags_file_makes_an_address_list_certain() -> None:
    # Without the file, a denied prefix may be a part of the service.
    rules = [
        normalise(arm_rule("100 no deny * 203.0.113.0/24 -> *:*")),
        normalise(arm_rule("200 gw allow * GatewayManager -> *:*")),
    ]
    properties = {"addressPrefixes": ["20.0.0.0/24"]}
    table = read_tags({"changeNumber": 1, "values": [{"name": "GatewayManager", "properties": properties}]})
    always = guardrail("always", GATEWAY)
    assert [line(violation) for violation in violations([always], rules)] == [
        "guardrail g (always[0]): rule no blocks inbound TCP 65200-65535 from 203.0.113.0/24 in GatewayManager to any"
    ]
    assert violations([always], rules, table) == ()


@pytest.mark.parametrize(
    ("match", "exclude", "expected"),
    [
        ({}, {}, True),
        ({"scopes": ["production"]}, {}, True),
        ({"scopes": ["test"]}, {}, False),
        ({"resourceGroups": ["RG-*"]}, {}, True),
        ({"resourceGroups": ["other"]}, {}, False),
        ({"names": ["w?b"]}, {}, True),
        ({"names": ["db"]}, {}, False),
        ({"tags": {"ENV": "prod"}}, {}, True),
        ({"tags": {"env": "PROD"}}, {}, False),
        ({"tags": {"env": "prod", "tier": "1"}}, {}, False),
        ({"tags": {"owner": "web"}}, {}, True),
        ({}, {"names": ["WEB"]}, False),
        ({}, {"resourceGroups": ["rg-db", "rg-web"]}, False),
        ({}, {"scopes": ["production"]}, False),
        ({"names": ["web"]}, {"names": ["db"]}, True),
    ],
)
def test_a_guardrail_applies_to_these_nsgs(match: dict[str, Any], exclude: dict[str, Any], *, expected: bool) -> None:
    # Azure ignores the case of names and of tag keys, and not that of tag values.
    facts = NSGFacts(NSGId.parse(NSG), "production", {"env": "prod"}, {"Owner": "web"})
    spec = GuardrailSpec.model_validate({"never": [SSH], "match": match, "exclude": exclude})
    assert applies(spec, facts) == expected


def test_removing_a_tag_in_azure_does_not_lift_a_guardrail_of_a_baseline() -> None:
    # An attacker with rights on the NSG would remove the tag first.
    spec = GuardrailSpec.model_validate({"never": [SSH], "match": {"tags": {"env": "prod"}}})
    assert applies(spec, NSGFacts(NSGId.parse(NSG), "production", {}, {"env": "prod"}))
    assert not applies(spec, NSGFacts(NSGId.parse(NSG), "production", {}, {}))


def test_what_is_not_known_does_not_lift_a_guardrail() -> None:
    # In a pipeline neither the scope nor all tags are known.
    spec = GuardrailSpec.model_validate({"never": [SSH], "match": {"tags": {"env": "prod"}, "scopes": ["production"]}})
    baseline = {"target": {"resourceId": NSG}, "rules": []}
    assert applies(spec, approved_facts(BaselineSpec.model_validate(baseline)))
    assert not applies(spec, approved_facts(BaselineSpec.model_validate({**baseline, "tags": {"env": "dev"}})))


def test_an_exception_ends() -> None:
    # An exception without an end is a hole that nobody remembers.
    exception = {"resourceId": NSG.upper(), "until": "2026-12-01T00:00:00Z", "reason": "x", "approvedBy": "y"}
    excepted = guardrail("never", SSH, exceptions=[exception])
    until = datetime(2026, 12, 1, tzinfo=UTC)
    nsg_id = NSGId.parse(NSG)
    assert is_excepted(excepted.spec, nsg_id, until - timedelta(seconds=1))
    assert not is_excepted(excepted.spec, nsg_id, until)
    assert not is_excepted(excepted.spec, NSGId.parse(NSG + "2"), NOW)
    assert applying([excepted], NSGFacts(nsg_id), NOW) == ()
    assert applying([excepted], NSGFacts(nsg_id), until) == (excepted,)


def test_an_exception_of_a_baseline_is_checked_too() -> None:
    # Otherwise a team could approve what a guardrail forbids for an hour, again and again.
    rule = arm_rule("100 ssh allow tcp Internet -> *:22")
    exception = {"rule": rule, "until": "2026-12-01T00:00:00Z", "reason": "x", "approvedBy": "y"}
    spec = BaselineSpec.model_validate(
        {"target": {"resourceId": NSG}, "rules": [{**rule, "access": "Deny"}], "exceptions": [exception]}
    )
    forbidden = [guardrail("never", SSH)]
    assert [violation.clause for violation in approved_violations(forbidden, spec, NOW)] == ["never[0]"]
    assert approved_violations(forbidden, spec, NOW + timedelta(days=30)) == ()


def test_a_permanent_violation_is_reported_once() -> None:
    # It exists with and without the exception.
    rules = [arm_rule("100 ssh allow tcp Internet -> *:22")]
    exception = {
        "rule": arm_rule("200 web allow tcp Internet -> *:80"),
        "until": "2026-12-01T00:00:00Z",
        "reason": "x",
        "approvedBy": "y",
    }
    spec = BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": rules, "exceptions": [exception]})
    assert len(approved_violations([guardrail("never", SSH)], spec, NOW)) == 1


def test_many_violations_are_cut_to_a_few_lines() -> None:
    # A message must not grow with the number of rules.
    rules = [normalise(arm_rule(f"{100 + port} p{port} allow tcp 203.0.113.{port} -> *:22")) for port in range(9)]
    text = lines(violations([guardrail("never", SSH)], rules))
    assert len(text) == LINES
    assert text[-1] == "and 5 more violations"


def test_an_unknown_access_violates_both_kinds() -> None:
    # Azure may add an access whose effect is not known here.
    unknown = normalise({**arm_rule("100 new allow tcp Internet -> *:22"), "access": "Audit"})
    for kind in ("never", "always"):
        first, *_ = violations([guardrail(kind, SSH)], [unknown])
        assert first.rule == unknown


EXAMPLES = Path(__file__).parents[2] / "examples" / "guardrails"


def example(name: str) -> Guardrail:
    for file in sorted(EXAMPLES.glob("*.yaml")):
        for document in read_documents(str(file), file.read_text()):
            if document.value["metadata"]["name"] == name:
                return compiled(name, read(NSGGuardrail, document.value).spec)
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("name", "fulfilling", "violating"),
    [
        ("no-management-ports", ["100 web allow tcp Internet -> *:443"], ["100 rdp allow * Internet -> *:3389"]),
        ("no-any-any", ["100 web allow tcp * -> *:80,443"], ["100 any allow * * -> *:*"]),
        (
            "application-gateway",
            ["100 gw allow tcp GatewayManager -> *:65200-65535"],
            ["100 web allow tcp Internet -> *:443"],
        ),
        ("load-balancer-probes", [], ["100 no deny * * -> *:*"]),
        (
            "api-management",
            ["100 apim allow tcp ApiManagement -> VirtualNetwork:3443"],
            ["100 apim allow tcp ApiManagement -> VirtualNetwork:3443", "200 no out deny * * -> Internet:*"],
        ),
        ("azure-dns", ["100 no out deny * * -> *:*"], ["100 no out deny udp * -> AzurePlatformDNS:53"]),
    ],
)
def test_an_example_accepts_and_refuses_what_it_says(name: str, fulfilling: list[str], violating: list[str]) -> None:
    # People copy an example without a second check.
    checked = [example(name)]
    assert violations(checked, [normalise(arm_rule(rule)) for rule in fulfilling]) == ()
    assert violations(checked, [normalise(arm_rule(rule)) for rule in violating]) != ()
