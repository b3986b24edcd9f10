"""The emulator's events in a real storage queue: every write arrives, while the queue is away too."""

import asyncio
import base64
import json

import pytest

from nsg_emulator.arm import POISON, deliver, storage_queue
from tests.cluster.azurite import Azurite
from tests.emulator.arm.direct import NSGS, azure, nsg

pytestmark = pytest.mark.cluster


async def test_every_write_becomes_a_message(azurite: Azurite) -> None:
    url, arm = await azurite.create("nsg-events"), azure()
    async with storage_queue(url, ca_file=azurite.ca_file) as target, deliver(arm.emulator, target) as delivery:
        arm("PUT", f"{NSGS}/first", nsg())
        await delivery.idle()
        await asyncio.to_thread(azurite.stop)
        arm("PUT", f"{NSGS}/second", nsg())
        await asyncio.to_thread(azurite.start)
        await delivery.idle()
        for content in POISON:
            await delivery.send_text(content)
    contents = await azurite.contents("nsg-events")
    events = [json.loads(base64.b64decode(content, validate=True)) for content in contents[:2]]
    assert [event["subject"] for event in events] == [f"{NSGS}/first", f"{NSGS}/second"]
    assert contents[2:] == list(POISON)


async def test_a_frozen_queue_delays_delivery(azurite: Azurite) -> None:
    url, arm = await azurite.create("nsg-events"), azure()
    async with storage_queue(url, ca_file=azurite.ca_file) as target, deliver(arm.emulator, target) as delivery:
        azurite.pause()
        arm("PUT", f"{NSGS}/first", nsg())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(delivery.idle(), 0.5)
        azurite.resume()
        await delivery.idle()
    assert await azurite.length("nsg-events") >= 1  # a request that timed out can have been carried out
