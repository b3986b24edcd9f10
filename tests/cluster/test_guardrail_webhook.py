"""The validating webhook on the real kube-apiserver: what it refuses, and that its absence harms nothing."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.objects import good
from tests.cluster.devcluster import Cluster
from tests.cluster.programs import Program
from tests.support.guardrails import guardrail_document
from tests.support.rule_shorthand import arm_rule

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]
WEB, SSH = arm_rule("100 web allow tcp Internet -> *:443"), arm_rule("200 ssh allow tcp Internet -> *:22")
DEADLINE_SECONDS = 120
REFUSAL = "guardrail no-ssh (never[0]): rule ssh allows inbound TCP 22 from Internet to any"


@dataclass(slots=True)
class Webhook:
    """An operator that serves the webhook, and its registration."""

    process: subprocess.Popen[bytes]
    kubectl: Program
    namespace: str
    folder: Path

    def is_serving(self) -> bool:
        """Return whether the API server refuses a violating baseline. Nothing is stored."""
        return self.apply("probe", WEB, SSH, arguments=("--dry-run=server",)) != ""

    def apply(self, name: str, *rules: dict[str, Any], arguments: tuple[str, ...] = (), **spec: Any) -> str:
        """Apply a baseline and return the refusal; nothing if it is stored."""
        document = good("NSGBaseline", name)
        document["metadata"]["namespace"] = self.namespace
        resource_id = f"{document['spec']['target']['resourceId']}-{name}"
        document["spec"] = {"target": {"resourceId": resource_id}, "rules": list(rules), **spec}
        file = self.folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(document))
        done = self.kubectl.run("apply", "-f", str(file), *arguments)
        return "" if done.returncode == 0 else done.stderr


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, "the condition does not hold"
        time.sleep(0.3)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def registration(port: int, ca: str, namespace: str) -> dict[str, Any]:
    """Return the registration as the chart has it, with an address of this machine instead of a Service."""
    rule = {
        "apiGroups": ["nsg-baseline.io"],
        "apiVersions": ["v1alpha1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["nsgbaselines"],
        "scope": "Namespaced",
    }
    webhook = {
        "name": "nsgbaselines.nsg-baseline.io",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Ignore",
        "timeoutSeconds": 5,
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "clientConfig": {"url": f"https://127.0.0.1:{port}/nsgbaselines", "caBundle": ca},
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "guardrails-test"},
        "webhooks": [webhook],
    }


@pytest.fixture
def webhook(cluster: Cluster, kubectl: Program, namespace: str, tmp_path: Path) -> Iterator[Webhook]:
    kubectl("apply", "--server-side", "-f", ROOT / "crds")
    kubectl("wait", "--for=condition=Established", "-f", ROOT / "crds", "--timeout=120s")
    guardrail = tmp_path / "guardrail.yaml"
    guardrail.write_text(yaml.safe_dump(guardrail_document()))
    kubectl("apply", "-f", str(guardrail))
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    port = free_port()
    environment = {
        **os.environ,
        "KUBECONFIG": str(cluster.kubeconfig),
        "NSGB_NAMESPACE": namespace,
        "NSGB_HEALTH_PORT": "0",
        "NSGB_LEADER_ELECTION": "false",
        "NSGB_WEBHOOK_PORT": str(port),
        "NSGB_WEBHOOK_CERTIFICATES": str(certificates),
    }
    command = [sys.executable, "-m", "nsg_baseline.cli", "run"]
    with (tmp_path / "operator.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    configuration = tmp_path / "webhook.yaml"
    ca = kubectl("config", "view", "--raw", "-o", "jsonpath={.clusters[0].cluster.certificate-authority-data}")
    configuration.write_text(yaml.safe_dump(registration(port, ca.strip(), namespace)))
    kubectl("apply", "-f", str(configuration))
    running = Webhook(process, kubectl, namespace, tmp_path)
    try:
        # Without a certificate the operator runs, and baselines are stored.
        assert running.apply("early", WEB, SSH) == ""
        pki = cluster.ca.parent
        (certificates / "tls.key").write_bytes((pki / "server.key").read_bytes())
        (certificates / "tls.crt").write_bytes((pki / "server.crt").read_bytes())
        until(running.is_serving)
        yield running
    finally:
        process.terminate()
        process.wait(timeout=60)
        sys.stdout.write((tmp_path / "operator.log").read_text()[-4000:])  # pytest shows it if the test fails
        kubectl("delete", "-f", str(configuration))
        kubectl("delete", "-f", ROOT / "crds", "--timeout=300s")


def test_the_api_server_refuses_a_violating_baseline(webhook: Webhook) -> None:
    # The author must see at apply which guardrail and which rule; everything else must work as without the webhook.
    refusal = webhook.apply("web", WEB, SSH)
    assert "denied the request" in refusal
    assert REFUSAL in refusal
    assert webhook.apply("web", WEB) == ""
    # A later violation of a stored baseline is refused too.
    assert REFUSAL in webhook.apply("web", WEB, SSH)
    # An exception of the baseline is an approval as well.
    exception = {"rule": SSH, "until": "2099-01-01T00:00:00Z", "reason": "INC-42", "approvedBy": "jo"}
    assert REFUSAL in webhook.apply("web", WEB, exceptions=[exception])
    # A baseline from before the guardrail may be edited, as long as nothing is added.
    assert webhook.apply("early", WEB, SSH, mode="Enforce") == ""
    assert "rdp" in webhook.apply("early", WEB, SSH, arm_rule("150 rdp allow tcp Internet -> *:20-30"))
    # Without the operator, the API server stores what the operator would report later.
    webhook.process.terminate()
    webhook.process.wait(timeout=60)
    assert webhook.apply("web", WEB, SSH) == ""
