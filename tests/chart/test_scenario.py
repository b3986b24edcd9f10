"""The demo's story on a real API server: the chart by the real helm, the operator under the chart's ServiceAccount."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.api.common import API_VERSION, REQUESTED_AT
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE, objects, recorded_nsgs, start_operator
from nsg_baseline.cli.demo.receiver import Receiver, receiving
from nsg_baseline.cli.demo.rogue import Rogue
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from nsg_emulator import arm
from tests.cluster.devcluster import Cluster
from tests.cluster.programs import Program

pytestmark = pytest.mark.cluster

NAME = "nsg-baseline-operator"
NAMESPACE = "nsg-baseline-system"
IDS = {nsg["name"]: str(nsg["id"]) for nsg in recorded_nsgs()}
STRANGERS = "strangers"
SSH = {"name": "ssh", "properties": OPEN_SSH}
TAKEOVER = timedelta(seconds=20)
CRDS = ("nsgscopes", "nsgbaselines", "nsgalertroutes", "nsgincidents")


@dataclass(frozen=True, slots=True)
class Scene:
    """Who plays: the administrator's kubectl, Azure, somebody with a role, and a chat."""

    kubectl: Program
    azure: arm.Running
    receiver: Receiver
    kstatus: Callable[[dict[str, Any]], str]

    @property
    def rogue(self) -> Rogue:
        return Rogue(self.azure.url, str(self.azure.ca_file), self.azure.emulator.user_token("jo@example.com"))

    async def ask(self, *arguments: str) -> str:
        # In a thread: Azure and the chat are served by this loop.
        return await asyncio.to_thread(self.kubectl, *arguments)

    async def baseline(self, name: str) -> dict[str, Any]:
        baseline = await asyncio.to_thread(self.kubectl.json, "get", "nsgbaseline", name, "-n", TEAM_NAMESPACE)
        return dict(baseline)

    async def state(self, name: str) -> str:
        return self.kstatus(await self.baseline(name))

    async def until(self, name: str, condition: str) -> None:
        where = ("-n", TEAM_NAMESPACE, "--timeout=180s")
        await self.ask("wait", f"--for=condition={condition}", f"nsgbaseline/{name}", *where)


@pytest.fixture
def token_kubeconfig(helm: Program, kubectl: Program, cluster: Cluster, chart: Path) -> Iterator[Path]:
    """The chart, installed; gives the kubeconfig of its ServiceAccount."""
    for namespace in (NAMESPACE, TEAM_NAMESPACE):
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    helm("install", NAME, chart, "-n", NAMESPACE)
    for crd in CRDS:
        kubectl("wait", "--for=condition=Established", f"crd/{crd}.nsg-baseline.io", "--timeout=120s")
    token = kubectl("create", "token", NAME, "-n", NAMESPACE).strip()
    yield cluster.write_kubeconfig("operator", token)
    helm("uninstall", NAME, "-n", NAMESPACE)
    kubectl("delete", "crd", *(f"{crd}.nsg-baseline.io" for crd in CRDS), "--ignore-not-found", "--timeout=900s")


@pytest.fixture
def stranger(kubectl: Program, cluster: Cluster, token_kubeconfig: Path) -> Iterator[Program]:
    """kubectl of a user who may write baselines in one namespace only."""
    del token_kubeconfig  # which brings the kinds
    kubectl("create", "namespace", STRANGERS)
    kubectl("create", "serviceaccount", "stranger", "-n", STRANGERS)
    verbs = "--verb=get,list,create,update,patch,delete"
    kubectl("create", "role", "baselines", "-n", STRANGERS, verbs, "--resource=nsgbaselines.nsg-baseline.io")
    who = f"--serviceaccount={STRANGERS}:stranger"
    kubectl("create", "rolebinding", "baselines", "-n", STRANGERS, "--role=baselines", who)
    token = kubectl("create", "token", "stranger", "-n", STRANGERS).strip()
    yield kubectl.as_bearer(cluster.write_kubeconfig("stranger-of-the-scope", token))
    kubectl("delete", "namespace", STRANGERS, "--wait=false")


@contextlib.asynccontextmanager
async def playing(kubectl: Program, kstatus: Callable[[dict[str, Any]], str], folder: Path) -> AsyncIterator[Scene]:
    async with (
        arm.serve(arm.ArmEmulator(state=recorded_nsgs()), ca_file=folder / "ca.pem") as azure,
        receiving() as receiver,
    ):
        yield Scene(kubectl, azure, receiver, kstatus)


