"""Two operator processes: the second takes over when the first is killed, and repeats no notification."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nsg_baseline.cli.demo.environment import (
    OPERATOR_NAMESPACE,
    DemoEnvironment,
    demo_environment,
    objects,
    recorded_nsgs,
    start_operator,
)
from nsg_baseline.cli.demo.scenario import OPEN_SSH

APPGATE = next(str(nsg["id"]) for nsg in recorded_nsgs() if nsg["name"] == "appgate")


@pytest.fixture
async def elected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DemoEnvironment]:
    monkeypatch.setenv("NSGB_LEADER_ELECTION", "true")
    async with demo_environment(tmp_path) as environment:
        for resource in objects(environment.receiver):
            environment.cluster.api.apply(resource)
        yield environment


async def test_a_killed_leader_is_replaced_without_repeated_notifications(elected: DemoEnvironment) -> None:
    # Two replicas, and the node of the leader dies.
    await elected.start_operator()
    first = elected.process
    assert first is not None
    await elected.rogue.put_rule(APPGATE, "open-ssh", **OPEN_SSH)
    await elected.receiver.next("new rule open-ssh")
    # Killed between sending and noting it, a message is repeated; that is another test's matter.
    await elected.until(lambda: _is_noted(elected))
    second = await start_operator(elected.folder, elected.azure, elected.kubeconfig, OPERATOR_NAMESPACE)
    try:
        holder = _holder(elected)
        await elected.rogue.delete_rule(APPGATE, "open-ssh")
        first.send_signal(signal.SIGKILL)
        await first.wait()
        elected.process = second
        await elected.receiver.next("RESOLVED", "open-ssh")
        assert _holder(elected) != holder
        assert [alert["alert"]["event"] for alert in elected.receiver.alerts] == ["Opened", "Resolved"]
    finally:
        elected.process = second


def _is_noted(demo: DemoEnvironment) -> bool:
    (incident,) = demo.cluster.api.list("nsg-baseline.io/v1alpha1", "NSGIncident")
    return bool((incident.get("status") or {}).get("deliveries"))


def _holder(demo: DemoEnvironment) -> str:
    lease = demo.cluster.api.get("coordination.k8s.io/v1", "Lease", "nsg-baseline-operator", OPERATOR_NAMESPACE)
    return str(lease["spec"]["holderIdentity"])
