"""Failures of Azure or Kubernetes: reported with a reason, not taken for deletions, and recovered from without help."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.azure import client
from nsg_baseline.kube.errors import KubeError
from nsg_emulator.arm import Fault
from nsg_emulator.arm.faults import (
    ARM,
    LISTING,
    Answer,
    Delay,
    Drop,
    OmitFromListing,
    StickOperation,
    broken_listing,
    busy,
    forbidden,
    scope_locked,
    throttled,
    unauthorized,
    unavailable,
)
from tests.chaos.environment import ChaosEnvironment, OperatorRun
from tests.chaos.objects import BEGINNING, SUBSCRIPTION, document, live
from tests.engine.enforced_environment import NSGS, enforced_environment
from tests.support.rule_shorthand import arm_rule

SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")

READING: dict[str, tuple[Fault, str]] = {
    "401": (unauthorized(count=None), "Unauthenticated"),
    "403": (forbidden(count=None), "Forbidden"),
    "500": (unavailable(status=500, count=None), "ServerError"),
    "503": (unavailable(status=503, count=None), "ServerError"),
    "a 429 for minutes": (throttled(retry_after=300, count=None), "Throttled"),
    "a storm of 429": (throttled(retry_after=1, count=None), "Throttled"),
    "a cut connection": (Fault(Drop("request"), "GET", ARM, None), "Unreachable"),
    "a body cut in half": (Fault(Drop("body"), "GET", ARM, None), "Unreachable"),
    "no answer": (Fault(Delay(3), "GET", ARM, None), "Timeout"),
    "a listing that breaks off": (broken_listing(after_page=1), "Unreachable"),
    "a listing that is refused on its way": (broken_listing(after_page=1, status=503), "ServerError"),
    "no listing at all": (Fault(Answer(200, "OK", "no list"), "GET", LISTING, None), "InvalidResponse"),
}


@pytest.fixture
async def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ChaosEnvironment]:
    """Three NSGs on two pages, all enforced. Pauses are short."""
    async with enforced_environment(tmp_path, monkeypatch, "60s") as started:
        yield started


def _open_ssh(environment: ChaosEnvironment, name: str = "web") -> None:
    environment.azure.add_nsg(document(NSGS[name], [*BEGINNING, SSH]))


def _writes(environment: ChaosEnvironment) -> list[str]:
    writes = [record for record in environment.azure.requests.records if record.method in ("PUT", "PATCH", "DELETE")]
    return [record.path.rpartition("/")[2] for record in writes]


def _ready(environment: ChaosEnvironment) -> tuple[str, str]:
    (scope,) = environment.objects("NSGScope")
    ready = next(condition for condition in scope["status"]["conditions"] if condition["type"] == "Ready")
    return ready["status"], ready["reason"]


def _baseline_ready(environment: ChaosEnvironment, name: str) -> str:
    baseline = next(item for item in environment.objects("NSGBaseline") if item["metadata"]["name"] == name)
    conditions = baseline["status"]["conditions"]
    return str(next(condition["status"] for condition in conditions if condition["type"] == "Ready"))


def _incidents(environment: ChaosEnvironment, kind: str, state: str = "Open") -> list[dict[str, Any]]:
    incidents = [incident for incident in environment.objects("NSGIncident") if incident["spec"]["kind"] == kind]
    return [incident for incident in incidents if incident["status"]["state"] == state]


async def _reconcile(environment: ChaosEnvironment, operator_run: OperatorRun, times: int = 1) -> None:
    for _ in range(times):
        environment.clock.advance(minutes=1)
        await operator_run.reconcile()


async def _drift_under_fault(environment: ChaosEnvironment, fault: Fault) -> OperatorRun:
    """Reconcile, open SSH, and reconcile again under a fault."""
    operator_run = OperatorRun(environment)
    await _reconcile(environment, operator_run)
    _open_ssh(environment)
    environment.azure.faults.add(fault)
    await _reconcile(environment, operator_run)
    return operator_run


@pytest.mark.parametrize("name", READING)
async def test_a_failed_reading_is_reported_and_recovers(
    environment: ChaosEnvironment, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # An outage of Azure must not end with 300 "deleted" NSGs, or with a write from an incomplete reading.
    fault, reason = READING[name]
    if reason == "Timeout":
        monkeypatch.setattr(client, "READ_SECONDS", 1)
        await environment.connect()
    operator_run = await _drift_under_fault(environment, fault)
    assert _ready(environment) == ("False", reason)
    assert _writes(environment) == []
    assert not [
        baseline for baseline in environment.objects("NSGBaseline") if "NSGDeleted" in json.dumps(baseline["status"])
    ]
    environment.clear_faults()
    # A new client does not wait for the pause that Azure asked for.
    await environment.connect()
    await _reconcile(environment, operator_run)
    assert _ready(environment) == ("True", "Succeeded")
    assert _writes(environment) == ["web"]


async def test_three_intervals_without_a_reading_are_one_incident(environment: ChaosEnvironment) -> None:
    operator_run = OperatorRun(environment)
    environment.azure.faults.add(forbidden(count=None))
    await _reconcile(environment, operator_run, 6)
    (lost,) = _incidents(environment, "WatchLost")
    assert "Forbidden" in lost["status"]["summary"]
    assert lost["status"]["revision"] == 1
    environment.clear_faults()
    await _reconcile(environment, operator_run)
    assert _incidents(environment, "WatchLost") == []


@pytest.mark.parametrize("endpoint", ["https://management.invalid", "https://localhost:1"])
async def test_an_unresolved_host_and_a_closed_port_are_unreachable(
    environment: ChaosEnvironment, endpoint: str
) -> None:
    await environment.connect(endpoint)
    await _reconcile(environment, OperatorRun(environment))
    assert _ready(environment) == ("False", "Unreachable")


async def test_an_untrusted_certificate_is_refused(
    environment: ChaosEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A man in the middle would receive a token that can write NSGs.
    monkeypatch.delenv("SSL_CERT_FILE")
    await environment.connect()
    requests = environment.azure.requests.total()
    await _reconcile(environment, OperatorRun(environment))
    assert _ready(environment)[0] == "False"
    assert environment.azure.requests.total() == requests


async def test_an_nsg_missing_from_a_listing_is_read_by_id(environment: ChaosEnvironment) -> None:
    # Listings may be outdated. Only a 404 from Azure is a deletion.
    operator_run = OperatorRun(environment)
    await _reconcile(environment, operator_run)
    environment.azure.faults.add(Fault(OmitFromListing(NSGS["db"].id), "GET", LISTING, 3))
    await _reconcile(environment, operator_run, 3)
    assert _ready(environment) == ("True", "Succeeded")
    assert environment.objects("NSGIncident") == []


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_an_nsg_missing_from_a_listing_is_not_deleted_without_azures_404(
    environment: ChaosEnvironment, status: int
) -> None:
    # A lost right on a resource group and a 404 from a proxy are not deletions.
    operator_run = OperatorRun(environment)
    await _reconcile(environment, operator_run)
    environment.azure.faults.add(
        Fault(OmitFromListing(NSGS["db"].id), "GET", LISTING, None),
        Fault(Answer(status, "Strange", "no"), "GET", f"{NSGS['db'].id}[?]", None),
    )
    await _reconcile(environment, operator_run, 2)
    assert _ready(environment)[0] == "True", "a tenant's baseline must not stop the scope from being watched"
    assert {name: _baseline_ready(environment, name) for name in NSGS} == {
        "web": "True",
        "db": "False",
        "cache": "True",
    }
    incidents = _incidents(environment, "Drift")
    assert all(incident["status"]["changes"] == [] for incident in incidents)
    assert len(incidents) == (status != 500), "what usually passes by itself is no incident at once"
    await _reconcile(environment, operator_run, 5)
    (incident,) = _incidents(environment, "Drift")
    assert "cannot be judged" in incident["status"]["summary"]


async def test_a_deleted_resource_group_deletes_its_nsgs(environment: ChaosEnvironment) -> None:
    operator_run = OperatorRun(environment)
    await _reconcile(environment, operator_run)
    for _, key in list(environment.azure.store.keys_below(f"/subscriptions/{SUBSCRIPTION}")):
        environment.azure.store.remove(key)
    environment.azure.store.groups.clear()
    await _reconcile(environment, operator_run)
    incidents = _incidents(environment, "Drift")
    assert [incident["status"]["changes"][0]["kind"] for incident in incidents] == ["NSGDeleted"] * 3
    assert _writes(environment) == []


WRITING: dict[str, tuple[Fault, str]] = {
    "a lock": (scope_locked(NSGS["web"].id), "ScopeLocked"),
    "no right": (forbidden(method="PUT", count=None), "Forbidden"),
    "a policy": (
        Fault(Answer(403, "RequestDisallowedByPolicy", "Policy p says no."), "PUT", ARM, None),
        "PolicyDisallowed",
    ),
    "another operation": (busy(count=None), "AnotherOperationInProgress"),
    "an operation that hangs": (Fault(StickOperation(), "PUT", ARM, None), "OutcomeUnknown"),
    "a lost answer": (Fault(Drop("request"), "PUT", ARM, None), "OutcomeUnknown"),
    "throttled": (throttled(method="PUT", retry_after=1, count=None), "Throttled"),
}


@pytest.mark.parametrize("name", WRITING)
async def test_a_failed_write_is_blocked_with_its_reason_and_repeated(environment: ChaosEnvironment, name: str) -> None:
    # A remediation that does not happen without a reason looks like a failure of the operator.
    fault, reason = WRITING[name]
    operator_run = await _drift_under_fault(environment, fault)
    (web,) = [baseline for baseline in environment.objects("NSGBaseline") if baseline["metadata"]["name"] == "web"]
    stalled = [baseline["reason"] for baseline in web["status"]["conditions"] if baseline["type"] == "Stalled"]
    assert stalled == [reason]
    assert len(_writes(environment)) == 1
    environment.clear_faults()
    await environment.connect()
    await _reconcile(environment, operator_run, 2)
    assert "open-ssh" not in (live(environment.azure, NSGS["web"]) or {})
    assert _incidents(environment, "Drift") == []


async def test_a_write_with_a_lost_response_is_not_repeated(environment: ChaosEnvironment) -> None:
    # Azure wrote the rules. A second write could overwrite what somebody wrote since.
    operator_run = OperatorRun(environment)
    await _reconcile(environment, operator_run)
    _open_ssh(environment)
    environment.azure.faults.add(Fault(Drop("answer"), "PUT", ARM, 1))
    await _reconcile(environment, operator_run, 2)
    assert _writes(environment) == ["web"]
    assert _incidents(environment, "Drift") == []


async def test_an_outage_of_the_api_server_loses_no_incident(environment: ChaosEnvironment) -> None:
    # Azure is read and judged as always. It is written only when the incident is stored: a crash between the two
    # would leave no trace of what was open.
    operator_run = OperatorRun(environment)
    await _reconcile(environment, operator_run)
    _open_ssh(environment, "db")
    environment.cluster.interference.fail(10_000, code=503)
    # Longer than a block may last before the incident records it.
    for _ in range(7):
        environment.clock.advance(minutes=1)
        results = await operator_run.reconcile(lists=False)
        assert results["production"].drifted == 1
    assert _writes(environment) == []
    assert environment.objects("NSGIncident") == []
    environment.clear_faults()
    await _reconcile(environment, operator_run, 2)
    (incident,) = _incidents(environment, "Drift", "Resolved")
    assert [action["kind"] for action in incident["status"]["actions"]] == ["Blocked", "Remediated"]
    assert incident["status"]["actions"][0]["reason"] == "IncidentNotStored"
    assert _writes(environment) == ["db"]


async def test_an_operator_that_starts_without_the_api_server_waits(environment: ChaosEnvironment) -> None:
    # It knows no baseline. Each NSG would look unbaselined, and each incident ended.
    environment.cluster.interference.fail(10_000, code=503)
    requests = environment.azure.requests.total()
    with pytest.raises(KubeError):
        await OperatorRun(environment).reconcile()
    assert environment.azure.requests.total() == requests


async def test_a_clock_that_jumps_opens_and_resolves_no_incident(environment: ChaosEnvironment) -> None:
    # The clock of a node may jump by a day, in both directions.
    operator_run = OperatorRun(environment)
    await _reconcile(environment, operator_run)
    for jump in (timedelta(days=1), timedelta(days=-2), timedelta(days=1)):
        environment.clock.now += jump
        await _reconcile(environment, operator_run)
    assert environment.objects("NSGIncident") == []
    _open_ssh(environment)
    await _reconcile(environment, operator_run)
    environment.clock.now -= timedelta(days=1)
    await _reconcile(environment, operator_run)
    (over,) = _incidents(environment, "Drift", "Resolved")
    assert over["status"]["resolution"] == "Remediated"
