"""The example of an archive on the real kube-apiserver: its permissions are enough, and field managers are recorded."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nsg_baseline.cli.evidence.archive import OBJECTS, RUNS
from tests.api.objects import good
from tests.cluster.devcluster import Cluster
from tests.cluster.programs import Program

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]
NAMESPACE = "nsg-baseline-system"


@pytest.fixture
def example(kubectl: Program, namespace: str, tmp_path: Path) -> Iterator[str]:
    """Apply the CRDs and the example, in a separate namespace; Pod Security warns of what it would refuse."""
    kubectl("apply", "--server-side", "-f", ROOT / "crds")
    kubectl("wait", "--for=condition=Established", "-f", ROOT / "crds", "--timeout=120s")
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/warn=restricted")
    file = tmp_path / "evidence.yaml"
    file.write_text((ROOT / "examples" / "evidence-cronjob.yaml").read_text().replace(NAMESPACE, namespace))
    applied = kubectl.run("apply", "--server-side", "--validate=strict", "-f", file)
    assert applied.returncode == 0, applied.stderr
    assert "Warning" not in applied.stderr
    yield namespace
    kubectl("delete", "-f", file, "--wait=false")
    kubectl("delete", "-f", ROOT / "crds", "--timeout=300s")


def report(kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nsg_baseline.cli", "report", "--kubeconfig", str(kubeconfig), *arguments]
    return subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False, timeout=300)


def apply(kubectl: Program, namespace: str, folder: Path, **annotations: str) -> None:
    document: dict[str, Any] = good("NSGBaseline", "web")
    document["metadata"] |= {"namespace": namespace, "annotations": annotations}
    file = folder / "web.yaml"
    file.write_text(yaml.safe_dump(document))
    kubectl("apply", "--server-side", "--field-manager=git-pipeline", "-f", file)


def test_the_account_of_the_example_records_who_wrote_a_baseline(
    cluster: Cluster, kubectl: Program, example: str, tmp_path: Path
) -> None:
    token = kubectl("create", "token", "nsgb-evidence", "-n", example).strip()
    account = cluster.write_kubeconfig("evidence", token)
    apply(kubectl, example, tmp_path, **{"nsg-baseline.io/commit": "9fceb02"})
    folder = tmp_path / "archive"
    folder.mkdir()
    for _ in range(2):
        done = report(account, "--append", str(folder))
        assert done.returncode == 0, done.stderr
        # A gap would mean that the role of the example is not enough.
        assert "not read" not in done.stderr
    [line] = [json.loads(text) for text in (folder / OBJECTS).read_text().splitlines()]
    assert line["references"] == {"nsg-baseline.io/commit": "9fceb02"}
    assert [edit["manager"] for edit in line["writtenBy"]] == ["git-pipeline"]
    assert line["writtenBy"][0]["at"]
    uid = kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    runs = [json.loads(text) for text in (folder / RUNS).read_text().splitlines()]
    assert [run["cluster"]["id"] for run in runs] == [uid, uid]
    # A person edits the object past the pipeline: the last writer is another one.
    kubectl("patch", "nsgbaseline", "web", "-n", example, "--type=merge", "-p", '{"spec": {"suspend": true}}')
    text = report(account).stdout
    assert "suspended: not compared" in text
    assert "kubectl-patch at " in text
    assert "before: git-pipeline at " in text


def test_an_account_of_one_namespace_reports_what_it_may_not_read(
    cluster: Cluster, kubectl: Program, example: str
) -> None:
    # A team reports on its namespace. What is missing is named; it does not look like an empty cluster.
    kubectl("create", "serviceaccount", "team", "-n", example)
    resources = "--resource=nsgincidents.nsg-baseline.io,nsgbaselines.nsg-baseline.io"
    kubectl("create", "role", "team", "-n", example, "--verb=list", resources)
    kubectl("create", "rolebinding", "team", "-n", example, "--role=team", f"--serviceaccount={example}:team")
    team = cluster.write_kubeconfig("team", kubectl("create", "token", "team", "-n", example).strip())
    done = report(team, "-n", example)
    assert done.returncode == 0, done.stderr
    for kind in ("NSGScope", "NSGGuardrail", "NSGAlertRoute"):
        assert f"Not read: all objects of kind {kind}: no permission to list them." in done.stdout
    assert report(team).returncode == 1
