"""A story of 43 events over restarts and kills: what each of six receivers gets, and what it shows at each step."""

from pathlib import Path

import pytest

from tests.engine.process_forker import ProcessForker
from tests.engine.story import story
from tests.engine.story_steps import STEPS
from tests.support.golden import compare

GOLDEN = Path(__file__).parent / "golden" / "story.txt"


@pytest.mark.cluster  # for the real Alertmanager
async def test_every_receiver_has_the_right_state_at_each_step(
    tmp_path: Path, process_forker: ProcessForker, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On-call reads one receiver only: none of them may be silent, say something twice, or show what is over as open.
    async with story(tmp_path, process_forker, unused_tcp_port, monkeypatch) as running:
        try:
            for step in STEPS:
                await running.play(step)
        finally:
            compare(GOLDEN, "\n".join(running.text))
