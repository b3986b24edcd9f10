"""No callback of the event loop of the real `nsgb run` is long: it also serves probes, alerts and other scopes."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.engine.measured_operator import longest_stall
from tests.engine.tenants import (
    ABSENT,
    DRIFTING,
    LARGE,
    PLATFORM,
    add_tenant,
    annotate,
    is_judged,
    platform_environment,
)

MAX_STALL_MS = 250


@pytest.mark.slow
async def test_large_and_many_nsgs_block_no_loop(tmp_path: Path) -> None:
    # Judging 40 large NSGs in the loop delayed an alert by 31 s, and the probe by 5 s.
    absent = ABSENT[:100]
    async with platform_environment(tmp_path) as environment:
        await environment.until(lambda: all(is_judged(environment, actor) for actor in PLATFORM), seconds=300)
        add_tenant(environment, absent, routes=20)
        annotating = asyncio.create_task(annotate(environment, absent))
        try:
            judged = (*LARGE, *DRIFTING)
            await environment.until(lambda: all(is_judged(environment, actor) for actor in judged), seconds=900)
        finally:
            annotating.cancel()
            await asyncio.gather(annotating, return_exceptions=True)
    milliseconds, callback = longest_stall(tmp_path / "stalls")
    sys.stdout.write(f"longest callback of the event loop: {milliseconds:.0f} ms of processor time, {callback}\n")
    assert milliseconds < MAX_STALL_MS, (tmp_path / "stalls").read_text(encoding="utf-8")
