"""A throw-away Kubernetes control plane on 127.0.0.1: etcd and kube-apiserver with RBAC, controllers on demand.

There is no scheduler and no kubelet: pods are accepted and stay Pending, so no test may wait for a running pod.
"""

import base64
import json
import secrets
import shutil
import socket
import ssl
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cluster.pki import write_pki
from tests.cluster.processes import Server

_READY_SECONDS = 120  # 4 s when the machine is idle
_CONTROLLERS = (
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
)


class Cluster:
    """A running control plane; a context manager.

    Attributes:
        server: https address of the API.
        token: bearer token of an administrator.
        ca: PEM file of the CA that signed the server's certificate.
        kubeconfig: file for that administrator.
    """

    def __init__(self, tools: dict[str, Path]) -> None:
        """Prepare keys and a port; `tools` holds etcd, kube-apiserver and kube-controller-manager by name."""
        self._tools = tools
        self._servers: list[Server] = []
        # /tmp keeps the path short: the path of a unix socket is limited to 107 bytes
        self._folder = Path(tempfile.mkdtemp(prefix="nsgb-cluster-", dir="/tmp"))
        self._pki = write_pki(self._folder)
        self._port = _reserve_port()
        self.ca = self._pki.ca
        self.token = secrets.token_hex(16)
        self.server = f"https://127.0.0.1:{self._port.getsockname()[1]}"
        self.kubeconfig = self.write_kubeconfig("admin", self.token)

    def __enter__(self) -> Self:
        """Start the servers and wait until the API is ready."""
        try:
            self._start_apiserver(self._start_etcd())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all servers and remove their files."""
        self._stop()

    def start_controllers(self) -> None:
        """Start kube-controller-manager: namespaces are emptied and owned objects collected, as in a real cluster.

        It notices later CRDs after up to 30 seconds, so apply CRDs first.
        """
        arguments = [
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--service-account-private-key-file={self._pki.accounts_key}",
            f"--root-ca-file={self.ca}",
            f"--controllers={','.join(_CONTROLLERS)}",
        ]
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._start("kube-controller-manager", arguments).wait_ready(
            lambda: self.status(account) == 200, _READY_SECONDS
        )

    def write_kubeconfig(self, name: str, token: str, namespace: str = "default") -> Path:
        """Write a kubeconfig file for `token` and return its path."""
        ca = base64.b64encode(self.ca.read_bytes()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.server, "certificate-authority-data": ca}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        }
        path = self._folder / f"{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))  # JSON is YAML
        return path

    def status(self, path: str) -> int:
        """Return the HTTP status of a GET of `path` as the administrator."""
        request = urllib.request.Request(self.server + path, headers={"Authorization": f"Bearer {self.token}"})
        context = ssl.create_default_context(cafile=str(self.ca))
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code

    def _start(self, program: str, arguments: list[str]) -> Server:
        server = Server(self._tools[program], self._folder, arguments)
        self._servers.append(server)
        return server

    def _start_etcd(self) -> str:
        # unix sockets only: no port conflicts, and no access for other users of the machine
        client, peer = self._folder / "client.sock", self._folder / "peer.sock"
        arguments = [
            "--name=test",
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls=unix://{client}",
            f"--advertise-client-urls=unix://{client}",
            f"--listen-peer-urls=unix://{peer}",
            f"--initial-advertise-peer-urls=unix://{peer}",
            f"--initial-cluster=test=unix://{peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]
        self._start("etcd", arguments).wait_ready(client.exists, _READY_SECONDS)
        return f"unix://{client}"

    def _start_apiserver(self, etcd: str) -> None:
        tokens = self._folder / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text(f'{self.token},admin,admin,"system:masters"\n')
        arguments = [
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self._port.getsockname()[1]}",
            "--permit-port-sharing",  # with the socket that reserves the port
            "--endpoint-reconciler-type=none",  # the default refuses a loopback address
            f"--tls-cert-file={self._pki.server_certificate}",
            f"--tls-private-key-file={self._pki.server_key}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={tokens}",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={self._pki.accounts_key}",
            f"--service-account-signing-key-file={self._pki.accounts_key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--enable-priority-and-fairness=false",
            "--profiling=false",
        ]
        self._start("kube-apiserver", arguments).wait_ready(lambda: self.status("/readyz") == 200, _READY_SECONDS)

    def _stop(self) -> None:
        while self._servers:
            self._servers.pop().stop()
        self._port.close()
        shutil.rmtree(self._folder)


def _reserve_port() -> socket.socket:
    """Reserve a free port until the socket is closed: bound but not listening, so it accepts no connection."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved
