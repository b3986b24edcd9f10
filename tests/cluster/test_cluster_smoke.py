"""The control plane is real: it has the behaviour that the other cluster tests depend on."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.devcluster import Cluster
from tests.cluster.programs import Program

pytestmark = pytest.mark.cluster

CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gates.smoke.example.org"},
    "spec": {
        "group": "smoke.example.org",
        "scope": "Namespaced",
        "names": {"plural": "gates", "singular": "gate", "kind": "Gate"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"port": {"type": "integer"}},
                                "x-kubernetes-validations": [
                                    {"rule": "self.port != 22", "message": "port 22 stays shut", "fieldPath": ".port"}
                                ],
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}


def gate(port: int) -> dict[str, Any]:
    return {
        "apiVersion": "smoke.example.org/v1",
        "kind": "Gate",
        "metadata": {"name": "front"},
        "spec": {"port": port},
    }


def test_the_server_reports_the_version_of_its_source(kubectl: Program) -> None:
    # Without a version stamp it would report v0.0.0, and helm compares it with each chart's kubeVersion.
    assert kubectl.json("version")["serverVersion"]["gitVersion"] == "v1.37.2"


def test_a_cel_rule_refuses_with_its_message_and_field(kubectl: Program, namespace: str) -> None:
    kubectl.apply(CRD)
    kubectl("wait", "--for=condition=Established", "crd/gates.smoke.example.org", "--timeout=30s")
    message = kubectl.refusal("apply", "-n", namespace, "-f", "-", stdin=json.dumps(gate(22)))
    assert "spec.port" in message
    assert "port 22 stays shut" in message
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(gate(443)))


def test_a_serviceaccount_has_exactly_the_permissions_of_its_role(
    kubectl: Program, cluster: Cluster, namespace: str
) -> None:
    kubectl("create", "serviceaccount", "reader", "-n", namespace)
    kubectl("create", "role", "reader", "-n", namespace, "--verb=get,list", "--resource=configmaps")
    kubectl("create", "rolebinding", "reader", "-n", namespace, "--role=reader", f"--serviceaccount={namespace}:reader")
    token = kubectl("create", "token", "reader", "-n", namespace).strip()
    reader = kubectl.as_bearer(cluster.write_kubeconfig(f"{namespace}-reader", token))
    reader("get", "configmaps", "-n", namespace)
    assert "Forbidden" in reader.refusal("get", "secrets", "-n", namespace)
    assert "Forbidden" in reader.refusal("get", "configmaps", "-n", "kube-system")


def test_an_unknown_token_is_refused(kubectl: Program, cluster: Cluster) -> None:
    # Without authentication the other refusals would prove nothing.
    stranger = kubectl.as_bearer(cluster.write_kubeconfig("stranger", "no-such-token"))
    assert "Unauthorized" in stranger.refusal("get", "--raw", "/api/v1/namespaces")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, "Current", id="an object without conditions is taken as settled"),
        pytest.param({"observedGeneration": 1}, "InProgress", id="the controller has not seen this generation"),
        pytest.param(
            {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "False"}]},
            "InProgress",
            id="Ready=False reads as still reconciling, so it must not mean a deviation",
        ),
        pytest.param(
            {"observedGeneration": 2, "conditions": [{"type": "Stalled", "status": "True"}]},
            "Failed",
            id="Stalled is the one condition for giving up",
        ),
    ],
)
def test_kstatus_reads_conditions(
    kstatus: Callable[[dict[str, Any]], str], status: dict[str, Any], expected: str
) -> None:
    resource = gate(443)
    resource["metadata"].update(namespace="any", generation=2)
    assert kstatus({**resource, "status": status}) == expected


def test_controllers_delete_the_content_of_a_deleted_namespace(kubectl: Program, controllers: None) -> None:
    # Leftovers of an uninstall are visible only if a controller collects garbage.
    kubectl("create", "namespace", "short-lived")
    kubectl("create", "configmap", "inside", "-n", "short-lived")
    kubectl("delete", "namespace", "short-lived", "--timeout=60s")
    assert "NotFound" in kubectl.refusal("get", "namespace", "short-lived")
