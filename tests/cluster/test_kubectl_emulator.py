"""kubectl works with the emulated API, because users of the demo will try it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nsg_emulator.kube import KubeApi, Running, serve_in_thread
from tests.cluster.programs import Program
from tests.emulator.kube.contract import CRD, gadget
from tests.support.cel import judge

pytestmark = pytest.mark.cluster

SECONDS = 60


@pytest.fixture
def running() -> Iterator[Running]:
    api = KubeApi(validators=[judge])
    api.create(CRD)
    with serve_in_thread(api) as served:
        yield served


@pytest.fixture
def kubectl(running: Running, tools: dict[str, Path], tmp_path: Path) -> Program:
    home = tmp_path / "home"  # kubectl caches discovery by address, and ports are reused
    home.mkdir()
    return Program(tools["kubectl"], home, running.kubeconfig(tmp_path / "config"))


def text(*objects: dict[str, Any]) -> str:
    return "\n---\n".join(json.dumps(item) for item in objects)


def test_create_get_and_delete(kubectl: Program) -> None:
    assert kubectl("create", "-f", "-", stdin=text(gadget("one"))) == "gadget.contract.example.com/one created\n"
    assert "already exists" in kubectl.refusal("create", "-f", "-", stdin=text(gadget("one")))
    head, row = kubectl("get", "gg").splitlines()
    assert head.split() == ["NAME", "NSG", "READY", "CHANGES", "AGE"]
    assert row.split()[:2] == ["one", "a"]
    assert kubectl("delete", "gadget", "one") == 'gadget.contract.example.com "one" deleted from default namespace\n'
    assert "NotFound" in kubectl.refusal("get", "gadget", "one")


def test_get_across_kinds_namespaces_and_categories(kubectl: Program) -> None:
    kubectl("apply", "-f", "-", stdin=text({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}))
    kubectl("apply", "-f", "-", stdin=text(gadget("one", metadata={"namespace": "team"})))
    shown = kubectl("get", "gadgets,namespaces", "-A")
    assert "gadget.contract.example.com/one" in shown
    assert "namespace/team" in shown
    assert "team" in kubectl("get", "contract", "-A"), "by category"
    assert kubectl.json("get", "gg", "-n", "team", "one")["spec"]["nsg"] == "a"
    assert "one" in kubectl("get", "gg", "-A", "-l", "!missing", "--sort-by", ".metadata.name", "--chunk-size", "1")


def test_apply_diff_and_apply_again(kubectl: Program) -> None:
    kubectl("apply", "-f", "-", stdin=text(gadget("one")))
    changed = text(gadget("one", {"nsg": "b"}))
    done = kubectl.run("diff", "-f", "-", stdin=changed)
    assert done.returncode == 1, done.stderr
    assert "+  nsg: b" in done.stdout
    assert kubectl.json("get", "gadget", "one")["spec"]["nsg"] == "a", "a diff changes nothing"
    assert "configured" in kubectl("apply", "-f", "-", stdin=changed)
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=changed)
    assert kubectl("diff", "-f", "-", stdin=changed) == ""


def test_apply_a_list_and_built_in_kinds(kubectl: Program) -> None:
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "s", "namespace": "team"},
            "stringData": {"k": "v"},
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "team"}, "data": {"k": "v"}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa", "namespace": "team"}},
        gadget("one", metadata={"namespace": "team"}),
    ]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    assert kubectl("apply", "-f", "-", stdin=listed).count("created") == 5
    assert kubectl("apply", "-f", "-", stdin=listed).count("unchanged") == 4, "a Secret's stringData always counts"
    assert kubectl.json("get", "secret", "s", "-n", "team")["data"] == {"k": "dg=="}
    kubectl("delete", "namespace", "team")
    assert kubectl("get", "gg,cm,sa", "-A") == ""


def test_create_by_subcommand(kubectl: Program) -> None:
    # kubectl sends these in protobuf, unlike objects from a file
    kubectl("create", "namespace", "team")
    kubectl("create", "secret", "generic", "urls", "-n", "team", "--from-literal", "urls=json://x")
    kubectl("create", "configmap", "c", "-n", "team", "--from-literal", "k=v")
    kubectl("create", "serviceaccount", "sa", "-n", "team")
    assert kubectl.json("get", "secret", "urls", "-n", "team")["data"] == {"urls": "anNvbjovL3g="}
    assert kubectl.json("get", "configmap", "c", "-n", "team")["data"] == {"k": "v"}
    kubectl("get", "sa", "sa", "-n", "team")


def test_apply_server_side(kubectl: Program) -> None:
    rules = {"rules": [{"name": "r1"}]}
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", stdin=text(gadget("one", rules)))
    other = text(gadget("one", {"nsg": "b"}))
    refused = kubectl.refusal("apply", "--server-side", "--field-manager", "other", "-f", "-", stdin=other)
    assert "conflict with" in refused
    assert ".spec.nsg" in refused
    forced = ("apply", "--server-side", "--field-manager", "other", "--force-conflicts", "-f", "-")
    assert "serverside-applied" in kubectl(*forced, stdin=other)
    assert kubectl("diff", "--server-side", "--field-manager", "other", "-f", "-", stdin=other) == ""


def test_a_typo_is_refused_by_name(kubectl: Program) -> None:
    refused = kubectl.refusal("apply", "-f", "-", stdin=text(gadget("one", {"typo": 1})))
    assert 'unknown field "spec.typo"' in refused
    refused = kubectl.refusal(
        "apply", "-f", "-", stdin=text(gadget("one", {"rules": [{"name": "r", "priority": 5000}]}))
    )
    assert "spec.rules[0].priority" in refused
    assert "should be less than or equal to 4096" in refused


def test_a_rule_in_cel_is_refused_with_its_message(kubectl: Program) -> None:
    refused = kubectl.refusal("apply", "-f", "-", stdin=text(gadget("one", {"network": {}})))
    assert "exactly one of address, prefix" in refused


def test_patch_label_and_annotate(kubectl: Program) -> None:
    kubectl("create", "-f", "-", stdin=text(gadget("one")))
    kubectl("patch", "gadget", "one", "--type", "merge", "-p", '{"spec": {"nsg": "b"}}')
    kubectl("patch", "gadget", "one", "--type", "json", "-p", '[{"op": "add", "path": "/spec/note", "value": "n"}]')
    kubectl(
        "patch", "gadget", "one", "--subresource", "status", "--type", "merge", "-p", '{"status": {"changeCount": 2}}'
    )
    kubectl("label", "gadget", "one", "env=prod")
    kubectl("annotate", "gadget", "one", "example.com/requestedAt=now")
    gadget_read = kubectl.json("get", "gadget", "one")
    assert (gadget_read["spec"]["nsg"], gadget_read["spec"]["note"], gadget_read["status"]["changeCount"]) == (
        "b",
        "n",
        2,
    )
    assert gadget_read["metadata"]["labels"] == {"env": "prod"}
    assert gadget_read["metadata"]["annotations"] == {"example.com/requestedAt": "now"}


def test_describe_shows_an_objects_events(kubectl: Program, running: Running) -> None:
    made = running.api.create(gadget("one"))
    about = {"kind": made["kind"], "apiVersion": made["apiVersion"], "name": "one", "namespace": "default"}
    event = {
        "metadata": {"name": "e", "namespace": "default"},
        "involvedObject": {**about, "uid": made["metadata"]["uid"]},
        "reason": "Drift",
        "message": "somebody opened port 22",
        "type": "Warning",
        "source": {"component": "nsgb"},
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    running.api.create({"apiVersion": "v1", "kind": "Event", **event})
    shown = kubectl("describe", "gadget", "one")
    assert "somebody opened port 22" in shown
    assert "Drift" in shown
    assert "gadget/one" in kubectl("get", "events")
    assert "somebody opened port 22" in kubectl("events", "--for", "gadget/one")


def test_explain_reads_the_descriptions(kubectl: Program) -> None:
    assert "Which group it watches." in kubectl("explain", "gadget.spec.nsg")
    shown = kubectl("explain", "gadget", "--recursive")
    assert "priority" in shown
    assert "metadata" in shown


def test_wait_for_a_condition_and_for_deletion(kubectl: Program, running: Running) -> None:
    running.api.create(gadget("one"))
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    kubectl("patch", "gadget", "one", "--subresource", "status", "--type", "merge", "-p", json.dumps(ready))
    assert "condition met" in kubectl("wait", "gadget/one", "--for", "condition=Ready", "--timeout", "30s")
    assert "condition met" in kubectl("wait", "gadget/one", "--for", "jsonpath={.spec.nsg}=a", "--timeout", "30s")
    kubectl("delete", "gadget", "one", "--wait=false")
    kubectl("wait", "gadget/one", "--for", "delete", "--timeout", "30s")
    assert "condition met" in kubectl("wait", f"crd/{CRD['metadata']['name']}", "--for", "condition=Established")


def test_get_watches(kubectl: Program, running: Running) -> None:
    running.api.create(gadget("one"))
    command = [str(kubectl.path), "get", "gadgets", "-w"]
    environment = {"KUBECONFIG": str(kubectl.kubeconfig), "HOME": str(kubectl.home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("NAME")
        assert process.stdout.readline().split()[:2] == ["one", "a"]
        kubectl("patch", "gadget", "one", "--type", "merge", "-p", '{"spec": {"nsg": "b"}}')
        assert process.stdout.readline().split()[:2] == ["one", "b"]
        process.terminate()
        process.wait(SECONDS)


def test_a_finalizer_delays_a_deletion(kubectl: Program, running: Running) -> None:
    running.api.create(gadget("one", metadata={"finalizers": ["example.com/hold"]}))
    kubectl("delete", "gadget", "one", "--wait=false")
    kubectl("patch", "gadget", "one", "--type", "merge", "-p", '{"metadata": {"finalizers": null}}')
    assert "NotFound" in kubectl.refusal("get", "gadget", "one")


def test_version_api_resources_and_rights(kubectl: Program) -> None:
    assert "Server Version: v1." in kubectl("version")
    assert "gadgets" in kubectl("api-resources", "--api-group", "contract.example.com")
    assert kubectl("auth", "can-i", "list", "gadgets").strip() == "yes"
    assert "*.*" in kubectl("auth", "can-i", "--list")
