"""The az commands in docs/events.md: az's own parser accepts them, and the event subscription can be created."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nsg_emulator.arm import ArmEmulator, Running, serve_in_thread
from nsg_emulator.arm.settings import DEFAULT_SUBSCRIPTION
from tests.emulator.arm.az import Az, unparsed
from tests.support.page_commands import PageCommands, page_commands

pytestmark = pytest.mark.cluster

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
GROUP = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg-nsg-events"
TOPIC = f"{GROUP}/providers/Microsoft.EventGrid/systemTopics/nsg-changes"


@pytest.fixture
def page(tmp_path: Path) -> PageCommands:
    (folder := tmp_path / "page").mkdir()
    return page_commands(PAGE, folder)


@pytest.fixture
def running() -> Iterator[Running]:
    with serve_in_thread(ArmEmulator(state={"resourceGroups": [{"id": GROUP}]})) as served:
        yield served


def test_az_accepts_each_command(page: PageCommands, tmp_path: Path) -> None:
    commands = page.of("az")
    assert len(commands) > 10
    [refused] = unparsed([*commands, ("group", "create", "-n", "any", "-l", "any", "--no-such-option")], tmp_path)
    assert "unrecognized arguments: --no-such-option" in refused


def test_the_topic_and_the_event_subscription_are_created(
    page: PageCommands, running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(page.folder)  # the page writes the body of the request to a file
    az = Az(running, tmp_path / "az")
    for command in page.of("az"):
        if command[:3] == ("eventgrid", "system-topic", "create") or any(TOPIC in word for word in command):
            az(*command)
    stored = running.emulator.store.event_grid
    assert stored[TOPIC.lower()]["properties"]["source"] == f"/subscriptions/{DEFAULT_SUBSCRIPTION}"
    [nested] = [item for key, item in stored.items() if key.startswith(f"{TOPIC.lower()}/")]
    assert nested["properties"]["deliveryWithResourceIdentity"]["identity"] == {"type": "SystemAssigned"}
