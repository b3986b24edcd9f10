"""The chart's tests have a separate control plane, because they install and remove CRDs that other tests need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.devcluster import Cluster
from tests.cluster.programs import Program


@pytest.fixture(scope="session")
def chart() -> Path:
    return Path(__file__).parents[2] / "charts" / "nsg-baseline-operator"


@pytest.fixture(scope="session")
def offline_helm(clients: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(clients["helm"], tmp_path_factory.mktemp("helm-home"))


@pytest.fixture(scope="package")
def cluster(tools: dict[str, Path]) -> Iterator[Cluster]:
    with Cluster(tools) as running:
        yield running


@pytest.fixture(scope="package")
def kubectl(tools: dict[str, Path], cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(tools["kubectl"], tmp_path_factory.mktemp("kubectl-home"), cluster.kubeconfig)


@pytest.fixture(scope="package")
def helm(tools: dict[str, Path], cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(tools["helm"], tmp_path_factory.mktemp("helm-home"), cluster.kubeconfig)
