"""Judging without blocking the event loop, which also serves probes, alerts and other scopes.

Measured in milliseconds of processor time: judging an NSG takes 3 with 26 rules, 10 with 200 and 55 with 1,000 if a few
rules differ; 2,000 if all 1,000 differ. An NSG without a baseline takes 7, 60 and 290. So a pause between two NSGs is
not enough. While a thread judges, the loop waits only for the interpreter's lock, which changes hands every 5 ms. A
thread costs 0.05 ms for each NSG: 9 % of the time of an NSG with 26 unchanged rules. Therefore small NSGs are judged in
the loop, one in each of its rounds, and large ones in a thread.
"""

import asyncio
from collections.abc import Callable, Sized
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from nsg_baseline.api.baseline import BaselineSpec

SMALL_BYTES = 16 * 1024
"""Largest NSG, as JSON, that is judged in the event loop: about 50 rules."""
SMALL_ENTRIES = 150
"""Largest number of rules, prefixes and ports of a baseline that is judged in the event loop: about 50 rules."""
T = TypeVar("T")
_LISTS = (
    "source_address_prefixes",
    "destination_address_prefixes",
    "source_port_ranges",
    "destination_port_ranges",
)


class Judging:
    """Runs judgements one after the other: small ones in the event loop, large ones in a thread."""

    def __init__(self) -> None:
        self._round = asyncio.Lock()
        # One thread, because the interpreter's lock lets only one compute. A separate one, because the loop resolves
        # host names in the threads that it has by default.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judging")

    async def run(self, judge: Callable[[], T], *, is_large: bool) -> T:
        """Return what a pure function returns, or raise what it raises. The event loop runs before the next one."""
        if is_large:
            return await asyncio.get_running_loop().run_in_executor(self._thread, judge)
        async with self._round:
            try:
                return judge()
            finally:
                await asyncio.sleep(0)


def is_large(document: object, spec: BaselineSpec) -> bool:
    """Say whether an NSG as received, or its baseline, is too large to be judged in the event loop."""
    return sum(map(_entries, spec.rules)) > SMALL_ENTRIES or len(msgspec.json.encode(document)) > SMALL_BYTES


def _entries(rule: object) -> int:
    lists: list[Sized] = [getattr(rule, name) for name in _LISTS]
    return 1 + sum(map(len, lists))
