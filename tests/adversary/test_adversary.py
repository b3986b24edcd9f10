"""An adversary searches for a way to keep a management port open under mode Enforce."""

import os

import pytest

from nsg_baseline.api.changes import ExposureStatus
from nsg_baseline.core import remediation_limits
from nsg_baseline.core.decisions import baseline_status, drift_incidents
from tests.adversary.search import LIMIT, search, shortened

GAMES = int(os.environ.get("NSGB_GAMES", "2000"))
CHUNKS, GENERATIONS = 20, 10


@pytest.fixture(autouse=True)
def small_nsgs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remediation_limits, "MAX_RULES", LIMIT)
    # The texts of exposures decide nothing, and cost most of the time.
    monkeypatch.setattr(drift_incidents, "statuses", _no_texts)
    monkeypatch.setattr(baseline_status, "statuses", _no_texts)


def _no_texts(_: object) -> tuple[ExposureStatus, ...]:
    return ()


async def check(seed: int, generations: int, size: int) -> None:
    lost = await search(seed, generations, size)
    if lost:
        game = await shortened(min(lost, key=lambda game: len(game.turns)))
        pytest.fail(f"seed {seed}: {len(lost)} games are lost, such as {game}")


async def test_no_opening_is_left_unexplained_in_a_few_games() -> None:
    await check(1, 1, 5)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
async def test_no_opening_is_left_unexplained(chunk: int) -> None:
    await check(100 + chunk, GENERATIONS, GAMES // CHUNKS // GENERATIONS)
