"""The setup in docs/events.md: its filter lets every event through that the operator needs, in all three languages."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import read
from nsg_baseline.cli.events import events
from nsg_baseline.core.event_subscription import QueueAddress, to_queue
from nsg_emulator.arm import EventFilter
from nsg_emulator.arm.event_resources import NESTED_TYPE
from nsg_emulator.arm.events import Event, unrelated_event
from nsg_emulator.arm.settings import DEFAULT_SUBSCRIPTION
from tests.emulator.arm.direct import GROUP, WEB, azure, nsg, rule
from tests.support.page_commands import PageCommands, blocks, page_commands
from tests.support.seed import Seed

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
QUEUE = QueueAddress("stnsgevents01", "nsg-events")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> PageCommands:
    return page_commands(PAGE, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def document(page: PageCommands) -> dict[str, Any]:
    """What the page sends to Azure, as Azure returns it."""
    body = json.loads((page.folder / "event-subscription.json").read_text())
    return {"name": "nsg-events", "type": NESTED_TYPE, **body}


def test_the_event_subscription_delivers_all_that_the_operator_needs(document: dict[str, Any]) -> None:
    [subscription] = to_queue([document], QUEUE)
    assert list(subscription.faults(DEFAULT_SUBSCRIPTION, datetime.now(UTC))) == []


def test_the_filter_takes_what_azure_sends_and_refuses_other_events(document: dict[str, Any], seed: Seed) -> None:
    accepts, published = EventFilter.from_document(document["properties"]["filter"]), changes()
    refused = [event.operation for event in published if not accepts(event)]
    assert refused == ["Microsoft.Resources/subscriptions/resourcegroups/write"]
    assert len(published) > len(refused) + 5
    assert not accepts(unrelated_event(DEFAULT_SUBSCRIPTION, datetime.now(UTC), seed.rng))


def changes() -> list[Event]:
    """Return the events of writes to NSGs and to what NSGs are attached to."""
    arm, published = azure(), list[Event]()
    arm.emulator.events.listeners.append(published.append)
    arm("PUT", GROUP, {"location": "westeurope"})
    arm("PUT", WEB, nsg(rule()))
    arm("PATCH", WEB, {"tags": {"owner": "web"}})
    arm("PUT", f"{WEB}/securityRules/ssh", {"properties": rule(priority=200)})
    arm("DELETE", f"{WEB}/securityRules/ssh")
    arm.emulator.record_change("Microsoft.Resources/tags/write", WEB)
    for attached in ("virtualNetworks/hub", "virtualNetworks/hub/subnets/web", "networkInterfaces/web"):
        kind = "/".join(part for part in attached.split("/") if part not in {"hub", "web"})
        arm.emulator.record_change(f"Microsoft.Network/{kind}/write", f"{GROUP}/providers/Microsoft.Network/{attached}")
    arm("DELETE", GROUP)
    return published


@pytest.mark.parametrize("language", ["bicep", "hcl"])
def test_the_other_languages_have_the_same_filter(document: dict[str, Any], language: str) -> None:
    [advanced] = document["properties"]["filter"]["advancedFilters"]
    (text,) = blocks(PAGE, language)
    quoted = re.findall(r"""["'](Microsoft\.(?:Network|Resources)/[^"'@]*)["']""", text)
    assert quoted == advanced["values"]
    for event_type in document["properties"]["filter"]["includedEventTypes"]:
        assert text.count(event_type) == 1


def test_the_manifest_is_valid(page: PageCommands) -> None:
    (text,) = blocks(PAGE, "yaml")
    scope = read(NSGScope, yaml.safe_load(text))
    assert scope.spec.events is not None
    [command] = page.of("nsgb")
    assert scope.spec.events.queue_url in command


def test_the_check_has_the_options_of_the_page(page: PageCommands) -> None:
    [command] = page.of("nsgb")
    assert command[:2] == ("events", "check")
    events.commands["check"].make_context("check", list(command[2:]))