async def test_the_whole_story_under_the_charts_rights(
    kubectl: Program,
    kstatus: Callable[[dict[str, Any]], str],
    token_kubeconfig: Path,
    stranger: Program,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    first_folder, second_folder = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    # What the demo shows on the embedded API must hold where the schema, the rights and the watches are real.
    async with playing(kubectl, kstatus, tmp_path) as scene:
        resources = objects(scene.receiver, NAMESPACE)
        await asyncio.to_thread(kubectl.apply, *resources)
        assert await scene.state("appgate") == "InProgress"
        async with replica(scene, first_folder, token_kubeconfig) as first:
            for name in IDS:
                await scene.until(name.lower(), "Compliant")
            async with replica(scene, second_folder, token_kubeconfig):
                await changes(scene)
                await enforcement(scene)
                await reach(scene, stranger)
                await words(scene)
                await takeover(scene, first)


@contextlib.asynccontextmanager
async def replica(scene: Scene, folder: Path, kubeconfig: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one replica of the operator. It ends by somebody's hand alone, and lacks no right."""
    log = folder / "operator.log"
    process = await start_operator(folder, scene.azure, kubeconfig, NAMESPACE)
    try:
        yield process
        assert process.returncode in (None, -signal.SIGKILL), log.read_text()[-3000:]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
    assert "forbidden" not in log.read_text().lower()


async def changes(scene: Scene) -> None:
    await scene.rogue.put_rule(IDS["appgate"], "open-ssh", **OPEN_SSH)
    await scene.receiver.next("appgate", "new rule open-ssh")
    await scene.until("appgate", "Compliant=False")
    # Flux and Helm must not hang because somebody edited Azure.
    assert await scene.state("appgate") == "Current"

    widened = {**OPEN_SSH, "priority": 1001}
    await scene.rogue.put_rule(IDS["us3-staging-dog-vault"], "us3-staging-dog-vault-ssh", **widened)
    await scene.receiver.next("changed rule us3-staging-dog-vault-ssh")

    await scene.rogue.delete_rule(IDS["c7n-nsg"], "test4")
    await scene.receiver.next("deleted rule test4")

    backdoor = IDS["nsg-mixed-rules"].replace("nsg-mixed-rules", "backdoor")
    await scene.rogue.put_nsg(backdoor, {"location": "westus", "properties": {"securityRules": []}})
    await scene.receiver.next("NSG backdoor", "without a baseline")

    await scene.rogue.delete_nsg(IDS["nsg-mixed-rules"])
    await scene.receiver.next("nsg-mixed-rules", "deleted NSG")


async def enforcement(scene: Scene) -> None:
    await scene.ask("patch", "nsgscope", "demo", "--type=merge", "-p", '{"spec":{"maxMode":"Enforce"}}')
    enforce = ("--type=merge", "-p", '{"spec":{"mode":"Enforce"}}')
    await scene.ask("patch", "nsgbaseline", "appgate", "-n", TEAM_NAMESPACE, *enforce)
    await scene.receiver.next("FIXED", "appgate", "open-ssh")
    await scene.until("appgate", "Compliant")
    live = await scene.rogue.get(IDS["appgate"])
    assert "open-ssh" not in {rule["name"] for rule in live["properties"]["securityRules"]}


async def reach(scene: Scene, stranger: Program) -> None:
    """Who may write a baseline reaches no NSG beyond what the scope allows the namespace."""
    requests = scene.azure.emulator.requests
    backdoor = IDS["appgate"].replace("appgate", "backdoor")
    await scene.rogue.put_nsg(backdoor, {"location": "westus", "properties": {"securityRules": [SSH]}})
    before = [await scene.rogue.get(nsg) for nsg in (IDS["appgate"], backdoor)]
    requests.reset()
    for name, nsg in (("mine", IDS["appgate"]), ("free", backdoor)):
        spec = {"target": {"resourceId": nsg}, "mode": "Enforce", "rules": [], "rolloutGrace": "0s"}
        grab = {"apiVersion": API_VERSION, "kind": "NSGBaseline", "metadata": {"name": name, "namespace": STRANGERS}}
        await asyncio.to_thread(stranger.apply, {**grab, "spec": spec})
        where = ("-n", STRANGERS, "--timeout=60s")
        reason = '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=NamespaceNotAllowed'
        await scene.ask("wait", reason, f"nsgbaseline/{name}", *where)
    widen = ("--type=merge", "-p", '{"spec":{"allowedNamespaces":{"all":true,"names":null}}}')
    assert "Forbidden" in await asyncio.to_thread(stranger.refusal, "patch", "nsgscope", "demo", *widen)
    tenant_edit = (
        "patch",
        "nsgbaseline",
        "appgate",
        "-n",
        TEAM_NAMESPACE,
        "--type=merge",
        "-p",
        '{"spec":{"rules":[]}}',
    )
    assert "Forbidden" in await asyncio.to_thread(stranger.refusal, *tenant_edit)
    word = "after the strangers"
    await scene.ask("annotate", "nsgscope", "demo", f"{REQUESTED_AT}={word}", "--overwrite")
    handled = f"--for=jsonpath={{.status.lastHandledReconcileAt}}={word}"
    await scene.ask("wait", handled, "nsgscope/demo", "--timeout=60s")
    assert requests.total("PUT", "PATCH", "DELETE") == 0
    assert [await scene.rogue.get(nsg) for nsg in (IDS["appgate"], backdoor)] == before


async def words(scene: Scene) -> None:
    """What kubectl shows of it."""
    table = await scene.ask("get", "nsgbaselines,nsgincidents", "-A")
    assert "us3-staging-dog-vault" in table
    assert "Resolved" in table
    described = await scene.ask("describe", "nsgbaseline", "c7n-nsg", "-n", TEAM_NAMESPACE)
    assert "DriftOpened" in described
    assert "RuleDeleted test4" in described


async def takeover(scene: Scene, leader: asyncio.subprocess.Process) -> None:
    """The node of the leader dies: within 20 seconds the other works, and repeats at most what was on its way."""
    before = await holder(scene)
    died = datetime.now(UTC)
    leader.kill()
    await leader.wait()
    await scene.rogue.put_rule(IDS["appgate"], "open-rdp", **{**OPEN_SSH, "destinationPortRange": "3389"})
    await scene.receiver.next("FIXED", "appgate", "open-rdp")
    after = await holder(scene)
    assert after["holderIdentity"] != before["holderIdentity"]
    assert datetime.fromisoformat(after["acquireTime"]) - died < TAKEOVER
    keys = [alert["key"] for alert in scene.receiver.alerts]
    assert len(keys) - len(set(keys)) <= 1


async def holder(scene: Scene) -> dict[str, Any]:
    lease = await asyncio.to_thread(scene.kubectl.json, "get", "lease", NAME, "-n", NAMESPACE)
    return dict(lease["spec"])
