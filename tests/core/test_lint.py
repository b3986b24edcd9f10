"""Lint: each kind of finding once, with its field and its fix, and no findings in a correct list of rules."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.lint import Finding, lint
from nsg_baseline.core.traffic.tags import read_tags
from tests.support.nsgs import NSG
from tests.support.rule_shorthand import arm_rule

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TAGS = read_tags(
    {"changeNumber": 7, "values": [{"name": "Storage", "properties": {"addressPrefixes": ["20.38.0.0/16"]}}]}
)


def _lint(*rules: str | dict[str, Any], severity_config: SeverityConfig | None = None) -> tuple[Finding, ...]:
    documents = [arm_rule(rule) if isinstance(rule, str) else rule for rule in rules]
    spec = BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": documents})
    return lint(spec, NOW, severity_config or SeverityConfig())


def _ids_and_fields(findings: tuple[Finding, ...]) -> list[tuple[str, str, str | None]]:
    return [(finding.id, finding.field, finding.rule) for finding in findings]


def test_a_correct_list_has_no_findings() -> None:
    # Findings about correct rules would teach people to ignore all findings.
    assert not _lint(
        "100 https allow tcp Internet -> 10.0.1.0/24:80,443",
        "200 app allow tcp 10.0.1.0/24,10.0.2.0/24 -> 10.0.3.0/24:8080",
        "4000 no deny * * -> *:*",
    )


def test_a_rule_behind_a_wider_rule_with_the_same_access_is_shadowed() -> None:
    findings = _lint("100 wide allow tcp 10.0.0.0/8 -> *:*", "200 narrow allow tcp 10.1.0.0/16 -> *:443")
    assert _ids_and_fields(findings) == [("Shadowed", "spec.rules[1]", "narrow")]
    assert findings[0].message == "unreachable: wide matches first and allows this traffic"
    assert findings[0].fix == "remove it"


def test_a_rule_behind_a_wider_rule_with_the_other_access_is_contradicted() -> None:
    # More serious than a shadowed rule: the author believes that this traffic is denied.
    findings = _lint("100 all allow tcp 10.0.0.0/8 -> *:*", "200 no-db deny tcp 10.1.0.0/16 -> *:5432")
    assert _ids_and_fields(findings) == [("Contradicted", "spec.rules[1]", "no-db")]
    assert findings[0].message == "unreachable: all matches first and allows this traffic"
    assert findings[0].fix == "move it before all, or remove it"


def test_a_rule_before_a_wider_rule_with_the_same_access_is_redundant() -> None:
    findings = _lint("100 narrow allow tcp 10.1.0.0/16 -> *:443", "200 wide allow tcp 10.0.0.0/8 -> *:*")
    assert _ids_and_fields(findings) == [("Redundant", "spec.rules[0]", "narrow")]
    assert findings[0].level == "note"


def test_a_rule_that_exposes_management_ports_is_reported_with_its_reason() -> None:
    findings = _lint("100 ssh allow tcp * -> *:22")
    assert _ids_and_fields(findings) == [("OpenToInternet", "spec.rules[0]", "ssh")]
    assert findings[0].message == "rule ssh opens TCP 22 to the Internet (critical)"
    assert "Bastion" in findings[0].fix


def test_an_allow_rule_behind_a_deny_exposes_nothing() -> None:
    # The rule allows SSH from everywhere, but the list denies it.
    assert "OpenToInternet" not in {
        finding.id for finding in _lint("100 no deny * * -> *:*", "200 ssh allow tcp * -> *:22")
    }


def test_a_public_web_server_is_not_reported() -> None:
    assert not _lint("100 https allow tcp Internet -> *:443")


@pytest.mark.parametrize(("written", "masked"), [("10.1.2.3/16", "10.1.0.0/16"), ("fd00::1/64", "fd00::/64")])
def test_host_bits_are_reported_with_the_masked_prefix(written: str, masked: str) -> None:
    # Azure refuses the write too, but later and with a less helpful message.
    (finding,) = _lint(f"100 a allow tcp {written} -> *:8080")
    assert (finding.id, finding.field) == ("HostBits", "spec.rules[0].sourceAddressPrefix")
    assert finding.fix == f"write {masked}"


def test_overlapping_prefixes_are_reported_at_the_prefix_to_remove() -> None:
    (finding,) = _lint("100 a allow tcp 10.1.0.0/16,192.168.0.0/16,10.0.0.0/8 -> *:8080")
    assert (finding.id, finding.field) == ("OverlappingPrefixes", "spec.rules[0].sourceAddressPrefixes[0]")
    assert finding.message == "10.1.0.0/16 lies within 10.0.0.0/8"


def test_the_narrower_of_two_overlapping_prefixes_is_the_one_to_remove() -> None:
    # Both begin with the same address. Removing the wider one would block traffic.
    (finding,) = _lint("100 a allow tcp 10.3.0.0/24,10.3.0.0/16 -> *:8080")
    assert finding.fix == "leave out 10.3.0.0/24"


def test_overlaps_are_found_in_a_long_list() -> None:
    # Lists may contain 4,000 prefixes, too many to compare each pair.
    prefixes = ",".join(f"10.{high}.{low}.0/24" for high in range(15) for low in range(200))
    assert [finding.id for finding in _lint(f"100 a allow tcp {prefixes},10.3.0.0/16 -> *:8080")] == [
        "OverlappingPrefixes"
    ] * 200


def test_a_tag_missing_from_the_service_tags_file_is_reported() -> None:
    # Azure refuses a mistyped tag, or the rule matches nothing.
    severity_config = SeverityConfig(tags=TAGS)
    finding, _ = _lint("100 a out allow tcp * -> Storrage:443", severity_config=severity_config)
    assert (finding.id, finding.field) == ("UnknownTag", "spec.rules[0].destinationAddressPrefix")
    rules_with_known_tags = ("100 a out allow tcp * -> Storage:443", "110 b allow * VirtualNetwork -> 10.0.0.4:8080")
    assert "UnknownTag" not in {
        finding.id for finding in _lint(*rules_with_known_tags, severity_config=severity_config)
    }
    assert "UnknownTag" not in {finding.id for finding in _lint("100 a out allow tcp * -> Storrage:443")}


@pytest.mark.parametrize("source", ["198.51.100.7", "Storage", "AzureCloud.WestEurope", "2001:db8::/32"])
@pytest.mark.parametrize("port", ["22", "8443"])
def test_an_allow_behind_a_deny_of_the_internet_is_contradicted(source: str, port: str) -> None:
    # A public address is Internet, so the rule opens nothing. The author believes that it does.
    findings = _lint("100 no deny * Internet -> *:*", f"200 late allow tcp {source} -> *:{port}")
    assert [(finding.id, finding.rule) for finding in findings if finding.rule == "late"] == [("Contradicted", "late")]


def test_a_private_allow_behind_a_deny_of_the_internet_is_effective() -> None:
    # Private addresses are never Internet.
    findings = _lint("100 no deny * Internet -> *:*", "200 late allow tcp 10.0.0.0/8 -> *:22")
    assert "late" not in {finding.rule for finding in findings}


def test_a_public_address_behind_an_allow_of_the_internet_is_shadowed() -> None:
    findings = _lint("100 web allow tcp Internet -> *:443", "200 late allow tcp 198.51.100.7 -> *:443")
    assert [(finding.id, finding.rule) for finding in findings] == [("Shadowed", "late")]


def test_many_rules_that_shadow_another_are_counted() -> None:
    # A message with 200 names would be unreadable.
    ports = [f"{100 + n} p{n} deny tcp * -> *:{n * 8192}-{n * 8192 + 8191}" for n in range(8)]
    late_findings = [finding for finding in _lint(*ports, "200 late allow tcp * -> *:*") if finding.rule == "late"]
    assert late_findings[0].message == "unreachable: p0, p1, p2 and 5 more match first and deny this traffic"


def test_management_ports_that_are_open_to_other_tenants_are_reported() -> None:
    # AzureCloud contains the addresses of every Azure customer, and the others are more than a few.
    for source in ("AzureCloud", "AzureCloud.WestEurope", "Storage", "8.8.8.0/24"):
        assert [finding.id for finding in _lint(f"100 ssh allow tcp {source} -> *:22")] == ["OpenToInternet"]


def test_an_active_exception_is_checked_like_a_rule() -> None:
    # It approves traffic as a rule does, and is rarely reviewed before it ends.
    exception = {
        "rule": arm_rule("100 ssh allow tcp Internet -> *:22"),
        "reason": "INC-42",
        "approvedBy": "jo@example.com",
    }
    times = ("2026-02-28T00:00:00Z", "2026-03-02T00:00:00Z")
    spec = BaselineSpec.model_validate(
        {"target": {"resourceId": NSG}, "rules": [], "exceptions": [{**exception, "until": until} for until in times]}
    )
    ended, lasting = lint(spec, NOW)
    assert (ended.id, ended.field, ended.level) == ("EndedException", "spec.exceptions[0].until", "note")
    assert (lasting.id, lasting.field) == ("OpenToInternet", "spec.exceptions[1].rule")
    assert lasting.message == "rule ssh opens TCP 22 to the Internet (critical), until 2026-03-02T00:00:00Z"
