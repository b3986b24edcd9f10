"""The real az CLI works with the emulator: sign-in, and what a user does to NSGs and rules by hand."""

from collections.abc import Iterator

import pytest

from nsg_emulator.arm import ArmEmulator, Running, serve_in_thread
from nsg_emulator.arm.settings import DEFAULT_SUBSCRIPTION
from tests.emulator.arm.az import Az, AzError

pytestmark = pytest.mark.cluster

GROUP = ("-g", "rg-web")
RULE = ("--nsg-name", "web", "-n", "allow-https")


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    group = {"id": f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg-web", "location": "westeurope"}
    with serve_in_thread(ArmEmulator(state={"resourceGroups": [group]})) as served:
        yield served


@pytest.fixture(scope="module")
def az(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Az:
    return Az(running, tmp_path_factory.mktemp("az"))


@pytest.fixture
def web(az: Az, running: Running) -> Iterator[str]:
    """An NSG that az made in the group's region, as its user would."""
    made = az("network", "nsg", "create", *GROUP, "-n", "web", "--tags", "env=prod")
    yield made["NewNSG"]["id"]
    running.emulator.store.remove(made["NewNSG"]["id"])


def test_a_group_is_created_shown_listed_and_deleted(az: Az, web: str, running: Running) -> None:
    shown = az("network", "nsg", "show", *GROUP, "-n", "web")
    assert (shown["id"], shown["location"], shown["tags"]) == (web, "westeurope", {"env": "prod"})
    assert len(shown["defaultSecurityRules"]) == 6
    assert [nsg["name"] for nsg in az("network", "nsg", "list")] == ["web"]
    assert [nsg["name"] for nsg in az("network", "nsg", "list", *GROUP)] == ["web"]
    az("network", "nsg", "delete", *GROUP, "-n", "web")
    assert az("network", "nsg", "list") == []
    assert not running.emulator.store.nsgs


def test_an_update_of_tags_keeps_the_rules(az: Az, web: str, running: Running) -> None:
    az("network", "nsg", "rule", "create", *GROUP, *RULE, "--priority", "100")
    updated = az("network", "nsg", "update", *GROUP, "-n", "web", "--set", "tags.env=test")
    assert updated["tags"] == {"env": "test"}
    assert [rule["name"] for rule in updated["securityRules"]] == ["allow-https"]


def test_a_rule_is_created_shown_updated_listed_and_deleted(az: Az, web: str) -> None:
    ports = ("--destination-port-ranges", "443", "8443", "--source-address-prefixes", "Internet", "--protocol", "Tcp")
    made = az("network", "nsg", "rule", "create", *GROUP, *RULE, "--priority", "100", "--access", "Allow", *ports)
    assert (made["destinationPortRanges"], made["sourceAddressPrefix"]) == (["443", "8443"], "Internet")
    updated = az("network", "nsg", "rule", "update", *GROUP, *RULE, "--priority", "200", "--access", "Deny")
    assert (updated["priority"], updated["access"], updated["protocol"]) == (200, "Deny", "Tcp")
    assert az("network", "nsg", "rule", "show", *GROUP, *RULE)["etag"] == updated["etag"]
    assert [rule["name"] for rule in az("network", "nsg", "rule", "list", *GROUP, "--nsg-name", "web")] == [
        "allow-https"
    ]
    assert len(az("network", "nsg", "rule", "list", *GROUP, "--nsg-name", "web", "--include-default")) == 7
    az("network", "nsg", "rule", "delete", *GROUP, *RULE)
    assert az("network", "nsg", "rule", "list", *GROUP, "--nsg-name", "web") == []


def test_az_reports_refusals_with_azures_message(az: Az, web: str) -> None:
    with pytest.raises(AzError, match="SecurityRuleInvalidPriority"):
        az("network", "nsg", "rule", "create", *GROUP, *RULE, "--priority", "5000")
    with pytest.raises(AzError, match="ResourceNotFound"):
        az("network", "nsg", "show", *GROUP, "-n", "missing")
    with pytest.raises(AzError, match="ResourceGroupNotFound"):
        az("network", "nsg", "create", "-g", "missing", "-n", "web", "-l", "westeurope")


def test_the_activity_log_records_what_az_did(az: Az, web: str) -> None:
    """az signs in as an application, so there is no caller; the claims tell which."""
    az("network", "nsg", "rule", "create", *GROUP, *RULE, "--priority", "100")
    rows = az("monitor", "activity-log", "list", *GROUP, "--offset", "1h")
    ended = [
        row
        for row in rows
        if row["operationName"]["value"].endswith("securityRules/write") and row["eventName"]["value"] == "EndRequest"
    ]
    assert ended
    assert ended[0]["claims"]["appid"] == "22222222-2222-2222-2222-222222222222"
    assert not ended[0].get("caller")
