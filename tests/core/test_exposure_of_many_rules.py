"""Exposure that many rules cause together: the reported part is correct, although it is not complete."""

import pytest

from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG, assess_unbaselined
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import LiveNSG
from nsg_baseline.core.rules import normalise
from nsg_baseline.core.severity import rate
from nsg_baseline.core.text.exposure_lines import statuses
from nsg_baseline.core.traffic.exposure import exposure
from tests.support.rule_shorthand import arm_rule

WEB = "100 web allow tcp Internet -> *:443"


def _live(*rules: str) -> LiveNSG:
    live_rules = tuple(normalise(arm_rule(text)) for text in rules)
    return LiveNSG(NSGId("s", "rg", "x"), "", "Succeeded", live_rules, {}, frozenset(), frozenset(), {})


def test_traffic_that_no_rule_allows_is_not_reported() -> None:
    # SSH from eight addresses and HTTPS from the Internet are not SSH from the Internet.
    ssh = [f"{110 + number} ssh{number} allow tcp 8.8.{number}.8 -> *:22" for number in range(8)]
    exposed, rating = assess_unbaselined(_live(WEB, *ssh), DEFAULT_SEVERITY_CONFIG)
    (status,) = statuses(exposed)
    assert status.text == (
        "TCP 22 from 8.8.0.8 to any; TCP 22 from 8.8.1.8 to any; TCP 22 from 8.8.2.8 to any; and 6 more"
    )
    assert (status.live_rule, rating.severity) == ("web, ssh0, ssh1 and 6 more", "medium")


def test_adjacent_networks_are_reported_as_one() -> None:
    # Sixteen adjacent networks are one network. The reader must not look up each of them.
    halves = [f"{110 + number} half{number} allow tcp 10.0.{number}.0/24 -> *:8443" for number in range(16)]
    exposed, _ = assess_unbaselined(_live(*halves), DEFAULT_SEVERITY_CONFIG)
    (status,) = statuses(exposed)
    assert status.text == "TCP 8443 from 10.0.0.0/20 to any"


def test_a_rule_before_many_others_is_reported_alone() -> None:
    # If a rule allows everything before a list of denials, the list would only distract from it.
    before = [normalise(arm_rule(f"{200 + 2 * n} deny{n} deny tcp 8.{n}.0.0/16 -> *:{1000 + n}")) for n in range(30)]
    after = [normalise(arm_rule("100 all allow * * -> *:*")), *before]
    from_here = assess_unbaselined(_live("100 all allow * * -> *:*"), DEFAULT_SEVERITY_CONFIG)[0]
    assert statuses(from_here)
    opened = exposure(before, after)
    assert {entry.live_rule for entry in opened.entries} == {"all"}


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (
            [
                "100 web allow tcp Internet -> *:8443",
                "110 db allow tcp Internet -> *:1433",
                "120 ssh allow tcp * -> *:22",
            ],
            "rule db opens TCP 1433 to the Internet; rule ssh opens TCP 22",
        ),
        (
            ["100 a allow tcp 0.0.0.0/1 -> *:22", "110 b allow tcp 128.0.0.0/1 -> *:22"],
            "rule a opens TCP 22 to the Internet",
        ),
        (
            [f"{100 + n} p{n} allow tcp Internet -> *:{port}" for n, port in enumerate((22, 1433, 3306, 3389, 5432))],
            "rule p0 opens TCP 22 to the Internet; rule p1 opens TCP 1433; 3 more rules open more",
        ),
        (
            [f"{100 + n} h{n} allow tcp 8.{n}.0.0/16 -> *:22" for n in range(256)],
            "rule h0 and 255 more rules open TCP 22 to the Internet",
        ),
    ],
)
def test_each_rule_is_named_with_the_ports_that_it_exposes(rules: list[str], reason: str) -> None:
    # The summary line must not blame a rule for the port of another.
    opened = exposure((), tuple(normalise(arm_rule(text)) for text in rules))
    rating = rate(opened.entries)
    assert (rating.severity, rating.explanation) == ("critical", reason)


def test_an_unbaselined_nsg_is_rated_by_allowed_traffic_only() -> None:
    _, rating = assess_unbaselined(_live("100 deny-rdp deny tcp * -> *:3389"), DEFAULT_SEVERITY_CONFIG)
    assert (rating.severity, rating.reason) == ("low", "NSGCreated")


def test_beyond_the_limit_the_most_serious_exposures_are_listed() -> None:
    # "Not all are listed" above an empty list does not say where to look.
    rules = [
        f"{100 + n} c{n} {'deny' if n % 3 else 'allow'} * {n % 200 + 1}.{n % 7}.0.0/16 -> *:{n * 61}-{n * 61 + 3000}"
        for n in range(900)
    ]
    exposed, rating = assess_unbaselined(_live(*rules), DEFAULT_SEVERITY_CONFIG)
    assert rating.severity in ("critical", "high")
    assert exposed
