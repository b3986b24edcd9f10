"""Latency of an alert beside a tenant with 2,000 annotated baselines of absent NSGs, 300 routes and large rule lists.

`python -m benchmarks.bench_tenants` prints the ratio to the latency without the tenant, measured in the same run. A
reconcile is requested after each change, so the latency does not contain a part of the interval.
"""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from tests.engine.measured_operator import longest_stall
from tests.engine.tenants import (
    LARGE,
    PLATFORM,
    SAMPLES,
    add_tenant,
    annotate,
    is_judged,
    latencies,
    platform_environment,
)


async def compare(folder: Path) -> None:
    """Print both latencies and the longest callback of the operator's event loop."""
    async with platform_environment(folder) as environment:
        await environment.until(lambda: all(is_judged(environment, actor) for actor in PLATFORM), seconds=300)
        undisturbed = statistics.median(await latencies(environment, PLATFORM[:SAMPLES]))
        add_tenant(environment)
        annotating = asyncio.create_task(annotate(environment))
        try:
            await environment.until(lambda: all(is_judged(environment, actor) for actor in LARGE), seconds=900)
            disturbed = statistics.median(await latencies(environment, PLATFORM[SAMPLES:]))
        finally:
            annotating.cancel()
            await asyncio.gather(annotating, return_exceptions=True)
    milliseconds, callback = longest_stall(folder / "stalls")
    ratio = disturbed / undisturbed
    sys.stdout.write(f"alert after {undisturbed:.2f} s, beside the tenant {disturbed:.2f} s, ratio {ratio:.1f}\n")
    sys.stdout.write(f"longest callback of the event loop: {milliseconds:.0f} ms of processor time, {callback}\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(compare(Path(name)))
