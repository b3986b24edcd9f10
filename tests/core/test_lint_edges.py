"""Lint: the catalogue of findings, their exact texts and places, and the edges of what is reported."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.lint import KINDS, LEVELS, Finding, lint
from nsg_baseline.core.traffic.tags import read_tags
from tests.support.golden import compare
from tests.support.nsgs import NSG
from tests.support.rule_shorthand import arm_rule

HERE = Path(__file__).parent
DOCUMENTATION = HERE.parents[1] / "docs/judgement.md"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
TAGS = read_tags(
    {"changeNumber": 7, "values": [{"name": "Storage", "properties": {"addressPrefixes": ["20.38.0.0/16"]}}]}
)


def _lint(*rules: str, severity_config: SeverityConfig | None = None) -> tuple[Finding, ...]:
    spec = BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": [arm_rule(rule) for rule in rules]})
    return lint(spec, NOW, severity_config or SeverityConfig())


def test_the_description_of_each_kind_matches_the_golden_file() -> None:
    # Code scanning shows it beside each result, and filters by level. The first level is the most severe.
    described = [f"{kind}: {level}: {description}" for kind, (level, description) in KINDS.items()]
    compare(HERE / "golden/lint_kinds.txt", "\n".join([" > ".join(LEVELS), *described, ""]))


def test_the_documentation_has_the_level_of_each_kind() -> None:
    text = DOCUMENTATION.read_text().partition("## Lint findings")[2]
    rows = [row.split("|")[1:3] for row in text.splitlines() if row.startswith("| `")]
    documented = {kind.strip(" `"): level.strip() for kinds, level in rows for kind in kinds.split(",")}
    assert documented == {kind: level for kind, (level, _) in KINDS.items()}


HOST_BITS = "10.1.2.3/16 has host bits", "write 10.1.0.0/16"


@pytest.mark.parametrize(
    ("rules", "field", "message", "fix"),
    [
        (["100 a allow tcp 10.1.2.3/16 -> *:8080"], "spec.rules[0].sourceAddressPrefix", *HOST_BITS),
        (
            ["100 a allow tcp 10.0.0.0/16 -> *:8080", "101 b allow tcp 10.2.0.0/16 -> 10.3.0.0/16,10.1.2.3/16:80"],
            "spec.rules[1].destinationAddressPrefixes[1]",
            *HOST_BITS,
        ),
        (
            ["100 a allow tcp 10.1.0.0/17,10.1.0.0/16 -> *:8080"],
            "spec.rules[0].sourceAddressPrefixes[0]",
            "10.1.0.0/17 lies within 10.1.0.0/16",
            "leave out 10.1.0.0/17",
        ),
        (
            ["100 a allow tcp 10.0.0.4 -> 10.0.0.1,10.0.0.0/24,10.2.0.0/24:80"],
            "spec.rules[0].destinationAddressPrefixes[0]",
            "10.0.0.1 lies within 10.0.0.0/24",
            "leave out 10.0.0.1",
        ),
        (
            ["100 a allow tcp 10.0.0.0/24,10.0.0.0/24 -> *:8080"],
            "spec.rules[0].sourceAddressPrefixes[1]",
            "10.0.0.0/24 lies within 10.0.0.0/24",
            "leave out 10.0.0.0/24",
        ),
    ],
)
def test_what_azure_refuses_in_a_list_has_its_place_and_a_fix(
    rules: list[str], field: str, message: str, fix: str
) -> None:
    # The place leads the author to the value, and the fix can be typed as it is.
    (finding,) = _lint(*rules)
    assert (finding.field, finding.message, finding.fix) == (field, message, fix)
    assert finding.rule == ("a" if len(rules) == 1 else "b")
    assert finding.level == "warning"


@pytest.mark.parametrize(
    "prefixes",
    [
        "10.0.0.0/24,10.0.1.0/24",
        "10.0.1.0/24,10.0.0.0/24",
        "10.0.0.0,10.0.0.1",
        # 10.0.0.0 and ::a00:0 are one number in two families.
        "10.0.0.0/24,::a00:0/120",
        "10.0.0.0/24,Sql",
    ],
)
def test_prefixes_that_only_touch_do_not_overlap(prefixes: str) -> None:
    assert _lint(f"100 a allow tcp {prefixes} -> 10.9.0.0/24:8080") == ()


def test_a_wide_prefix_overlaps_all_later_ones() -> None:
    # The prefix before the last one may be the narrow one.
    findings = _lint("100 a allow tcp 10.0.0.0/8,10.1.0.0/16,10.2.0.0/16 -> *:8080")
    assert [finding.message for finding in findings] == [
        "10.1.0.0/16 lies within 10.0.0.0/8",
        "10.2.0.0/16 lies within 10.0.0.0/8",
    ]


@pytest.mark.parametrize(
    "word",
    [*("*", "Internet", "VirtualNetwork", "AzureLoadBalancer", "AzurePlatformDNS"), *("10.0.0.0/8", "storage")],
)
def test_words_that_are_in_no_service_tags_file_are_not_unknown(word: str) -> None:
    findings = _lint(f"100 a out deny udp * -> {word}:443", severity_config=SeverityConfig(tags=TAGS))
    assert "UnknownTag" not in {finding.id for finding in findings}


def test_an_unknown_tag_is_named_on_either_side() -> None:
    findings = _lint("100 a allow udp Sq1 -> *:443", severity_config=SeverityConfig(tags=TAGS))
    assert findings == (
        Finding(
            "UnknownTag",
            "spec.rules[0].sourceAddressPrefix",
            "Sq1 is not in the service tags file",
            "look for a typing mistake",
            "a",
        ),
    )


def test_addresses_of_a_tag_are_taken_from_the_service_tags_file() -> None:
    # Without the file nobody knows that the prefix holds the tag.
    rules = "100 a out allow udp * -> 20.38.0.0/16:443", "200 b out deny udp * -> Storage:443"
    assert "Contradicted" in {finding.id for finding in _lint(*rules, severity_config=SeverityConfig(tags=TAGS))}
    assert "Contradicted" not in {finding.id for finding in _lint(*rules)}


def test_a_finding_may_be_about_no_rule() -> None:
    # JSON has null then; an empty name would look like one.
    assert Finding("DuplicateTarget", "spec.target", "", "").rule is None


def test_an_opening_names_severity_traffic_and_a_way_around_it() -> None:
    (finding,) = _lint("100 web allow tcp 10.0.0.4 -> *:80", "110 rdp allow tcp Internet -> *:3389")
    fix = "name the addresses that need it, or reach it through Bastion, a VPN or just-in-time access"
    message = "rule rdp opens TCP 3389 to the Internet (critical)"
    assert finding == Finding("OpenToInternet", "spec.rules[1]", message, fix, "rdp")


def test_outbound_rules_open_nothing_to_the_internet() -> None:
    assert "OpenToInternet" not in {finding.id for finding in _lint("100 out out allow tcp * -> Internet:22")}


def test_redundant_and_unreachable_rules_name_the_others() -> None:
    narrow = "100 a allow tcp 10.0.0.0/24 -> *:80"
    (redundant,) = _lint(narrow, "200 b allow tcp 10.0.0.0/8 -> *:80")
    fix = "remove it, unless it documents an intent"
    message = "redundant: without it, b decides this traffic alike"
    assert redundant == Finding("Redundant", "spec.rules[0]", message, fix, "a")
    (several,) = _lint(
        "100 a allow tcp 10.0.0.0/24 -> *:80-81",
        "200 b allow tcp 10.0.0.0/8 -> *:80",
        "210 c allow tcp 10.0.0.0/8 -> *:81",
    )
    assert several.message == "redundant: without it, b and c decide this traffic alike"


def test_a_rule_behind_several_names_those_that_decide_differently() -> None:
    # Those that decide it alike are not the surprise.
    allow, deny = "100 a allow tcp 10.0.0.0/24 -> *:80", "110 b deny tcp 10.0.0.0/24 -> *:81"
    (mixed,) = [
        finding for finding in _lint(allow, deny, "200 c allow tcp 10.0.0.0/24 -> *:80-81") if finding.rule == "c"
    ]
    message = "unreachable: b matches first and denies this traffic"
    assert mixed == Finding("Contradicted", "spec.rules[2]", message, "move it before b, or remove it", "c")
    both = _lint(allow, "110 b allow tcp 10.0.0.0/24 -> *:81", "200 c allow tcp 10.0.0.0/24 -> *:80-81")
    (shadowed,) = [finding for finding in both if finding.rule == "c"]
    assert shadowed.message == "unreachable: a and b match first and allow this traffic"
    assert (shadowed.id, shadowed.fix) == ("Shadowed", "remove it")


def test_three_names_are_listed_and_a_fourth_is_counted() -> None:
    for count, names in ((3, "p0, p1 and p2"), (4, "p0, p1, p2 and 1 more")):
        size = 60000 // count
        rules = [f"{100 + n} p{n} deny tcp * -> *:{n * size + 1}-{n * size + size}" for n in range(count)]
        late = [finding for finding in _lint(*rules, "200 late deny tcp * -> *:1-60000") if finding.rule == "late"]
        assert late[0].message == f"unreachable: {names} match first and deny this traffic"


def _with_exception(rule: str, until: str, *rules: str) -> tuple[Finding, ...]:
    exception = {"rule": arm_rule(rule), "until": until, "reason": "INC-42", "approvedBy": "jo@example.com"}
    spec = {"target": {"resourceId": NSG}, "rules": [arm_rule(text) for text in rules], "exceptions": [exception]}
    return lint(BaselineSpec.model_validate(spec), NOW)


def test_an_exception_ends_at_its_time() -> None:
    ssh = "100 ssh allow tcp Internet -> *:22"
    (ended,) = _with_exception(ssh, "2026-03-01T00:00:00Z")
    message = "the exception for ssh ended at 2026-03-01T00:00:00Z"
    assert ended == Finding("EndedException", "spec.exceptions[0].until", message, "remove it", "ssh")
    (running,) = _with_exception(ssh, "2026-03-01T00:00:01Z")
    assert (running.id, running.rule) == ("OpenToInternet", "ssh")


def test_an_exception_replaces_the_rule_of_its_name_and_answers_for_itself_alone() -> None:
    # The rule that it replaces opens nothing while it runs; the openings of other rules have their own findings.
    until, deny = "2026-03-02T00:00:00Z", "100 SSH deny tcp Internet -> *:22"
    findings = _with_exception("100 ssh allow tcp Internet -> *:22", until, deny)
    assert [finding.field for finding in findings if finding.id == "OpenToInternet"] == ["spec.exceptions[0].rule"]
    rdp = "200 rdp allow tcp Internet -> *:3389"
    findings = _with_exception("100 web allow tcp Internet -> *:443", until, rdp)
    assert [finding.field for finding in findings] == ["spec.rules[0]"]
