"""Asks an emulator without a socket."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from nsg_emulator.arm import ArmEmulator, Settings
from nsg_emulator.arm.messages import ArmRequest
from nsg_emulator.arm.settings import DEFAULT_SUBSCRIPTION

SUBSCRIPTION = f"/subscriptions/{DEFAULT_SUBSCRIPTION}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-web"
NSGS = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups"
WEB = f"{NSGS}/web"
API = "2025-05-01"
ORIGIN = "https://localhost:8443"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.body["error"]["message"])


@dataclass(slots=True)
class Clock:
    now: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class Azure:
    """An emulator with one resource group, a clock that stands still, and a caller."""

    emulator: ArmEmulator
    clock: Clock
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Ask; options are `headers` and `query`, beside those that every request has."""
        url, _, text = path.partition("?")
        query = {
            "api-version": API,
            **dict(part.split("=", 1) for part in text.split("&") if part),
            **options.get("query", {}),
        }
        headers = {"authorization": f"Bearer {self.token}", **self.headers, **options.get("headers", {})}
        content = b"" if body is None else json.dumps(body).encode()
        request = ArmRequest(method, url, query, headers, content, origin=ORIGIN, client_ip="203.0.113.7")
        outcome = self.emulator.handle(request)
        raw = outcome.response.encoded()
        return Answer(outcome.response.status, outcome.response.headers, json.loads(raw) if raw else None)

    def poll(self, answer: Answer) -> Answer:
        """Ask how the operation of a write goes."""
        return self("GET", answer.headers["Azure-AsyncOperation"].removeprefix(ORIGIN))


def azure(**settings: Any) -> Azure:
    clock = Clock()
    group = {"id": GROUP, "location": "westeurope"}
    emulator = ArmEmulator(settings=Settings(**settings), state={"resourceGroups": [group]}, clock=clock)
    return Azure(emulator, clock, emulator.app_token("11111111-aaaa-4000-8000-000000000001"))


def rule(**properties: Any) -> dict[str, Any]:
    """A valid rule's properties, some of them otherwise; None leaves one out."""
    plain = {
        "protocol": "Tcp",
        "sourcePortRange": "*",
        "destinationPortRange": "443",
        "sourceAddressPrefix": "Internet",
        "destinationAddressPrefix": "*",
        "access": "Allow",
        "priority": 100,
        "direction": "Inbound",
    }
    return {name: value for name, value in {**plain, **properties}.items() if value is not None}


def nsg(*rules: dict[str, Any], **top: Any) -> dict[str, Any]:
    """The body of an NSG's PUT; rules are named r0, r1, ..."""
    named = [{"name": f"r{index}", "properties": properties} for index, properties in enumerate(rules)]
    return {"location": "westeurope", "properties": {"securityRules": named}, **top}
