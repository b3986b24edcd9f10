"""The demo's scenario on a real API server: installed with helm, under the ServiceAccount of the chart."""

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
CRDS = ("nsgscopes", "nsgguardrails", "nsgbaselines", "nsgalertroutes", "nsgincidents")


@dataclass(frozen=True, slots=True)
class ScenarioEnvironment:
    """The administrator's kubectl, the Azure emulator, a user with a role in Azure, and a chat."""

    kubectl: Program
    azure: arm.Running
    receiver: Receiver
    kstatus: Callable[[dict[str, Any]], str]

    @property
    def rogue(self) -> Rogue:
        return Rogue(self.azure.url, str(self.azure.ca_file), self.azure.emulator.user_token("jo@example.com"))

    async def kubectl_async(self, *arguments: str) -> str:
        # In a thread, because this event loop serves Azure and the chat.
        return await asyncio.to_thread(self.kubectl, *arguments)

    async def baseline(self, name: str) -> dict[str, Any]:
        baseline = await asyncio.to_thread(self.kubectl.json, "get", "nsgbaseline", name, "-n", TEAM_NAMESPACE)
        return dict(baseline)

    async def state(self, name: str) -> str:
        return self.kstatus(await self.baseline(name))

    async def wait_for(self, name: str, condition: str) -> None:
        where = ("-n", TEAM_NAMESPACE, "--timeout=180s")
        await self.kubectl_async("wait", f"--for=condition={condition}", f"nsgbaseline/{name}", *where)


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
async def scenario_environment(
    kubectl: Program, kstatus: Callable[[dict[str, Any]], str], folder: Path
) -> AsyncIterator[ScenarioEnvironment]:
    async with (
        arm.serve(arm.ArmEmulator(state=recorded_nsgs()), ca_file=folder / "ca.pem") as azure,
        receiving() as receiver,
    ):
        yield ScenarioEnvironment(kubectl, azure, receiver, kstatus)


