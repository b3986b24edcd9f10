"""A server of chat webhooks for all tests of alerts."""

from collections.abc import AsyncIterator

import pytest

from tests.support.chats import Chats, serving


@pytest.fixture
async def chats() -> AsyncIterator[Chats]:
    async with serving() as server:
        yield server
