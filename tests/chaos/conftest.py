"""Shortens the pauses of the Azure SDK for all tests of this folder."""

import pytest

from tests.chaos.environment import shorten_pauses


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_pauses(monkeypatch)
