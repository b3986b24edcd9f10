"""The chart on a real API server. Nothing waits for pods: there is no scheduler, so they would never run."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.programs import Program

pytestmark = pytest.mark.cluster

CRDS = ("nsgscopes", "nsgguardrails", "nsgbaselines", "nsgalertroutes", "nsgincidents")
NAME = "nsg-baseline-operator"


@pytest.fixture
def release(helm: Program, kubectl: Program, chart: Path, namespace: str) -> Iterator[str]:
    """The chart, installed with the CRDs; all of it is gone afterwards. Gives the namespace."""
    helm("install", NAME, chart, "-n", namespace)
    yield namespace
    helm("uninstall", NAME, "-n", namespace, "--ignore-not-found")
    kubectl("delete", "crd", *(f"{crd}.nsg-baseline.io" for crd in CRDS), "--ignore-not-found", "--timeout=900s")


def crd_names(kubectl: Program) -> set[str]:
    return {crd["metadata"]["name"].split(".")[0] for crd in kubectl.json("get", "crd")["items"]}


def deployment(kubectl: Program, namespace: str) -> dict[str, Any]:
    return dict(kubectl.json("get", "deployment", NAME, "-n", namespace))


def test_the_server_accepts_the_chart_in_a_dry_run(
    helm: Program, kubectl: Program, chart: Path, namespace: str
) -> None:
    helm("install", NAME, chart, "-n", namespace, "--dry-run=server")
    assert kubectl("get", "deployments", "-n", namespace) == ""


def test_an_installation_establishes_the_crds(kubectl: Program, release: str) -> None:
    for crd in CRDS:
        kubectl("wait", "--for=condition=Established", f"crd/{crd}.nsg-baseline.io", "--timeout=900s")
        kubectl("get", crd, "-A")


def test_an_upgrade_applies_values_and_crds(
    helm: Program, kubectl: Program, chart: Path, release: str, tmp_path: Path
) -> None:
    newer = tmp_path / "chart"
    shutil.copytree(chart, newer)
    path = next((newer / "files" / "crds").glob("*nsgbaselines*"))
    crd = yaml.safe_load(path.read_text())
    crd["spec"]["names"]["shortNames"] = [*crd["spec"]["names"].get("shortNames", []), "nsgnewer"]
    path.write_text(yaml.safe_dump(crd))
    before = deployment(kubectl, release)["metadata"]["generation"]
    helm("upgrade", NAME, newer, "-n", release, "--set", "logging.level=debug")
    after = deployment(kubectl, release)
    assert after["metadata"]["generation"] > before
    env = {e["name"]: e.get("value") for e in after["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["NSGB_LOG_LEVEL"] == "debug"
    names = kubectl.json("get", "crd", "nsgbaselines.nsg-baseline.io")["spec"]["names"]
    assert "nsgnewer" in names["shortNames"]


def test_uninstall_keeps_the_crds_for_the_next_installation(
    helm: Program, kubectl: Program, chart: Path, release: str
) -> None:
    # Otherwise an uninstall would delete every baseline and incident.
    helm("uninstall", NAME, "-n", release)
    assert crd_names(kubectl) >= set(CRDS)
    gone = ("deployments,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings", "-A")
    assert NAME not in kubectl("get", *gone, "-o", "name")
    helm("install", NAME, chart, "-n", release)


def test_uninstall_deletes_the_crds_if_they_are_not_kept(
    helm: Program, kubectl: Program, chart: Path, release: str
) -> None:
    helm("upgrade", NAME, chart, "-n", release, "--set", "crds.keep=false")
    helm("uninstall", NAME, "-n", release)
    for crd in CRDS:
        kubectl("wait", "--for=delete", f"crd/{crd}.nsg-baseline.io", "--timeout=900s")
    assert not crd_names(kubectl) & set(CRDS)


def test_the_pod_complies_with_the_restricted_standard(kubectl: Program, release: str) -> None:
    # Admission checks a pod, not its Deployment, and no controller creates a pod here.
    template = deployment(kubectl, release)["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "namespace": release, "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
    }
    kubectl("label", "namespace", release, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
    del pod["spec"]["containers"][0]["securityContext"]
    message = kubectl.refusal("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
    assert "violates PodSecurity" in message
