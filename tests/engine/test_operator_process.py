"""The operator as a process against both emulators: the requests that it sends and the objects that it writes."""

from typing import Any

from nsg_baseline.api.common import API_VERSION, REQUESTED_AT
from nsg_baseline.cli.demo.environment import OPERATOR_NAMESPACE, TEAM_NAMESPACE, DemoEnvironment, recorded_nsgs
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from nsg_emulator.arm.faults import forbidden
from tests.engine.operator_process import OperatorProcess

IDS = {nsg["name"]: str(nsg["id"]) for nsg in recorded_nsgs()}
NAMES = tuple(name.lower() for name in IDS)


def condition(environment: DemoEnvironment, name: str, kind: str) -> str | None:
    status = environment.custom("NSGBaseline", name).get("status") or {}
    return next((entry["status"] for entry in status.get("conditions", ()) if entry["type"] == kind), None)


async def wait_until_compliant(environment: DemoEnvironment) -> None:
    """Wait until all is judged, and the route was looked at."""
    await environment.until(lambda: all(condition(environment, name, "Compliant") == "True" for name in NAMES))
    await environment.until(lambda: bool(_chat(environment)))


def _chat(environment: DemoEnvironment) -> dict[str, Any]:
    return dict(environment.custom("NSGAlertRoute", "chat", OPERATOR_NAMESPACE).get("status") or {})


async def request_pass(environment: DemoEnvironment, word: str) -> None:
    """Ask for a pass and wait until it is over."""
    environment.cluster.api.patch(API_VERSION, "NSGScope", "demo", {"metadata": {"annotations": {REQUESTED_AT: word}}})
    await environment.until(lambda: scope_status(environment).get("lastHandledReconcileAt") == word)


def scope_status(environment: DemoEnvironment) -> dict[str, Any]:
    status: dict[str, Any] = environment.cluster.api.get(API_VERSION, "NSGScope", "demo").get("status") or {}
    return status


def scope_condition(environment: DemoEnvironment, kind: str) -> dict[str, Any]:
    return next((entry for entry in scope_status(environment).get("conditions", ()) if entry["type"] == kind), {})


def incidents(environment: DemoEnvironment, kind: str = "Drift") -> list[dict[str, Any]]:
    return [
        incident
        for incident in environment.cluster.api.list(API_VERSION, "NSGIncident")
        if incident["spec"]["kind"] == kind
    ]


async def test_a_reconcile_without_changes_writes_nothing(demo: DemoEnvironment) -> None:
    # Thousands of baselines a minute must not load etcd or use up ARM's limits: one request a page, no write.
    demo.azure.emulator.configure(page_size=2)
    await demo.start_operator()
    await wait_until_compliant(demo)
    await request_pass(demo, "first")
    demo.azure.emulator.requests.reset()
    demo.cluster.api.requests.reset()
    await request_pass(demo, "second")
    listings = [record for record in demo.azure.emulator.requests.records if "networkSecurityGroups" in record.path]
    assert len(listings) == 2
    writes = [record for record in demo.cluster.api.requests if record.verb in ("create", "update", "patch", "delete")]
    # The one write is the echo of the request itself.
    assert [record.path.rsplit("/", 2)[-2:] for record in writes] == [["demo", "status"]]


async def test_a_restart_without_changes_writes_nothing(demo: DemoEnvironment) -> None:
    # A rollout of the operator must neither alert again nor write a status.
    await demo.start_operator()
    await wait_until_compliant(demo)
    await demo.rogue.put_rule(IDS["appgate"], "open-ssh", **OPEN_SSH)
    await demo.receiver.next("new rule open-ssh")
    await demo.until(lambda: bool(incidents(demo)[0]["status"].get("deliveries")) and not _chat(demo)["inFlight"])
    await demo.stop_operator()
    demo.cluster.api.requests.reset()
    await demo.start_operator()
    await request_pass(demo, "after the restart")
    writes = [
        request for request in demo.cluster.api.requests if request.verb in ("create", "update", "patch", "delete")
    ]
    assert [request.path.rsplit("/", 2)[-2:] for request in writes] == [["demo", "status"]]
    assert len(demo.receiver.alerts) == 1


