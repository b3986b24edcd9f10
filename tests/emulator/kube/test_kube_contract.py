"""The embedded API fulfils the contract that is also tested against a real kube-apiserver."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from nsg_emulator.kube import KubeApi, serve
from tests.emulator.kube.contract import CHECKS, Check, Server, prepared
from tests.support.cel import judge


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with (
        serve(KubeApi(validators=[judge])) as running,
        aiohttp.ClientSession() as session,
        prepared(session, running.url, {}) as made,
    ):
        yield made


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
async def test_the_embedded_api_fulfils(check: Check, server: Server) -> None:
    await check.run(server)
