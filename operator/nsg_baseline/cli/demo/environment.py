"""The demo environment: both emulators and an alert receiver in this process, the operator as a separate process."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.api.crds import render
from nsg_baseline.cli.demo.receiver import Receiver, receiving
from nsg_baseline.cli.demo.rogue import Rogue
from nsg_baseline.core.baseline_export import manifest
from nsg_baseline.core.nsg import parse_live
from nsg_emulator import arm, kube

OPERATOR_CLIENT_ID = "22222222-2222-2222-2222-222222222222"
OPERATOR_NAMESPACE = "nsg-baseline-system"
TEAM_NAMESPACE = "team-web"
ROGUE = "jo@example.com"


def recorded_nsgs() -> list[dict[str, Any]]:
    """Return the NSGs of the demo, recorded from the Azure API."""
    text = files("nsg_emulator.samples").joinpath("nsgs.json").read_text()
    nsgs: list[dict[str, Any]] = json.loads(text)
    return nsgs


class Operator(Protocol):
    """The operator's process. Tests provide another implementation."""

    @property
    def returncode(self) -> int | None:
        """The exit code; None while the process runs."""

    def send_signal(self, signal: int, /) -> None:
        """Send a signal to the process."""

    async def wait(self) -> int:
        """Wait for the process to end and return its exit code."""


@dataclass(slots=True)
class DemoEnvironment:
    """The running emulators, the alert receiver and the operator's process."""

    folder: Path
    azure: arm.Running
    cluster: kube.Running
    receiver: Receiver
    kubeconfig: Path
    process: Operator | None = None

    @property
    def rogue(self) -> Rogue:
        """A user with write access to NSGs who bypasses the operator."""
        token = self.azure.emulator.user_token(ROGUE, ip="203.0.113.7")
        return Rogue(self.azure.url, str(self.azure.ca_file), token)

    async def start_operator(self) -> None:
        """Start `nsgb run`, configured by KUBECONFIG and workload identity."""
        self.process = await start_operator(self.folder, self.azure, self.kubeconfig, OPERATOR_NAMESPACE)

    async def stop_operator(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the operator and wait for its process to end."""
        process, self.process = self.process, None
        if process is not None and process.returncode is None:
            process.send_signal(how)
            await process.wait()

    def custom(self, kind: str, name: str, namespace: str = TEAM_NAMESPACE) -> dict[str, Any]:
        """Return a stored custom resource."""
        return self.cluster.api.get(API_VERSION, kind, name, namespace)

    async def until(self, holds: Callable[[], bool], seconds: float = 120) -> None:
        """Wait until `holds()` is true. It is evaluated after each write to the cluster.

        Raises:
            OperatorEndedError: the operator's process ended.
            TimeoutError: `holds()` is still false after `seconds`.
        """
        written = asyncio.Event()

        def on_request(_: object) -> None:
            written.set()

        listeners = self.cluster.api.requests.listeners
        listeners.append(on_request)
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    if self.process is not None and self.process.returncode is not None:
                        raise OperatorEndedError(f"nsgb run ended; see its log in {self.folder / 'operator.log'}")
                    await written.wait()
                    written.clear()
        finally:
            listeners.remove(on_request)


async def start_operator(
    folder: Path, azure: arm.Running, kubeconfig: Path, namespace: str
) -> asyncio.subprocess.Process:
    """Start `nsgb run` as a separate process that logs to operator.log in the folder."""
    environment = operator_environment(folder, azure, kubeconfig, namespace)
    command = (sys.executable, "-m", "nsg_baseline.cli", "run")
    with (folder / "operator.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)


def operator_environment(folder: Path, azure: arm.Running, kubeconfig: Path, namespace: str) -> dict[str, str]:
    """Return the environment variables that connect `nsgb run` to both emulators."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "KUBERNETES_"))},
        **client_environment(folder, azure, kubeconfig),
        "NSGB_NAMESPACE": namespace,
        "NSGB_HEALTH_PORT": "0",
        # The alert receiver listens on a loopback address.
        "NSGB_ALERT_LOCAL_ADDRESSES": "true",
        "NSGB_LOG_FORMAT": "console",
        "NO_COLOR": "1",
    }


def client_environment(folder: Path, azure: arm.Running, kubeconfig: Path) -> dict[str, str]:
    """Return the environment variables that connect any nsgb command to both emulators."""
    token = folder / "token"
    token.write_text("a.federated.token")
    return {
        "KUBECONFIG": str(kubeconfig),
        "SSL_CERT_FILE": str(azure.ca_file),
        "AZURE_CLIENT_ID": OPERATOR_CLIENT_ID,
        "AZURE_TENANT_ID": azure.emulator.settings.tenant,
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
        "NSGB_AZURE_ENDPOINT": azure.url,
        "NSGB_AZURE_AUTHORITY": azure.url,
    }


class OperatorEndedError(RuntimeError):
    """The operator's process ended unexpectedly."""


@contextlib.asynccontextmanager
async def demo_environment(folder: Path, nsgs: Sequence[dict[str, Any]] = ()) -> AsyncIterator[DemoEnvironment]:
    """Start the emulators and the receiver: Azure with NSGs (default: the recorded ones), a cluster with the CRDs."""
    azure = arm.ArmEmulator(state=list(nsgs) or recorded_nsgs())
    api = kube.KubeApi()
    for crd in render():
        api.apply(crd)
    for namespace in (OPERATOR_NAMESPACE, TEAM_NAMESPACE):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    async with (
        arm.serve(azure, ca_file=folder / "ca.pem") as running_azure,
        kube.serve(api) as running_cluster,
        receiving() as receiver,
    ):
        kubeconfig = running_cluster.kubeconfig(folder / "kubeconfig")
        environment = DemoEnvironment(folder, running_azure, running_cluster, receiver, Path(kubeconfig))
        try:
            yield environment
        finally:
            await environment.stop_operator()


def objects(
    receiver: Receiver,
    namespace: str = OPERATOR_NAMESPACE,
    interval: str = "10s",
    nsgs: Sequence[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Return the manifests of the demo: a scope, a route with its Secret, and a baseline for each NSG.

    `namespace` is the namespace of the operator.
    """
    urls = base64.b64encode(receiver.url.encode()).decode()
    lives = [parse_live(document) for document in list(nsgs) or recorded_nsgs()]
    return [
        _object("NSGScope", "demo", "", _scope(lives[0].id.subscription, interval)),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "chat", "namespace": namespace},
            "data": {"urls": urls},
        },
        _object("NSGAlertRoute", "chat", namespace, {"urlsFrom": {"name": "chat", "key": "urls"}, "groupWait": "0s"}),
        *(manifest(live, TEAM_NAMESPACE, live.id.name.lower()) for live in lives),
    ]


def _scope(subscription: str, interval: str) -> dict[str, Any]:
    return {
        "subscriptionId": subscription,
        "interval": interval,
        "allowedNamespaces": {"names": [TEAM_NAMESPACE]},
    }


def _object(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec}
