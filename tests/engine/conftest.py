"""The stage of the demo, for tests: both emulators here, the real `nsgb run` as its own process."""

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from nsg_baseline.cli.demo.environment import DemoEnvironment, demo_environment, objects
from tests.engine.operator_process import OperatorProcess
from tests.engine.process_forker import ProcessForker


@pytest.fixture(autouse=True)
def _nobody_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch off attribution, because these tests count messages; other tests cover it."""
    monkeypatch.setenv("NSGB_ATTRIBUTION", "false")


@pytest.fixture(autouse=True)
def _nobody_is_elected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next life begin at once: the Lease of one that was killed lasts for 15 seconds."""
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
    """An operator that was started, and found every NSG as approved; it looks again when it is asked to."""
    async with demo_environment(tmp_path) as environment:
        for resource in objects(environment.receiver, interval="24h"):
            environment.cluster.api.apply(resource)
        operator_run = OperatorProcess(environment, process_forker)
        operator_run.start()
        await operator_run.wait_until_compliant()
        yield operator_run
        await environment.stop_operator(signal.SIGKILL)
