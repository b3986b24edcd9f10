"""Hints of Azure's events: one reading for a burst, and an answer to each hint that tells how its reading ended."""

import asyncio

import pytest

from nsg_baseline.engine.scope_hints import ScopeHints


class Requests:
    """The requested readings, in order."""

    def __init__(self, window: float = 0.0) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.hints = ScopeHints(self.queue.put_nowait, window)

    async def next(self) -> str:
        async with asyncio.timeout(60):
            return await self.queue.get()


async def test_a_burst_is_one_reading() -> None:
    requests = Requests()
    futures = [requests.hints.add("web") for _ in range(100)]
    assert await requests.next() == "web"
    with requests.hints.reading("web") as reading:
        reading.succeeded = True
    assert all(await asyncio.gather(*futures))
    assert requests.queue.empty()


async def test_a_hint_during_a_reading_causes_another() -> None:
    # Azure may have changed after the reading began, so its result says nothing about this hint.
    requests = Requests()
    early = requests.hints.add("web")
    await requests.next()
    with requests.hints.reading("web") as reading:
        late = requests.hints.add("web")
        reading.succeeded = True
    assert await early
    assert not late.done()
    assert await requests.next() == "web"
    with requests.hints.reading("web") as reading:
        reading.succeeded = True
    assert await late


async def test_a_reading_that_fails_is_no_success() -> None:
    # The message must stay in the queue, so that the NSG is read again.
    requests = Requests()
    failing, raising = requests.hints.add("web"), requests.hints.add("app")
    with requests.hints.reading("web"):
        pass
    with pytest.raises(RuntimeError), requests.hints.reading("app"):
        raise RuntimeError("reading failed")
    assert not await raising
    assert not await failing


async def test_the_end_of_a_scope_answers_all_hints() -> None:
    requests = Requests(window=3600)
    waiting = requests.hints.add("web")
    requests.hints.close()
    assert not await waiting
    assert not await requests.hints.add("web")
