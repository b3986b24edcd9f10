"""The operator as its own process against both emulators: what it asks and what it writes."""

from typing import Any

from nsg_baseline.api.common import API_VERSION, REQUESTED_AT
from nsg_baseline.cli.demo.environment import OPERATOR_NAMESPACE, TEAM_NAMESPACE, DemoEnvironment, recorded_nsgs
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from nsg_emulator.arm.faults import forbidden

IDS = {nsg["name"]: str(nsg["id"]) for nsg in recorded_nsgs()}
NAMES = tuple(name.lower() for name in IDS)


def condition(stage: DemoEnvironment, name: str, kind: str) -> str | None:
    status = stage.custom("NSGBaseline", name).get("status") or {}
    return next((one["status"] for one in status.get("conditions", ()) if one["type"] == kind), None)


async def settled(stage: DemoEnvironment) -> None:
    """Wait until all is judged, and the route was looked at."""
    await stage.until(lambda: all(condition(stage, name, "Compliant") == "True" for name in NAMES))
    await stage.until(lambda: bool(_chat(stage)))


def _chat(stage: DemoEnvironment) -> dict[str, Any]:
    return dict(stage.custom("NSGAlertRoute", "chat", OPERATOR_NAMESPACE).get("status") or {})


async def request_pass(stage: DemoEnvironment, word: str) -> None:
    """Ask for a pass and wait until it is over."""
    stage.cluster.api.patch(API_VERSION, "NSGScope", "demo", {"metadata": {"annotations": {REQUESTED_AT: word}}})
    await stage.until(lambda: scope_status(stage).get("lastHandledReconcileAt") == word)


def scope_status(stage: DemoEnvironment) -> dict[str, Any]:
    status: dict[str, Any] = stage.cluster.api.get(API_VERSION, "NSGScope", "demo").get("status") or {}
    return status


def scope_condition(stage: DemoEnvironment, kind: str) -> dict[str, Any]:
    return next((one for one in scope_status(stage).get("conditions", ()) if one["type"] == kind), {})


def incidents(stage: DemoEnvironment, kind: str = "Drift") -> list[dict[str, Any]]:
    return [one for one in stage.cluster.api.list(API_VERSION, "NSGIncident") if one["spec"]["kind"] == kind]


async def test_a_pass_over_an_unchanged_world_writes_nothing(staged: DemoEnvironment) -> None:
    # Thousands of baselines a minute must not wear out etcd, nor ARM's budget: one request a page, no write.
    staged.azure.emulator.configure(page_size=2)
    await staged.start_operator()
    await settled(staged)
    await request_pass(staged, "first")
    staged.azure.emulator.requests.reset()
    staged.cluster.api.requests.reset()
    await request_pass(staged, "second")
    listings = [one for one in staged.azure.emulator.requests.records if "networkSecurityGroups" in one.path]
    assert len(listings) == 2
    writes = [one for one in staged.cluster.api.requests if one.verb in ("create", "update", "patch", "delete")]
    # The one write is the echo of the request itself.
    assert [one.path.rsplit("/", 2)[-2:] for one in writes] == [["demo", "status"]]


async def test_a_restart_over_an_unchanged_world_writes_nothing(staged: DemoEnvironment) -> None:
    # A rollout of the operator must neither alert again nor touch a status.
    await staged.start_operator()
    await settled(staged)
    await staged.rogue.put_rule(IDS["appgate"], "open-ssh", **OPEN_SSH)
    await staged.receiver.next("new rule open-ssh")
    await staged.until(lambda: bool(incidents(staged)[0]["status"].get("deliveries")) and not _chat(staged)["inFlight"])
    await staged.stop_operator()
    staged.cluster.api.requests.reset()
    await staged.start_operator()
    await request_pass(staged, "after the restart")
    writes = [one for one in staged.cluster.api.requests if one.verb in ("create", "update", "patch", "delete")]
    assert [one.path.rsplit("/", 2)[-2:] for one in writes] == [["demo", "status"]]
    assert len(staged.receiver.alerts) == 1


async def test_an_edit_is_judged_at_once_and_is_no_drift(staged: DemoEnvironment) -> None:
    # Approving a new rule must not page anybody: nobody changed Azure; and nobody waits for the next interval.
    await staged.start_operator()
    await settled(staged)
    rules = staged.custom("NSGBaseline", "appgate")["spec"]["rules"]
    new = {"name": "new", **OPEN_SSH}
    patch = {"spec": {"rules": [*rules, new]}}
    staged.cluster.api.patch(API_VERSION, "NSGBaseline", "appgate", patch, TEAM_NAMESPACE)
    await staged.until(lambda: condition(staged, "appgate", "Reconciling") == "True")
    assert condition(staged, "appgate", "Compliant") == "False"
    assert condition(staged, "appgate", "Ready") == "True"
    assert incidents(staged) == []
    await staged.rogue.put_rule(IDS["appgate"], "new", **OPEN_SSH)
    await staged.until(lambda: condition(staged, "appgate", "Compliant") == "True")
    assert staged.receiver.alerts == []


async def test_a_contradictory_baseline_is_invalid_alone(staged: DemoEnvironment) -> None:
    # One team's mistake must not blind the watch of the others, and its NSG is not suddenly without a baseline.
    rules = staged.custom("NSGBaseline", "appgate")["spec"]["rules"]
    twin = {**rules[0], "name": rules[0]["name"].upper()}
    patch = {"spec": {"rules": [*rules, twin]}}
    staged.cluster.api.patch(API_VERSION, "NSGBaseline", "appgate", patch, TEAM_NAMESPACE)
    await staged.start_operator()
    await staged.until(lambda: condition(staged, "appgate", "Ready") == "False")
    await staged.until(
        lambda: all(condition(staged, name, "Compliant") == "True" for name in NAMES if name != "appgate")
    )
    ready = next(
        one for one in staged.custom("NSGBaseline", "appgate")["status"]["conditions"] if one["type"] == "Ready"
    )
    assert ready["reason"] == "InvalidSpec"
    assert "spec.rules[" in ready["message"]
    await request_pass(staged, "now")
    assert scope_status(staged)["unbaselined"] == 0


async def test_a_refusal_by_azure_concludes_nothing(staged: DemoEnvironment) -> None:
    # No right to read is no deletion of everything.
    await staged.start_operator()
    await settled(staged)
    staged.azure.emulator.faults.add(forbidden(count=None))
    await staged.until(lambda: scope_condition(staged, "Ready").get("status") == "False")
    ready = scope_condition(staged, "Ready")
    assert ready["reason"] == "Forbidden"
    assert all(condition(staged, name, "Compliant") == "True" for name in NAMES)
    assert incidents(staged) == []


async def test_it_ends_in_order_when_told_to(staged: DemoEnvironment) -> None:
    # A rollout waits for it; what kopf has to end for us after five seconds it calls hung.
    await staged.start_operator()
    await settled(staged)
    process = staged.process
    assert process is not None
    await staged.stop_operator()
    assert process.returncode == 0
    said = (staged.folder / "operator.log").read_text().lower()
    assert "hung" not in said
    assert "traceback" not in said
