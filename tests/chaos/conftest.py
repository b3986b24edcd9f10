"""Time in chaos: the pauses of the Azure SDK are cut short, everything else is as it is."""

import pytest

from tests.chaos.environment import hurry


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
