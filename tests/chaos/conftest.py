"""Time in chaos: the pauses of the Azure SDK are cut short, everything else is as it is."""

import asyncio

import pytest
from azure.core.pipeline.transport import AioHttpTransport

from nsg_baseline.azure import write


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a five-hundredth of every pause that the Azure SDK makes between tries and polls."""
    real = asyncio.sleep

    async def sleep(_: AioHttpTransport, duration: float) -> None:
        await real(duration / 500)

    monkeypatch.setattr(AioHttpTransport, "sleep", sleep)
    monkeypatch.setattr(write, "OPERATION_SECONDS", 0.25)
