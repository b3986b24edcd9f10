"""The stage of the demo, for tests: both emulators here, the real `nsgb run` as its own process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nsg_baseline.cli.demo.stage import Stage, objects, stage


@pytest.fixture
async def staged(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as found:
        for one in objects(found.receiver):
            found.cluster.api.apply(one)
        yield found
