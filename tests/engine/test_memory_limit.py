"""The memory of a process that gets each hostile response stays far below the limit of the chart."""

import asyncio
import sys
import zlib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hostile.responses import HostileResponse, table
from tests.hostile.server import HostileServer, serve_hostile

LIMIT_KIB = 512 * 1024
BOMB_MIB = 600


@pytest.fixture
async def hostile() -> AsyncIterator[HostileServer]:
    async with serve_hostile() as elsewhere, serve_hostile(elsewhere.url) as server:
        yield server


@pytest.fixture
async def reading(hostile: HostileServer) -> AsyncIterator[Process]:
    root = Path(__file__).parents[2]
    module = "tests.hostile.reading_process"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, hostile.url, cwd=root, stdin=PIPE, stdout=PIPE
    )
    yield process
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


def bomb() -> HostileResponse:
    """Return a listing of blanks that is larger than the limit."""
    packing = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    parts = [packing.compress(b'{"value": [')]
    parts.extend(packing.compress(b" " * (1 << 20)) for _ in range(BOMB_MIB))
    body = b"".join((*parts, packing.compress(b"]}"), packing.flush()))
    return HostileResponse("bomb", "ResponseTooLarge", body, headers={"Content-Encoding": "gzip"})


async def peak(reading: Process, response: HostileResponse) -> int:
    """Let the process reconcile once, and return the peak of its memory in KiB."""
    assert reading.stdin is not None
    assert reading.stdout is not None
    reading.stdin.write(b"0.3\n" if response.ending == "drip" else b"60\n")
    await reading.stdin.drain()
    while line := await reading.stdout.readline():
        if line.startswith(b"peak "):
            return int(line.split()[1])
    raise AssertionError(f"the process died of {response.name}")


@pytest.mark.slow
async def test_no_response_takes_more_than_512_mib(hostile: HostileServer, reading: Process) -> None:
    # A bomb of 400 MiB took the process beyond the limit of its container, which restarted it without end.
    peaks: dict[str, int] = {}
    for response in (*table(), bomb()):
        hostile.response = response
        peaks[response.name] = await peak(reading, response)
    assert len(peaks) >= 80
    worst, at_rest = max(peaks, key=peaks.__getitem__), min(peaks.values())
    sys.stdout.write(f"peak of {peaks[worst] >> 10} MiB ({worst}), at rest {at_rest >> 10} MiB\n")
    assert peaks[worst] < LIMIT_KIB, worst
