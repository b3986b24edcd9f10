"""A server of chat webhooks and a listener for all tests of alerts."""

from collections.abc import AsyncIterator

import pytest

from tests.support.chats import Chats, serving
from tests.support.sends import Listener, listening


@pytest.fixture
async def chats() -> AsyncIterator[Chats]:
    async with serving() as server:
        yield server


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as server:
        yield server