async def test_the_demo_scenario_under_the_charts_permissions(
    kubectl: Program,
    kstatus: Callable[[dict[str, Any]], str],
    token_kubeconfig: Path,
    stranger: Program,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # What the demo shows on the embedded API must also work with a real schema, real permissions and real watches.
    first_folder, second_folder = (tmp_path_factory.mktemp(name) for name in ("first", "second"))
    # What the demo shows on the embedded API must hold where the schema, the rights and the watches are real.
    async with scenario_environment(kubectl, kstatus, tmp_path) as environment:
        resources = objects(environment.receiver, NAMESPACE)
        await asyncio.to_thread(kubectl.apply, *resources)
        assert await environment.state("appgate") == "InProgress"
        async with replica(environment, first_folder, token_kubeconfig) as first:
            for name in IDS:
                await environment.wait_for(name.lower(), "Compliant")
            async with replica(environment, second_folder, token_kubeconfig):
                await report_changes(environment)
                await enforce_approved_rules(environment)
                await assert_tenant_isolation(environment, stranger)
                await assert_kubectl_output(environment)
                await replace_the_leader(environment, first)


@contextlib.asynccontextmanager
async def replica(
    environment: ScenarioEnvironment, folder: Path, kubeconfig: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a replica of the operator. It must neither end by itself nor lack a permission."""
    log = folder / "operator.log"
    process = await start_operator(folder, environment.azure, kubeconfig, NAMESPACE)
    try:
        yield process
        assert process.returncode in (None, -signal.SIGKILL), log.read_text()[-3000:]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
    assert "forbidden" not in log.read_text().lower()


async def report_changes(environment: ScenarioEnvironment) -> None:
    await environment.rogue.put_rule(IDS["appgate"], "open-ssh", **OPEN_SSH)
    await environment.receiver.next("appgate", "new rule open-ssh")
    await environment.wait_for("appgate", "Compliant=False")
    # Flux and Helm must not hang because somebody edited Azure.
    assert await environment.state("appgate") == "Current"

    widened = {**OPEN_SSH, "priority": 1001}
    await environment.rogue.put_rule(IDS["us3-staging-dog-vault"], "us3-staging-dog-vault-ssh", **widened)
    await environment.receiver.next("changed rule us3-staging-dog-vault-ssh")

    await environment.rogue.delete_rule(IDS["c7n-nsg"], "test4")
    await environment.receiver.next("deleted rule test4")

    backdoor = IDS["nsg-mixed-rules"].replace("nsg-mixed-rules", "backdoor")
    await environment.rogue.put_nsg(backdoor, {"location": "westus", "properties": {"securityRules": []}})
    await environment.receiver.next("NSG backdoor", "has no baseline")

    await environment.rogue.delete_nsg(IDS["nsg-mixed-rules"])
    await environment.receiver.next("nsg-mixed-rules", "deleted NSG")


async def enforce_approved_rules(environment: ScenarioEnvironment) -> None:
    await environment.kubectl_async("patch", "nsgscope", "demo", "--type=merge", "-p", '{"spec":{"maxMode":"Enforce"}}')
    enforce = ("--type=merge", "-p", '{"spec":{"mode":"Enforce"}}')
    await environment.kubectl_async("patch", "nsgbaseline", "appgate", "-n", TEAM_NAMESPACE, *enforce)
    await environment.receiver.next("FIXED", "appgate", "open-ssh")
    await environment.wait_for("appgate", "Compliant")
    live = await environment.rogue.get(IDS["appgate"])
    assert "open-ssh" not in {rule["name"] for rule in live["properties"]["securityRules"]}


async def assert_tenant_isolation(environment: ScenarioEnvironment, stranger: Program) -> None:
    """Check that a user who may write baselines gets no access to NSGs that the scope does not allow."""
    requests = environment.azure.emulator.requests
    backdoor = IDS["appgate"].replace("appgate", "backdoor")
    await environment.rogue.put_nsg(backdoor, {"location": "westus", "properties": {"securityRules": [SSH]}})
    before = [await environment.rogue.get(nsg) for nsg in (IDS["appgate"], backdoor)]
    requests.reset()
    for name, nsg in (("mine", IDS["appgate"]), ("free", backdoor)):
        spec = {"target": {"resourceId": nsg}, "mode": "Enforce", "rules": [], "rolloutGrace": "0s"}
        grab = {"apiVersion": API_VERSION, "kind": "NSGBaseline", "metadata": {"name": name, "namespace": STRANGERS}}
        await asyncio.to_thread(stranger.apply, {**grab, "spec": spec})
        where = ("-n", STRANGERS, "--timeout=60s")
        reason = '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=NamespaceNotAllowed'
        await environment.kubectl_async("wait", reason, f"nsgbaseline/{name}", *where)
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
    await environment.kubectl_async("annotate", "nsgscope", "demo", f"{REQUESTED_AT}={word}", "--overwrite")
    handled = f"--for=jsonpath={{.status.lastHandledReconcileAt}}={word}"
    await environment.kubectl_async("wait", handled, "nsgscope/demo", "--timeout=60s")
    assert requests.total("PUT", "PATCH", "DELETE") == 0
    assert [await environment.rogue.get(nsg) for nsg in (IDS["appgate"], backdoor)] == before


async def assert_kubectl_output(environment: ScenarioEnvironment) -> None:
    """Check what kubectl shows."""
    table = await environment.kubectl_async("get", "nsgbaselines,nsgincidents", "-A")
    assert "us3-staging-dog-vault" in table
    assert "Resolved" in table
    described = await environment.kubectl_async("describe", "nsgbaseline", "c7n-nsg", "-n", TEAM_NAMESPACE)
    assert "DriftOpened" in described
    assert "RuleDeleted test4" in described


async def replace_the_leader(environment: ScenarioEnvironment, leader: asyncio.subprocess.Process) -> None:
    """Kill the leader: the other replica takes over within 20 seconds, and repeats at most one message."""
    before = await lease_spec(environment)
    died = datetime.now(UTC)
    leader.kill()
    await leader.wait()
    await environment.rogue.put_rule(IDS["appgate"], "open-rdp", **{**OPEN_SSH, "destinationPortRange": "3389"})
    await environment.receiver.next("FIXED", "appgate", "open-rdp")
    after = await lease_spec(environment)
    assert after["holderIdentity"] != before["holderIdentity"]
    assert datetime.fromisoformat(after["acquireTime"]) - died < TAKEOVER
    keys = [alert["key"] for alert in environment.receiver.alerts]
    assert len(keys) - len(set(keys)) <= 1


async def lease_spec(environment: ScenarioEnvironment) -> dict[str, Any]:
    lease = await asyncio.to_thread(environment.kubectl.json, "get", "lease", NAME, "-n", NAMESPACE)
    return dict(lease["spec"])
