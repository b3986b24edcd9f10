"""The emulator compared with recorded responses of Azure: all recorded pairs are sent to it over HTTP.

`tests/data/arm/deviations.json` lists the differences with reasons. An unlisted difference fails, and so does a
listed one that does not occur any more.
"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from nsg_emulator.arm import ArmEmulator, Running, serve
from nsg_emulator.arm.model import Operation
from tests.emulator.arm import recordings
from tests.emulator.arm.comparison import differences
from tests.emulator.arm.recordings import DATA, OPERATION, Pair

PAIRS = recordings.load()
Deviations = set[tuple[int, str]]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serve(ArmEmulator(subscription=""), tls=False) as served:
        yield served


async def test_responses_equal_azures_except_for_the_listed_differences(running: Running) -> None:
    async with aiohttp.ClientSession() as session:
        deviations = {(pair.number, aspect) for pair in PAIRS for aspect in await _differences(running, session, pair)}
    listed = _listed()
    assert sorted(deviations - listed) == [], "the emulator deviates where deviations.json does not say so"
    assert sorted(listed - deviations) == [], "deviations.json lists what is no deviation any more"


def test_replays_every_recorded_pair() -> None:
    """A pair that fell out of the file, or a body that was left out, must not go unseen."""
    assert len(PAIRS) == 580
    assert {pair.method for pair in PAIRS} == {"GET", "PUT", "PATCH", "DELETE"}


def test_every_listed_difference_has_a_reason() -> None:
    for entry in json.loads((DATA / "deviations.json").read_text()):
        assert len(entry["reason"]) > 20
        assert entry["pairs"], f"{entry['aspects']}: no pair"


async def _differences(running: Running, session: aiohttp.ClientSession, pair: Pair) -> set[str]:
    emulator = running.emulator
    emulator.store.clear()
    emulator.load(recordings.implied_state(pair))
    if OPERATION.search(pair.path):
        emulator.store.start(_operation(emulator, pair))
    headers = {"Authorization": f"Bearer {emulator.app_token('recorder')}", **_conditions(pair)}
    body = recordings.request_body(pair)
    url = f"{running.url}{pair.path}"
    async with session.request(pair.method, url, params=dict(pair.query), headers=headers, json=body) as response:
        content = await response.read()
        return differences(pair, response.status, response.headers, json.loads(content) if content else None)


def _conditions(pair: Pair) -> dict[str, str]:
    return {name: value for name, value in pair.headers.items() if name.startswith("if-")}


def _operation(emulator: ArmEmulator, pair: Pair) -> Operation:
    match = OPERATION.search(pair.path)
    assert match is not None
    runs = pair.status == 202 or (isinstance(pair.answer, dict) and pair.answer.get("status") == "InProgress")
    target = next(iter(emulator.store.nsgs))
    return Operation(match[3].lower(), target, match[1], datetime.now(UTC), stuck=runs)


def _listed() -> Deviations:
    entries: list[dict[str, Any]] = json.loads((DATA / "deviations.json").read_text())
    return {(number, aspect) for entry in entries for aspect in entry["aspects"] for number in _numbers(entry["pairs"])}


def _numbers(ranges: str) -> list[int]:
    """`"1-3, 7"`: lines of the file."""
    bounds = [[int(number) for number in part.split("-")] for part in ranges.split(",")]
    return [number for bound in bounds for number in range(bound[0], bound[-1] + 1)]
