"""The contract tests of the emulated API also pass on the real kube-apiserver."""

import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.cluster.devcluster import Cluster
from tests.emulator.kube.contract import CHECKS, Check, Server, prepared

pytestmark = pytest.mark.cluster


@pytest.fixture
async def server(cluster: Cluster) -> AsyncIterator[Server]:
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=cluster.ca))
    headers = {"Authorization": f"Bearer {cluster.token}"}
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        prepared(session, cluster.server, headers, patience=90) as made,
    ):
        yield made


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
async def test_the_real_server_fulfils(check: Check, server: Server) -> None:
    await check.run(server)
