"""Fixtures around a real kube-apiserver, for every folder of tests; use them in tests marked `cluster` only."""

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.azurite import Azurite
from tests.cluster.build_tools import build_all
from tests.cluster.client_tools import client_tools
from tests.cluster.devcluster import Cluster
from tests.cluster.programs import Program, kstatus_of

Tools = dict[str, Path]


@pytest.fixture(scope="session")
def clients() -> Tools:
    """kubectl and helm, for tests that need no cluster."""
    return client_tools()


@pytest.fixture(scope="session")
def tools(request: pytest.FixtureRequest, clients: Tools) -> Tools:
    """etcd, kube-apiserver, kube-controller-manager, kstatus-probe, kubectl and helm; the first run builds them."""
    with _uncaptured(request):  # a build of 15 minutes must show progress
        return {**build_all(), **clients}


@pytest.fixture(scope="session")
def cluster(tools: Tools) -> Iterator[Cluster]:
    """One control plane for the whole run, RBAC on, without controllers."""
    with Cluster(tools) as running:
        yield running


@pytest.fixture(scope="session")
def controllers(cluster: Cluster) -> None:
    """kube-controller-manager on top, for tests in which namespaces end or owned objects are collected."""
    cluster.start_controllers()


@pytest.fixture(scope="session")
def kubectl(tools: Tools, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """kubectl as the administrator."""
    return Program(tools["kubectl"], tmp_path_factory.mktemp("kubectl-home"), cluster.kubeconfig)


@pytest.fixture(scope="session")
def helm(tools: Tools, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """helm as the administrator. Do not wait for pods: there is no scheduler."""
    return Program(tools["helm"], tmp_path_factory.mktemp("helm-home"), cluster.kubeconfig)


@pytest.fixture(scope="session")
def kstatus(tools: Tools) -> Callable[[dict[str, Any]], str]:
    """Return the status that kstatus computes for an object, such as `Current` or `InProgress`."""
    return partial(kstatus_of, tools["kstatus-probe"])


@pytest.fixture
def namespace(kubectl: Program) -> Iterator[str]:
    """Create a namespace. The fixture deletes it without waiting, because only the controllers can empty it."""
    name = f"test-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def azurite(tmp_path: Path) -> Iterator[Azurite]:
    """A storage account with queues. Each test starts its own, so that it can stop it."""
    (folder := tmp_path / "azurite").mkdir()
    running = Azurite(folder)
    yield running
    running.resume()
    running.stop()


def _uncaptured(request: pytest.FixtureRequest) -> Any:
    return request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled()
