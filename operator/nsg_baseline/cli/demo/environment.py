"""The stage: both emulators and a receiver here, the real operator as a process of its own."""

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
from nsg_baseline.core.nsg import read_live
from nsg_emulator import arm, kube

OPERATOR_CLIENT_ID = "22222222-2222-2222-2222-222222222222"
OPERATOR_NAMESPACE = "nsg-baseline-system"
TEAM_NAMESPACE = "team-web"
ROGUE = "jo@example.com"


def recorded_nsgs() -> list[dict[str, Any]]:
    """Return the NSGs of the demo, as Azure once returned them."""
    text = files("nsg_emulator.samples").joinpath("nsgs.json").read_text()
    found: list[dict[str, Any]] = json.loads(text)
    return found


class Operator(Protocol):
    """The operator's process, as the stage needs it."""

    @property
    def returncode(self) -> int | None:
        """What it ended with; None while it runs."""

    def send_signal(self, signal: int, /) -> None:
        """Send it a signal."""

    async def wait(self) -> int:
        """Wait until it ends, and return what it ended with."""


@dataclass(slots=True)
class DemoEnvironment:
    """Everything that plays a part."""

    folder: Path
    azure: arm.Running
    cluster: kube.Running
    receiver: Receiver
    kubeconfig: Path
    process: Operator | None = None

    @property
    def rogue(self) -> Rogue:
        """Somebody with the right role and no baseline in mind."""
        token = self.azure.emulator.user_token(ROGUE, ip="203.0.113.7")
        return Rogue(self.azure.url, str(self.azure.ca_file), token)

    async def start_operator(self) -> None:
        """Start `nsgb run`, found through KUBECONFIG and workload identity alone."""
        self.process = await start_operator(self.folder, self.azure, self.kubeconfig, OPERATOR_NAMESPACE)

    async def stop_operator(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the operator and wait until it is gone."""
        process, self.process = self.process, None
        if process is not None and process.returncode is None:
            process.send_signal(how)
            await process.wait()

    def custom(self, kind: str, name: str, namespace: str = TEAM_NAMESPACE) -> dict[str, Any]:
        """Return a custom resource as it is stored."""
        return self.cluster.api.get(API_VERSION, kind, name, namespace)

    async def until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for a state of the cluster, looking again whenever somebody writes to it.

        Raises:
            OperatorEndedError: the operator is no more.
        """
        heard = asyncio.Event()

        def hear(_: object) -> None:
            heard.set()

        listeners = self.cluster.api.requests.listeners
        listeners.append(hear)
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    if self.process is not None and self.process.returncode is not None:
                        raise OperatorEndedError(f"nsgb run ended; its log is {self.folder / 'operator.log'}")
                    await heard.wait()
                    heard.clear()
        finally:
            listeners.remove(hear)


async def start_operator(
    folder: Path, azure: arm.Running, kubeconfig: Path, namespace: str
) -> asyncio.subprocess.Process:
    """Start `nsgb run` as its own process; it logs to operator.log in the folder."""
    environment = operator_environment(folder, azure, kubeconfig, namespace)
    command = (sys.executable, "-m", "nsg_baseline.cli", "run")
    with (folder / "operator.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)


def operator_environment(folder: Path, azure: arm.Running, kubeconfig: Path, namespace: str) -> dict[str, str]:
    """Return the environment in which `nsgb run` finds both emulators, and nothing else."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "KUBERNETES_"))},
        **client_environment(folder, azure, kubeconfig),
        "NSGB_NAMESPACE": namespace,
        "NSGB_HEALTH_PORT": "0",
        # The receiver of alerts is on this machine.
        "NSGB_ALERT_LOCAL_ADDRESSES": "true",
        "NSGB_LOG_FORMAT": "console",
        "NO_COLOR": "1",
    }


def client_environment(folder: Path, azure: arm.Running, kubeconfig: Path) -> dict[str, str]:
    """Return the variables by which every command finds both emulators."""
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
    """The operator ended though nobody stopped it."""


@contextlib.asynccontextmanager
async def demo_environment(folder: Path, nsgs: Sequence[dict[str, Any]] = ()) -> AsyncIterator[DemoEnvironment]:
    """Set the stage: Azure with NSGs (the recorded ones by default), a cluster with the CRDs, a receiver."""
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
        found = DemoEnvironment(folder, running_azure, running_cluster, receiver, Path(kubeconfig))
        try:
            yield found
        finally:
            await found.stop_operator()


def objects(
    receiver: Receiver,
    namespace: str = OPERATOR_NAMESPACE,
    interval: str = "10s",
    nsgs: Sequence[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Return what people would keep in Git: a scope, a route with its Secret, and a baseline for each NSG.

    `namespace` is the operator's own.
    """
    urls = base64.b64encode(receiver.url.encode()).decode()
    lives = [read_live(document) for document in list(nsgs) or recorded_nsgs()]
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
