"""An acknowledgement wakes a loop at once, but a tenant that writes one in a loop does not."""

import asyncio

import pytest

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.engine import wake_limit
from nsg_baseline.engine.wake_limit import WakeLimit

FIRST, SECOND = ObjectKey("team-web", "web-1"), ObjectKey("team-web", "web-2")


async def test_one_wake_per_pause_and_object(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each acknowledgement of a critical incident is a message that no hourly limit stops.
    monkeypatch.setattr(wake_limit, "PAUSE_SECONDS", 0.05)
    again: list[ObjectKey] = []
    tried = asyncio.Event()

    def note(key: ObjectKey) -> None:
        again.append(key)
        tried.set()

    limit = WakeLimit(note)
    assert [limit.grant(key) for key in (FIRST, FIRST, FIRST, SECOND)] == [True, False, False, True]
    async with asyncio.timeout(60):
        await tried.wait()
    # The last one is not lost, however often it was refused.
    assert again == [FIRST]
    assert limit.grant(FIRST)
