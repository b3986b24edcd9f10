"""Real processes while the API server is away, and while a leader is paused."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from nsg_baseline.api.common import API_VERSION
from nsg_baseline.cli.demo.environment import TEAM_NAMESPACE, DemoEnvironment
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from nsg_emulator.arm.requests import RequestRecord
from tests.engine.operator_process import IDS, NAMES
from tests.engine.process_forker import ProcessForker
from tests.engine.replicas import Replica, Replicas, running_replicas

APPGATE = IDS["appgate"]
INTERVAL_SECONDS = 10


@pytest.fixture
async def replicas(demo: DemoEnvironment, process_forker: ProcessForker) -> AsyncIterator[Replicas]:
    async with running_replicas(demo, process_forker) as started:
        yield started


async def judged(replicas: Replicas) -> None:
    """Wait until every NSG was judged and the route has read its Secret."""
    await replicas.environment.until(lambda: all(_is_compliant(replicas, name) for name in NAMES), seconds=120)
    await replicas.environment.until(lambda: bool(_route_status(replicas)), seconds=120)


async def standing_by(replicas: Replicas) -> Replica:
    """Start a replica beside a leader, and wait until it could take over."""
    replica = replicas.start()
    await replica.logged("listed objects from the Kubernetes API")
    return replica


def listings(replicas: Replicas) -> int:
    """Return how many listings of NSGs Azure was asked for."""
    # The server adds records on its own thread.
    records = list(replicas.environment.azure.emulator.requests.records)
    return sum(record.method == "GET" and record.path.lower().endswith("/networksecuritygroups") for record in records)


def delivered(replicas: Replicas) -> bool:
    return any((incident.get("status") or {}).get("deliveries") for incident in replicas.incidents())


def _outages() -> Iterator[Any]:
    for count, elects in ((1, "false"), (1, "true"), (2, "true")):
        replicas = f"{count}-{elects}"
        yield pytest.param(count, elects, 0, id=f"short-{replicas}")
        # Longer than the Lease and than each pause between two attempts. Nothing else depends on the duration.
        yield pytest.param(count, elects, 45, id=f"long-{replicas}", marks=pytest.mark.slow)
    yield pytest.param(2, "true", 300, id="five-minutes-2-true", marks=pytest.mark.slow)


@pytest.mark.parametrize(("count", "elects", "outage"), tuple(_outages()))
async def test_a_rule_opened_without_the_api_server_is_notified_and_recorded(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch, count: int, elects: str, outage: int
) -> None:
    # An attacker who disturbs the API server must not be able to open a port unseen.
    monkeypatch.setenv("NSGB_LEADER_ELECTION", elects)
    environment = replicas.environment
    leader = replicas.start()
    await judged(replicas)
    if count == 2:
        await standing_by(replicas)
    holder = replicas.holder()
    await environment.cluster.away()
    if elects == "true":
        await leader.logged("the Lease may have expired")
    before = listings(replicas)
    await asyncio.sleep(outage)
    # Readings go on at the promised rate. Counting them, and not seconds, lets a slow machine pass.
    assert listings(replicas) - before >= outage // (INTERVAL_SECONDS + 10)
    opened, before = time.monotonic(), listings(replicas)
    await environment.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    alert = await environment.receiver.next("new rule open-ssh", seconds=120)
    after = listings(replicas) - before
    sys.stdout.write(f"notified after {time.monotonic() - opened:.1f} s and {after} readings, the interval is 10 s\n")
    # The first reading that begins after the opening shows it. Ten seconds later a second one may have begun, no third.
    assert after <= 2
    assert replicas.incidents() == [], "the outage still lasts"
    await environment.cluster.back()
    await environment.until(lambda: delivered(replicas), seconds=120)
    (incident,) = replicas.incidents()
    assert incident["metadata"]["name"] in alert["key"]
    assert incident["status"]["state"] == "Open"
    assert replicas.keys() == {alert["key"]: 1}
    # The leader goes on, and what happens next belongs to the same incident.
    assert [replica.process.returncode for replica in replicas.started] == [None] * count
    await environment.rogue.delete_rule(APPGATE, "open-ssh")
    resolved = await environment.receiver.next("RESOLVED", "open-ssh", seconds=120)
    assert incident["metadata"]["name"] in resolved["key"]
    assert replicas.holder() == holder


async def test_a_replica_that_starts_without_the_api_server_waits(replicas: Replicas) -> None:
    # It knows neither scopes nor baselines: it may conclude nothing, and must say so.
    environment = replicas.environment
    await environment.cluster.away()
    await environment.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    replica = replicas.start()
    await replica.logged("cannot list objects from the Kubernetes API")
    assert environment.receiver.alerts == []
    assert replica.process.returncode is None
    await environment.cluster.back()
    await environment.receiver.next("new rule open-ssh", seconds=120)


async def test_a_leader_that_was_paused_writes_nothing(replicas: Replicas, monkeypatch: pytest.MonkeyPatch) -> None:
    # Stopped between its reading for a write and the write, and continued when another replica leads: the write would
    # undo what the other replica, or somebody since, has done.
    monkeypatch.setenv("NSGB_LEADER_ELECTION", "true")
    environment = replicas.environment
    paused = replicas.start()
    await judged(replicas)
    successor = await standing_by(replicas)
    first = replicas.holder()
    api = environment.cluster.api
    api.patch(API_VERSION, "NSGScope", "demo", {"spec": {"maxMode": "Enforce"}})
    api.patch(API_VERSION, "NSGBaseline", "appgate", {"spec": {"mode": "Enforce"}}, TEAM_NAMESPACE)

    def pause(record: RequestRecord) -> None:
        if record.method == "GET" and record.path == APPGATE and record.caller == paused.client_id:
            paused.process.send_signal(signal.SIGSTOP)
            listeners.remove(pause)

    listeners = environment.azure.emulator.requests.listeners
    await environment.until(lambda: _effective_mode(replicas) == "Enforce", seconds=120)
    listeners.append(pause)
    await environment.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    await environment.until(lambda: replicas.holder() not in ("", first), seconds=120)
    await environment.receiver.next("FIXED", "open-ssh", seconds=120)
    assert len(replicas.writes(successor)) == 1
    paused.process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(120):
        assert await paused.process.wait() != 0
    assert replicas.writes(paused) == []
    assert "another replica has held the Lease" in paused.log.read_text()
    assert max(replicas.keys().values()) <= 2


def _is_compliant(replicas: Replicas, name: str) -> bool:
    status = replicas.environment.custom("NSGBaseline", name).get("status") or {}
    return any(entry["type"] == "Compliant" and entry["status"] == "True" for entry in status.get("conditions", ()))


def _effective_mode(replicas: Replicas) -> str:
    status = replicas.environment.custom("NSGBaseline", "appgate").get("status") or {}
    return str(status.get("effectiveMode"))


def _route_status(replicas: Replicas) -> object:
    route = replicas.environment.cluster.api.list(API_VERSION, "NSGAlertRoute")[0]
    conditions = (route.get("status") or {}).get("conditions") or ()
    return [entry for entry in conditions if entry["type"] == "Ready" and entry["status"] == "True"]
