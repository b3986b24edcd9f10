"""Every example is accepted as it is, and every link of the README has a target."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from aiohttp import ClientSession

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.crds import render
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import problems, read
from nsg_baseline.cli.main import nsgb
from nsg_baseline.cli.yaml_files import read_documents
from nsg_emulator.kube import KubeApi, serve
from tests.support.cel import judge

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))
OURS = {kind.__name__: kind for kind in (NSGScope, NSGBaseline, NSGGuardrail, NSGAlertRoute)}
# Theirs: what Argo CD and Flux take is for their own clusters; here their shape is looked at.
# Kinds of Kubernetes that the emulator does not serve; here their shape is looked at.
BUILT_IN = {
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "PersistentVolumeClaim": "v1",
    "CronJob": "batch/v1",
}
THEIRS = BUILT_IN | {"Application": "argoproj.io/v1alpha1", "Kustomization": "kustomize.toolkit.fluxcd.io/v1"}


def documents(file: Path) -> list[dict[str, Any]]:
    return [document.value for document in read_documents(str(file), file.read_text())]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
async def test_an_example_is_accepted_by_the_api_server(file: Path) -> None:
    # A refused example is worse than none. The validation is strict, because an unknown field would mislead.
    api = KubeApi(validators=[judge])
    for crd in render():
        api.apply(crd)
    for namespace in ("team-web", "nsg-baseline-system"):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    async with serve(api) as running, ClientSession(running.url) as http:
        for document in documents(file):
            if document["kind"] in THEIRS:
                assert document["apiVersion"] == THEIRS[document["kind"]]
                continue
            answer = await http.post(_path(document), json=document, params={"fieldValidation": "Strict"})
            assert answer.status == 201, await answer.text()


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_a_valid_spec(file: Path) -> None:
    # The API server validates the schema; other errors become InvalidSpec in the operator.
    for document in documents(file):
        if document["kind"] in OURS:
            parsed = read(OURS[document["kind"]], document)
            assert not isinstance(parsed, NSGBaseline) or problems(parsed.spec) == ()


def test_the_evidence_job_can_only_read_and_runs_a_command_that_exists() -> None:
    by_kind = {document["kind"]: document for document in documents(ROOT / "examples" / "evidence-cronjob.yaml")}
    assert {verb for rule in by_kind["ClusterRole"]["rules"] for verb in rule["verbs"]} == {"get", "list"}
    pod = by_kind["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    command, *arguments = container["args"]
    context = nsgb.get_command(click.Context(nsgb), command)
    assert context is not None
    assert context.make_context(command, list(arguments)).params["folder"] == "/evidence"
    # The archive is on the volume that outlives the pod.
    [volume] = [item for item in pod["volumes"] if "persistentVolumeClaim" in item]
    assert volume["persistentVolumeClaim"]["claimName"] == by_kind["PersistentVolumeClaim"]["metadata"]["name"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounts["/evidence"] == volume["name"]
    # Two runs wait for each other, but a schedule must not pile them up.
    assert by_kind["CronJob"]["spec"]["concurrencyPolicy"] == "Forbid"


@pytest.mark.parametrize("name", ["azure-role-watch.json", "azure-role-enforce.json"])
def test_only_the_enforce_role_contains_write_actions(name: str) -> None:
    # A role for alert mode must not grant write access.
    role = json.loads((ROOT / "examples" / name).read_text())
    assert any(action.endswith("/write") for action in role["Actions"]) == ("enforce" in name)
    assert not any("*" in action for action in role["Actions"])


def test_links_of_the_readme_have_targets() -> None:
    text = (ROOT / "README.md").read_text()
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def _path(document: dict[str, Any]) -> str:
    namespace = document["metadata"].get("namespace")
    plural = f"{document['kind'].lower()}s"
    base = f"/apis/{document['apiVersion']}" if "/" in document["apiVersion"] else f"/api/{document['apiVersion']}"
    return f"{base}/namespaces/{namespace}/{plural}" if namespace else f"{base}/{plural}"


def test_examples_use_no_tags_and_no_anchors() -> None:
    # Readers copy the examples into tools that support neither.
    for file in EXAMPLES:
        assert not any(syntax in file.read_text() for syntax in ("!!", "&", "<<:"))
        list(yaml.safe_load_all(file.read_text()))
