"""The operator's settings, from environment variables. Custom resources cannot change them."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nsg_baseline.api.durations import parse
from nsg_baseline.azure.clouds import CLOUDS, Cloud, custom_cloud
from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG, SeverityConfig
from nsg_baseline.core.severity_policy import SeverityPolicy, severity_policy_of
from nsg_baseline.core.traffic.tags import TagTable, read_tags
from nsg_baseline.kube.admission import WebhookSettings

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
MIN_KEY_BYTES = 16
SHORTEST_IDLE_SECONDS, LONGEST_IDLE_SECONDS = 1.0, 300.0
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("json", "console")


class SettingError(ValueError):
    """A setting is invalid; the message names the variable and the valid values."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one operator process."""

    cloud: Cloud
    namespace: str
    health_port: int = 8080
    log_level: str = "info"
    log_format: Literal["json", "console"] = "json"
    severity_config: SeverityConfig = DEFAULT_SEVERITY_CONFIG
    alert_local_addresses: bool = False
    alert_private_networks: bool = False
    channel_key: bytes = field(default=b"", repr=False)
    attribution: bool = True
    events_idle_seconds: float = 2.0
    leader_election: bool = True
    webhook: WebhookSettings | None = None


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from `NSGB_*` variables.

    Raises:
        SettingError: a setting is invalid.
    """
    return Settings(
        cloud=_cloud(environment),
        namespace=environment.get("NSGB_NAMESPACE") or _own_namespace(),
        health_port=_port("NSGB_HEALTH_PORT", environment.get("NSGB_HEALTH_PORT") or "8080"),
        log_level=_one_of("NSGB_LOG_LEVEL", (environment.get("NSGB_LOG_LEVEL") or "info").lower(), LOG_LEVELS),
        log_format="console" if _format(environment) == "console" else "json",
        alert_local_addresses=_switch("NSGB_ALERT_LOCAL_ADDRESSES", environment, "false"),
        alert_private_networks=_switch("NSGB_ALERT_PRIVATE_NETWORKS", environment, "false"),
        channel_key=_channel_key(environment.get("NSGB_CHANNEL_KEY") or ""),
        leader_election=_switch("NSGB_LEADER_ELECTION", environment, "true"),
        webhook=_webhook(environment),
        attribution=_switch("NSGB_ATTRIBUTION", environment, "true"),
        events_idle_seconds=_idle_seconds(environment.get("NSGB_EVENTS_IDLE") or "2s"),
        severity_config=SeverityConfig(_weights(environment), _tags(environment.get("NSGB_SERVICE_TAGS") or None)),
    )


def _channel_key(text: str) -> bytes:
    if text and len(text.encode()) < MIN_KEY_BYTES:
        # The value is a secret: the message does not contain it.
        raise SettingError(f"NSGB_CHANNEL_KEY: must have at least {MIN_KEY_BYTES} characters")
    return text.encode()


def _cloud(environment: Mapping[str, str]) -> Cloud:
    name = _one_of("NSGB_AZURE_CLOUD", environment.get("NSGB_AZURE_CLOUD") or "AzurePublic", tuple(CLOUDS))
    endpoint, authority = environment.get("NSGB_AZURE_ENDPOINT"), environment.get("NSGB_AZURE_AUTHORITY")
    try:
        return (
            custom_cloud(CLOUDS[name], endpoint or None, authority or None) if endpoint or authority else CLOUDS[name]
        )
    except ValueError as error:
        raise SettingError(f"NSGB_AZURE_ENDPOINT or NSGB_AZURE_AUTHORITY: {error}") from None


def _weights(environment: Mapping[str, str]) -> SeverityPolicy:
    levels = filter(None, (part.strip() for part in environment.get("NSGB_SEVERITY_LEVELS", "").split(",")))
    try:
        return severity_policy_of(
            environment.get("NSGB_MANAGEMENT_PORTS") or None,
            environment.get("NSGB_MANAGEMENT_UDP_PORTS") or None,
            levels,
        )
    except ValueError as error:
        names = "NSGB_MANAGEMENT_PORTS, NSGB_MANAGEMENT_UDP_PORTS or NSGB_SEVERITY_LEVELS"
        raise SettingError(f"{names}: {error}") from None


def _tags(file: str | None) -> TagTable | None:
    if file is None:
        return None
    try:
        return read_tags(json.loads(Path(file).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        # UnreadableTagsError and JSON's own errors are ValueErrors.
        raise SettingError(f"NSGB_SERVICE_TAGS: {file}: {error}") from None


def _switch(name: str, environment: Mapping[str, str], default: str) -> bool:
    return _one_of(name, (environment.get(name) or default).lower(), ("true", "false")) == "true"


def _format(environment: Mapping[str, str]) -> str:
    return _one_of("NSGB_LOG_FORMAT", environment.get("NSGB_LOG_FORMAT") or "json", LOG_FORMATS)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise SettingError(f"{name}: {value!r} is not valid; use one of {', '.join(allowed)}")
    return value


def _webhook(environment: Mapping[str, str]) -> WebhookSettings | None:
    folder = environment.get("NSGB_WEBHOOK_CERTIFICATES")
    if not folder:
        return None
    return WebhookSettings(_port("NSGB_WEBHOOK_PORT", environment.get("NSGB_WEBHOOK_PORT") or "9443"), Path(folder))


def _idle_seconds(text: str) -> float:
    try:
        seconds = parse(text).total_seconds()
    except ValueError as error:
        raise SettingError(f"NSGB_EVENTS_IDLE: {error}") from None
    if not SHORTEST_IDLE_SECONDS <= seconds <= LONGEST_IDLE_SECONDS:
        limits = f"{SHORTEST_IDLE_SECONDS:g}s and {LONGEST_IDLE_SECONDS:g}s"
        raise SettingError(f"NSGB_EVENTS_IDLE: {text!r} is not valid; it must be between {limits}")
    return seconds


def _port(name: str, text: str) -> int:
    if not text.isdigit() or int(text) > 65535:  # noqa: PLR2004 - the highest port
        raise SettingError(f"{name}: {text!r} must be a port between 0 and 65535; 0 selects a free port")
    return int(text)


def _own_namespace() -> str:
    return _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.exists() else "default"
