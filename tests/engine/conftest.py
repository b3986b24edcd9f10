"""The demo environment for tests: both emulators in this process, and the real `nsgb run` in another one."""

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from nsg_baseline.cli.demo.environment import DemoEnvironment, demo_environment, objects
from tests.engine.operator_process import OperatorProcess
from tests.engine.process_forker import ProcessForker


@pytest.fixture(autouse=True)
def _no_attribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch off attribution, because these tests count messages; other tests cover it."""
    monkeypatch.setenv("NSGB_ATTRIBUTION", "false")


@pytest.fixture(autouse=True)
def _no_leader_election(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a restarted operator work at once: the Lease of a killed one lasts for 15 seconds."""
    monkeypatch.setenv("NSGB_LEADER_ELECTION", "false")


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[DemoEnvironment]:
    async with demo_environment(tmp_path) as environment:
        for resource in objects(environment.receiver):
            environment.cluster.api.apply(resource)
        yield environment


@pytest.fixture(scope="session")
def process_forker() -> Iterator[ProcessForker]:
    forker = ProcessForker()
    yield forker
    forker.close()


@pytest.fixture
async def operator_process(tmp_path: Path, process_forker: ProcessForker) -> AsyncIterator[OperatorProcess]:
    """A running operator with compliant baselines; it reconciles again on request."""
    async with demo_environment(tmp_path) as environment:
        for resource in objects(environment.receiver, interval="24h"):
            environment.cluster.api.apply(resource)
        operator_run = OperatorProcess(environment, process_forker)
        operator_run.start()
        await operator_run.wait_until_compliant()
        yield operator_run
        await environment.stop_operator(signal.SIGKILL)
