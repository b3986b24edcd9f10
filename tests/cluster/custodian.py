"""Cloud Custodian, unmodified, in a separate environment that is kept between runs.

It uses Azure's public addresses only. A proxy, as many companies have, routes them to the emulator.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import venv
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nsg_emulator.arm import ArmEmulator, serve
from tests.cluster import cache

REQUIREMENTS = Path(__file__).parent / "custodian-requirements.txt"
ADDRESSES = ("management.azure.com", "login.microsoftonline.com")
CLIENT_ID = "33333333-3333-3333-3333-333333333333"
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Custodian:
    """Custodian in front of an emulator."""

    folder: Path
    proxy: str
    ca_file: Path
    tenant: str
    subscription: str

    async def run(self, *policies: dict[str, Any]) -> str:
        """Run policies and return the output.

        Raises:
            AssertionError: Custodian failed.
        """
        file = self.folder / "policies.yaml"
        file.write_text(yaml.safe_dump({"policies": list(policies)}))
        process = await asyncio.create_subprocess_exec(
            *(str(_python()), "-m", "c7n.cli", "run", "--cache-period", "0", "-s", str(self.folder / "out"), str(file)),
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()[-4000:]
        return output.decode()

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "HTTPS_PROXY": self.proxy,
            "REQUESTS_CA_BUNDLE": str(self.ca_file),
            "AZURE_TENANT_ID": self.tenant,
            "AZURE_CLIENT_ID": CLIENT_ID,
            "AZURE_CLIENT_SECRET": "any",
            "AZURE_SUBSCRIPTION_ID": self.subscription,
        }


@contextlib.asynccontextmanager
async def custodian(emulator: ArmEmulator, subscription: str, folder: Path) -> AsyncIterator[Custodian]:
    """Serve an emulator under Azure's own names, behind a proxy, for Custodian."""
    await asyncio.to_thread(_python)
    async with serve(emulator, ca_file=folder / "azure.pem", names=ADDRESSES) as running:
        port = int(running.url.rpartition(":")[2])
        proxy = await asyncio.start_server(lambda reader, writer: _tunnel(reader, writer, port), "127.0.0.1", 0)
        async with proxy:
            proxy_url = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
            yield Custodian(folder, proxy_url, folder / "azure.pem", emulator.settings.tenant, subscription)


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Accept one CONNECT and forward bytes in both directions; refuse other requests."""
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    method, target, _ = request.split(" ", 2)
    if method != "CONNECT" or target.removesuffix(":443") not in ADDRESSES:
        writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        writer.close()
        return
    there, back = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(_carry(reader, back), _carry(there, writer), return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


def _python() -> Path:
    """Return the environment's Python."""
    name = f"custodian-{cache.key(REQUIREMENTS.read_bytes(), sys.version)}"
    return cache.kept(name, _install) / "bin" / "python"


def _install(folder: Path) -> None:
    """Takes some minutes, with the pip settings of this machine. The list is complete: pip resolves nothing else."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run(
        [*pip, "--no-deps", "--require-hashes", "--requirement", str(REQUIREMENTS)], check=True, stdout=sys.stderr
    )
