"""The output of nsgb probe."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nsg_baseline.cli.main import nsgb
from tests.support.baselines import write_baseline
from tests.support.nsgs import nsg
from tests.support.rule_shorthand import arm_rule

RULES = (
    "100 no-ssh deny tcp Internet -> *:22",
    "110 jump allow tcp 10.9.0.4 -> *:22",
    "200 web allow tcp Internet -> 10.0.1.0/24:443",
)


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(nsgb, ["probe", *arguments], input=text)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return write_baseline(tmp_path / "web.yaml", *RULES)


def test_the_deciding_rule_and_earlier_rules_are_shown(file: str) -> None:
    # Users ask which rule decides, and why an earlier rule does not.
    result = run(file, "--source", "Internet", "--destination", "10.0.1.4", "--port", "443")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Inbound TCP 443 from Internet to 10.0.1.4:",
        "  allowed by web (200)",
        "earlier rules that do not match:",
        "  no-ssh (100): different destination port",
        "  jump (110): different source",
    ]


def test_a_default_rule_decides_if_no_custom_rule_matches(file: str) -> None:
    output = run(file, "--source", "203.0.113.7", "--destination", "10.0.2.4", "--port", "443").stdout
    assert "denied by DenyAllInBound (65500)" in output


def test_a_result_that_depends_on_a_tag_is_split(file: str) -> None:
    # Whether an address is in a virtual network is unknown, so both results are shown.
    output = run(file, "--source", "10.5.0.4", "--destination", "10.0.1.4", "--port", "8080").stdout
    assert "allowed by AllowVnetInBound (65000) for" in output
    assert "denied by DenyAllInBound (65500) for " in output
    assert "depends on the unknown addresses of: source VirtualNetwork, destination VirtualNetwork" in output


def test_json_has_access_and_outcomes(file: str) -> None:
    document = json.loads(run(file, "--source", "Internet", "--port", "22", "-o", "json").stdout)
    assert document["access"] == "Deny"
    assert [(outcome["rule"], outcome["priority"]) for outcome in document["outcomes"]] == [("no-ssh", 100)]


def test_live_rules_are_read_from_standard_input() -> None:
    live = json.dumps(nsg(map(arm_rule, RULES)))
    result = run("-", "--source", "Internet", "--port", "22", text=live)
    assert "denied by no-ssh (100)" in result.stdout


def test_one_of_several_nsgs_must_be_selected() -> None:
    web = nsg(map(arm_rule, RULES))
    db = {**web, "name": "db", "id": web["id"].replace("/web", "/db")}
    result = run("-", "--port", "22", text=json.dumps([web, db]))
    assert (result.exit_code, result.stderr) == (
        1,
        "nsgb: -: contains 2 matching NSGs; select one with --nsg: db, web\n",
    )
    assert run("-", "--port", "22", "--nsg", "DB", text=json.dumps([web, db])).exit_code == 0


def test_mixed_address_families_are_an_error(file: str) -> None:
    result = run(file, "--source", "10.0.0.1", "--destination", "fd00::1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "both be IPv6" in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--source", "10.0.0.0/33", "10.0.0.0/33"),
        ("--port", "70000", "65535"),
        ("--protocol", "SCTP", "'tcp', 'udp', 'icmp'"),
    ],
)
def test_an_invalid_value_is_rejected_with_the_valid_ones(file: str, option: str, value: str, expected: str) -> None:
    result = run(file, option, value)
    assert result.exit_code != 0
    assert expected in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--source", "203.0.113.7", "--port", "3389"), "usually denied by DenyAllInBound (65500)"),
        (("--source", "10.0.0.9", "--port", "3389"), "usually allowed by AllowVnetInBound (65000)"),
        (
            ("--direction", "outbound", "--source", "10.0.0.4", "--destination", "8.8.8.8", "--port", "443"),
            "usually allowed by AllowInternetOutBound (65001)",
        ),
    ],
)
def test_the_usual_result_is_shown_first(file: str, arguments: tuple[str, ...], expected: str) -> None:
    # A public address is rarely part of a virtual network, so the usual result is more helpful than both.
    assert expected in run(file, *arguments).stdout.splitlines()[1]
    access = "Deny" if "denied" in expected else "Allow"
    assert json.loads(run(file, *arguments, "-o", "json").stdout)["likelyAccess"] == access


def test_a_perhaps_misspelled_service_tag_is_reported(file: str, tmp_path: Path) -> None:
    # "Interent" has the form of a tag. Its result would differ from that of Internet without a word.
    result = run(file, "--source", "Interent", "--port", "22")
    assert result.exit_code == 0
    assert "--source: no rule names 'interent'" in result.stderr
    tags = tmp_path / "tags.json"
    storage = {"name": "Storage", "properties": {"addressPrefixes": ["20.150.0.0/17"]}}
    tags.write_text(json.dumps({"changeNumber": 1, "values": [storage]}))
    result = run(file, "--source", "Interent", "--port", "22", "--service-tags", str(tags))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "'interent' is not in the service tags file" in result.stderr
    for tag in ("storage", "Internet", "AzureLoadBalancer", "AzurePlatformDNS"):
        assert run(file, "--source", tag, "--port", "22", "--service-tags", str(tags)).stderr == ""
