"""Lint: each kind of finding once, at its field, with its way out; and nothing in a list that is in order."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.lint import Finding, lint
from nsg_baseline.core.traffic.tags import read_tags
from tests.support.nsgs import NSG
from tests.support.rule_shorthand import terse

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TAGS = read_tags(
    {"changeNumber": 7, "values": [{"name": "Storage", "properties": {"addressPrefixes": ["20.38.0.0/16"]}}]}
)


def _found(*rules: str | dict[str, Any], severity_config: SeverityConfig | None = None) -> tuple[Finding, ...]:
    documents = [terse(rule) if isinstance(rule, str) else rule for rule in rules]
    spec = BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": documents})
    return lint(spec, NOW, severity_config or SeverityConfig())


def _told(findings: tuple[Finding, ...]) -> list[tuple[str, str, str | None]]:
    return [(finding.id, finding.field, finding.rule) for finding in findings]


def test_a_list_in_order_has_no_findings() -> None:
    # Advice on what is fine teaches people to read no advice.
    assert not _found(
        "100 https allow tcp Internet -> 10.0.1.0/24:80,443",
        "200 app allow tcp 10.0.1.0/24,10.0.2.0/24 -> 10.0.3.0/24:8080",
        "4000 no deny * * -> *:*",
    )


def test_a_rule_behind_one_that_decides_alike_is_shadowed() -> None:
    findings = _found("100 wide allow tcp 10.0.0.0/8 -> *:*", "200 narrow allow tcp 10.1.0.0/16 -> *:443")
    assert _told(findings) == [("Shadowed", "spec.rules[1]", "narrow")]
    assert findings[0].message == "unreachable: wide matches first and allows this traffic"
    assert findings[0].fix == "remove it"


def test_a_rule_behind_one_that_decides_otherwise_is_contradicted() -> None:
    # The worse of the two: somebody believes that this traffic is denied.
    findings = _found("100 all allow tcp 10.0.0.0/8 -> *:*", "200 no-db deny tcp 10.1.0.0/16 -> *:5432")
    assert _told(findings) == [("Contradicted", "spec.rules[1]", "no-db")]
    assert findings[0].message == "unreachable: all matches first and allows this traffic"
    assert findings[0].fix == "move it before all, or remove it"


def test_a_rule_before_one_that_would_decide_alike_is_redundant() -> None:
    findings = _found("100 narrow allow tcp 10.1.0.0/16 -> *:443", "200 wide allow tcp 10.0.0.0/8 -> *:*")
    assert _told(findings) == [("Redundant", "spec.rules[0]", "narrow")]
    assert findings[0].level == "note"


def test_a_rule_that_opens_management_to_the_internet_is_told_with_its_reason() -> None:
    findings = _found("100 ssh allow tcp * -> *:22")
    assert _told(findings) == [("OpenToInternet", "spec.rules[0]", "ssh")]
    assert findings[0].message == "critical: ssh opens TCP 22 to the Internet"
    assert "Bastion" in findings[0].fix


def test_an_open_rule_behind_a_deny_is_not_open() -> None:
    # The text says SSH from anywhere; the list denies it.
    assert "OpenToInternet" not in {
        finding.id for finding in _found("100 no deny * * -> *:*", "200 ssh allow tcp * -> *:22")
    }


def test_a_web_server_is_not_told() -> None:
    assert not _found("100 https allow tcp Internet -> *:443")


@pytest.mark.parametrize(("written", "masked"), [("10.1.2.3/16", "10.1.0.0/16"), ("fd00::1/64", "fd00::/64")])
def test_host_bits_are_told_with_the_prefix_that_is_meant(written: str, masked: str) -> None:
    # Azure refuses it at the write: too late, and with less to go by.
    (finding,) = _found(f"100 a allow tcp {written} -> *:8080")
    assert (finding.id, finding.field) == ("HostBits", "spec.rules[0].sourceAddressPrefix")
    assert finding.fix == f"write {masked}"


def test_prefixes_of_one_list_that_overlap_are_told_at_the_one_to_leave_out() -> None:
    (finding,) = _found("100 a allow tcp 10.1.0.0/16,192.168.0.0/16,10.0.0.0/8 -> *:8080")
    assert (finding.id, finding.field) == ("OverlappingPrefixes", "spec.rules[0].sourceAddressPrefixes[0]")
    assert finding.message == "10.1.0.0/16 lies within 10.0.0.0/8"


def test_the_narrower_of_two_overlapping_prefixes_is_the_one_to_leave_out() -> None:
    # They begin alike; leaving out the wide one would cut traffic off.
    (finding,) = _found("100 a allow tcp 10.3.0.0/24,10.3.0.0/16 -> *:8080")
    assert finding.fix == "leave out 10.3.0.0/24"


def test_overlaps_are_found_however_long_the_list() -> None:
    # Not by comparing each with each: lists of 4,000 prefixes are allowed.
    prefixes = ",".join(f"10.{high}.{low}.0/24" for high in range(15) for low in range(200))
    assert [finding.id for finding in _found(f"100 a allow tcp {prefixes},10.3.0.0/16 -> *:8080")] == [
        "OverlappingPrefixes"
    ] * 200


def test_a_tag_that_the_service_tags_file_does_not_know_is_told() -> None:
    # A mistyped tag is a rule that matches nothing, or Azure's refusal.
    severity_config = SeverityConfig(tags=TAGS)
    (finding,) = _found("100 a out allow tcp * -> Storrage:443", severity_config=severity_config)
    assert (finding.id, finding.field) == ("UnknownTag", "spec.rules[0].destinationAddressPrefix")
    rules_with_known_tags = ("100 a out allow tcp * -> Storage:443", "110 b allow * VirtualNetwork -> 10.0.0.4:8080")
    assert "UnknownTag" not in {
        finding.id for finding in _found(*rules_with_known_tags, severity_config=severity_config)
    }
    assert "UnknownTag" not in {finding.id for finding in _found("100 a out allow tcp * -> Storrage:443")}


def test_many_rules_that_hide_one_are_counted() -> None:
    # A message of 200 names is none.
    ports = [f"{100 + n} p{n} deny tcp * -> *:{n * 8192}-{n * 8192 + 8191}" for n in range(8)]
    late_findings = [finding for finding in _found(*ports, "200 late allow tcp * -> *:*") if finding.rule == "late"]
    assert late_findings[0].message == "unreachable: p0, p1, p2 and 5 more match first and deny this traffic"


def test_management_ports_that_other_tenants_reach_are_found() -> None:
    # AzureCloud is every customer of Azure, and 8.8.8.8 is somebody.
    for source in ("AzureCloud", "8.8.8.8"):
        assert [finding.id for finding in _found(f"100 ssh allow tcp {source} -> *:22")] == ["OpenToInternet"]


def test_an_exception_is_looked_at_as_long_as_it_lasts() -> None:
    # It approves as a rule does, and nobody reads it again before it ends.
    exception = {
        "rule": terse("100 ssh allow tcp Internet -> *:22"),
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
    assert lasting.message.startswith("until 2026-03-02T00:00:00Z, critical: ssh opens TCP 22")
