"""The proxy of the environment between the operator and the API server."""

import asyncio
from pathlib import Path

import pytest

from nsg_baseline.api.scope import NSGScope
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.login import environment_proxy

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "https://api.example.com:6443", insecure-skip-tls-verify: true}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
"""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_the_proxy_is_that_of_the_scheme_unless_the_host_is_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment_proxy("https://api.example.com") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert environment_proxy("https://api.example.com") == "http://proxy:3128"
    assert environment_proxy("http://api.example.com") is None
    monkeypatch.setenv("NO_PROXY", "other.example.com,.example.com")
    assert environment_proxy("https://api.example.com") is None


async def test_requests_go_through_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A cluster behind a proxy was reachable before the look-up of the proxy was moved to the connection.
    asked: asyncio.Queue[bytes] = asyncio.Queue()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.put_nowait(await reader.readline())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        writer.close()

    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        kube = await Kube.connect(str(kubeconfig))
        with pytest.raises(KubeError):
            await anext(kube.pages(NSGScope))
        await kube.aclose()
    assert asked.get_nowait().startswith(b"CONNECT api.example.com:6443 ")
