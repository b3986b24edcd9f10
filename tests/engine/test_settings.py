"""Settings: safe defaults, and an invalid value is reported with the valid ones."""

import json
from pathlib import Path

import pytest

from nsg_baseline.engine.settings import SettingError, from_environment


def test_the_defaults_are_the_public_cloud_and_all_protections() -> None:
    settings = from_environment({"NSGB_NAMESPACE": "nsgb"})
    assert settings.cloud.endpoint == "https://management.azure.com"
    assert (settings.leader_election, settings.attribution, settings.alert_local_addresses) == (True, True, False)
    assert (settings.log_format, settings.log_level, settings.health_port) == ("json", "info", 8080)
    assert settings.severity_config.tags is None


def test_empty_values_count_as_not_set() -> None:
    # The chart renders empty strings. They do not mean an empty list of ports.
    empty = dict.fromkeys(("NSGB_MANAGEMENT_PORTS", "NSGB_SEVERITY_LEVELS", "NSGB_SERVICE_TAGS", "NSGB_LOG_LEVEL"), "")
    assert from_environment({"NSGB_NAMESPACE": "nsgb", **empty}) == from_environment({"NSGB_NAMESPACE": "nsgb"})


def test_ports_levels_and_tags_reach_the_severity_policy(tmp_path: Path) -> None:
    tags = {"changeNumber": 7, "values": [{"name": "Sql", "properties": {"addressPrefixes": ["20.0.0.0/24"]}}]}
    (tmp_path / "tags.json").write_text(json.dumps(tags))
    severity_config = from_environment(
        {
            "NSGB_NAMESPACE": "nsgb",
            "NSGB_MANAGEMENT_PORTS": "22, 8443",
            "NSGB_SEVERITY_LEVELS": "InternetToWeb=low, PrivateAllowed=info",
            "NSGB_SERVICE_TAGS": str(tmp_path / "tags.json"),
        }
    ).severity_config
    assert [interval.first for interval in severity_config.policy.management] == [22, 8443]
    assert severity_config.policy.severity("InternetToWeb") == "low"
    assert severity_config.tags is not None
    assert severity_config.tags.change_number == 7


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("NSGB_AZURE_CLOUD", "AzureMoon", "AzurePublic, AzureUSGovernment, AzureChina"),
        ("NSGB_AZURE_ENDPOINT", "http://management.example.com", "NSGB_AZURE_ENDPOINT"),
        ("NSGB_HEALTH_PORT", "eighty", "must be a port between 0 and 65535; 0 selects a free port"),
        ("NSGB_CHANNEL_KEY", "too short", "at least 16 characters"),
        ("NSGB_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("NSGB_LOG_FORMAT", "xml", "json, console"),
        ("NSGB_ATTRIBUTION", "maybe", "true, false"),
        ("NSGB_LEADER_ELECTION", "maybe", "true, false"),
        ("NSGB_EVENTS_IDLE", "soon", "must be a duration such as 30s"),
        ("NSGB_EVENTS_IDLE", "0s", "between 1s and 300s"),
        ("NSGB_EVENTS_IDLE", "1h", "between 1s and 300s"),
        ("NSGB_MANAGEMENT_PORTS", "ssh", "neither a port nor a range"),
        ("NSGB_SEVERITY_LEVELS", "InternetToWeb=loud", "critical, high, medium, low, info"),
        ("NSGB_SERVICE_TAGS", "/nowhere/tags.json", "/nowhere/tags.json"),
    ],
)
def test_an_invalid_setting_is_reported_with_the_valid_values(name: str, value: str, expected: str) -> None:
    # The process ends at its start with this line, so it must say how to correct the setting.
    with pytest.raises(SettingError, match=expected) as caught:
        from_environment({"NSGB_NAMESPACE": "nsgb", name: value})
    assert name in str(caught.value)
