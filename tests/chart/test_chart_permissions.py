"""The operator's ServiceAccount has exactly the permissions that the operator needs, as a real authorizer decides."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.devcluster import Cluster
from tests.cluster.programs import Program

pytestmark = pytest.mark.cluster

KINDS = ("nsgscopes", "nsgguardrails", "nsgbaselines", "nsgalertroutes", "nsgincidents")


@dataclass(frozen=True, slots=True)
class Account:
    """The ServiceAccount of a release: its namespace, and kubectl as its bearer."""

    namespace: str
    kubectl: Program

    def may(self, verb: str, resource: str, namespace: str) -> bool:
        where = ["-A"] if namespace == "all" else ["-n", self.namespace if namespace == "own" else namespace]
        kind, _, part = resource.partition("/")  # kubectl would take kind/part for the object `part`
        done = self.kubectl.run("auth", "can-i", verb, kind, f"--subresource={part}", *where)
        answer = done.stdout.strip()
        assert answer in {"yes", "no"}, done.stderr
        return answer == "yes"


def installed(helm: Program, kubectl: Program, cluster: Cluster, chart: Path, *values: str) -> Iterator[Account]:
    namespace = f"rights-{secrets.token_hex(4)}"
    kubectl("create", "namespace", namespace)
    settings = [part for value in ("crds.enabled=false", *values) for part in ("--set", value)]
    helm("install", namespace, chart, "-n", namespace, "--set", "fullnameOverride=" + namespace, *settings)
    token = kubectl("create", "token", namespace, "-n", namespace).strip()
    yield Account(namespace, kubectl.as_bearer(cluster.write_kubeconfig(namespace, token)))
    helm("uninstall", namespace, "-n", namespace)


@pytest.fixture(scope="module")
def crds(kubectl: Program, chart: Path) -> Iterator[None]:
    folder = chart.parents[1] / "crds"
    kubectl("apply", "--server-side", "-f", folder)
    kubectl("wait", "--for=condition=Established", "-f", folder, "--timeout=120s")
    yield
    kubectl("delete", "-f", folder, "--timeout=900s")


@pytest.fixture(scope="module")
def account(helm: Program, kubectl: Program, cluster: Cluster, chart: Path, crds: None) -> Iterator[Account]:
    yield from installed(helm, kubectl, cluster, chart)


@pytest.fixture(scope="module")
def confined(helm: Program, kubectl: Program, cluster: Cluster, chart: Path, crds: None) -> Iterator[Account]:
    kubectl("create", "namespace", "team-confined")
    values = ("rbac.secrets.scope=Namespaces", "rbac.secrets.namespaces={team-confined}")
    yield from installed(helm, kubectl, cluster, chart, *values)
    kubectl("delete", "namespace", "team-confined", "--wait=false")


ALLOWED = [
    *((verb, kind, "all") for kind in KINDS for verb in ("get", "list", "watch")),
    *((verb, f"{kind}/status", "all") for kind in KINDS for verb in ("patch", "update")),
    *((verb, "nsgincidents", "all") for verb in ("create", "patch", "update", "delete")),
    *((verb, events, "all") for events in ("events", "events.events.k8s.io") for verb in ("create", "patch")),
    *((verb, "namespaces", "all") for verb in ("get", "list", "watch")),
    *((verb, "customresourcedefinitions", "all") for verb in ("get", "list", "watch")),
    *((verb, "leases", "own") for verb in ("get", "create", "update", "patch")),
    ("get", "secrets", "all"),
]
REFUSED = [
    *((verb, kind, "all") for kind in KINDS[:4] for verb in ("create", "update", "patch", "delete")),
    *((verb, "secrets", "own") for verb in ("list", "watch", "create", "update", "patch", "delete")),
    *((verb, "leases", "kube-system") for verb in ("get", "create", "update")),
    *((verb, "pods", "own") for verb in ("get", "list", "create", "delete")),
    *((verb, "customresourcedefinitions", "all") for verb in ("create", "update", "patch", "delete")),
    *((verb, "namespaces", "all") for verb in ("create", "patch", "delete")),
    ("create", "serviceaccounts/token", "own"),
    ("create", "pods/exec", "own"),
    ("list", "configmaps", "own"),
    ("delete", "events", "own"),
    ("deletecollection", "nsgincidents", "all"),
    ("delete", "leases", "own"),
    ("bind", "clusterroles", "all"),
    ("escalate", "clusterroles", "all"),
    ("impersonate", "users", "all"),
    ("*", "*", "all"),
]


@pytest.mark.parametrize(("verb", "resource", "where"), ALLOWED)
def test_the_operator_has_the_needed_permissions(account: Account, verb: str, resource: str, where: str) -> None:
    assert account.may(verb, resource, where)


@pytest.mark.parametrize(("verb", "resource", "where"), REFUSED)
def test_the_operator_has_no_other_permissions(account: Account, verb: str, resource: str, where: str) -> None:
    assert not account.may(verb, resource, where)


def test_requests_without_permission_are_refused(account: Account) -> None:
    assert "Forbidden" in account.kubectl.refusal("get", "secrets", "-A")
    assert "is forbidden" in account.kubectl.refusal("create", "configmap", "x", "-n", account.namespace)


@pytest.mark.parametrize(
    ("where", "allowed"), [("own", True), ("team-confined", True), ("kube-system", False), ("all", False)]
)
def test_access_to_secrets_can_be_limited_to_namespaces(confined: Account, where: str, *, allowed: bool) -> None:
    assert confined.may("get", "secrets", where) is allowed
    assert not confined.may("list", "secrets", where)