async def test_an_edit_of_a_baseline_is_reconciled_at_once_and_is_not_drift(demo: DemoEnvironment) -> None:
    # An approval of a new rule must not notify on-call, because Azure did not change, and must not wait for the
    # interval.
    await demo.start_operator()
    await wait_until_compliant(demo)
    rules = demo.custom("NSGBaseline", "appgate")["spec"]["rules"]
    new = {"name": "new", **OPEN_SSH}
    patch = {"spec": {"rules": [*rules, new]}}
    demo.cluster.api.patch(API_VERSION, "NSGBaseline", "appgate", patch, TEAM_NAMESPACE)
    await demo.until(lambda: condition(demo, "appgate", "Reconciling") == "True")
    assert condition(demo, "appgate", "Compliant") == "False"
    assert condition(demo, "appgate", "Ready") == "True"
    assert incidents(demo) == []
    await demo.rogue.put_rule(IDS["appgate"], "new", **OPEN_SSH)
    await demo.until(lambda: condition(demo, "appgate", "Compliant") == "True")
    assert demo.receiver.alerts == []


async def test_an_acknowledgement_does_not_wait_for_the_interval(operator_process: OperatorProcess) -> None:
    # The next reconcile can be an hour away. Pagers would go on until then.
    environment = operator_process.environment
    await environment.rogue.put_rule(IDS["appgate"], "open-ssh", **OPEN_SSH)
    await operator_process.reconcile()
    (incident,) = incidents(environment)
    patch = {"spec": {"acknowledged": {"by": "jo", "note": "on it"}}}
    environment.cluster.api.patch(API_VERSION, "NSGIncident", incident["metadata"]["name"], patch, TEAM_NAMESPACE)
    await environment.until(lambda: incidents(environment)[0]["status"]["event"] == "Acknowledged")


async def test_a_contradictory_baseline_does_not_affect_others(demo: DemoEnvironment) -> None:
    # The mistake of one team must not stop the reconciles of others, and its NSG must not become unbaselined.
    rules = demo.custom("NSGBaseline", "appgate")["spec"]["rules"]
    twin = {**rules[0], "name": rules[0]["name"].upper()}
    patch = {"spec": {"rules": [*rules, twin]}}
    demo.cluster.api.patch(API_VERSION, "NSGBaseline", "appgate", patch, TEAM_NAMESPACE)
    await demo.start_operator()
    await demo.until(lambda: condition(demo, "appgate", "Ready") == "False")
    await demo.until(lambda: all(condition(demo, name, "Compliant") == "True" for name in NAMES if name != "appgate"))
    ready = next(
        condition
        for condition in demo.custom("NSGBaseline", "appgate")["status"]["conditions"]
        if condition["type"] == "Ready"
    )
    assert ready["reason"] == "InvalidSpec"
    assert "spec.rules[" in ready["message"]
    await request_pass(demo, "now")
    assert scope_status(demo)["unbaselined"] == 0


async def test_a_refused_listing_is_not_a_deletion(demo: DemoEnvironment) -> None:
    # A missing right to read does not mean that everything was deleted.
    await demo.start_operator()
    await wait_until_compliant(demo)
    demo.azure.emulator.faults.add(forbidden(count=None))
    await demo.until(lambda: scope_condition(demo, "Ready").get("status") == "False")
    ready = scope_condition(demo, "Ready")
    assert ready["reason"] == "Forbidden"
    assert all(condition(demo, name, "Compliant") == "True" for name in NAMES)
    assert incidents(demo) == []


async def test_the_operator_stops_cleanly_on_sigterm(demo: DemoEnvironment) -> None:
    # A rollout waits for it, and kopf logs tasks that do not end within five seconds as hung.
    await demo.start_operator()
    await wait_until_compliant(demo)
    process = demo.process
    assert process is not None
    await demo.stop_operator()
    assert process.returncode == 0
    log_text = (demo.folder / "operator.log").read_text().lower()
    assert "hung" not in log_text
    assert "traceback" not in log_text
