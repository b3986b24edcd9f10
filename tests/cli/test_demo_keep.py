"""`nsgb demo --keep`: kubectl in another terminal, then Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.api.crds import KINDS
from tests.cluster.programs import Program

pytestmark = pytest.mark.cluster

SECONDS = 120
ABORTED = 130
NAMESPACE = "team-web"


@dataclass(slots=True)
class Demo:
    """The demo in a separate session, as in a terminal: Ctrl-C reaches all of its processes."""

    process: "subprocess.Popen[str]"
    output: str = ""

    def read_until(self, pattern: str) -> str:
        """Read until a line matches, and return its first group."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if match := re.search(pattern, line):
                return match[1]
        raise AssertionError(f"the demo ended without a line that matches {pattern}:\n{self.output}")

    def press_ctrl_c(self) -> int:
        """Interrupt the demo and its processes, as a terminal does, and return the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self._end()

    def interrupt(self) -> int:
        """Interrupt only the demo, as `kill -INT` does, and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self._end()

    def _end(self) -> int:
        output, _ = self.process.communicate(timeout=SECONDS)
        self.output += output
        return self.process.returncode

    def left_over(self) -> list[int]:
        """Return the ids of running processes in its session."""
        processes = subprocess.run(["ps", "-o", "pid=", "-s", str(self.process.pid)], capture_output=True, check=False)
        return [int(pid) for pid in processes.stdout.split()]


def demo_process() -> Demo:
    command = [sys.executable, "-m", "nsg_baseline.cli", "demo", "--keep"]
    return Demo(
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    )


@pytest.fixture
def demo() -> Iterator[Demo]:
    process = demo_process()
    try:
        yield process
    finally:
        for pid in process.left_over():
            os.kill(pid, signal.SIGKILL)
        process.process.communicate()


def test_kubectl_shows_the_demo_and_ctrl_c_ends_it(demo: Demo, clients: dict[str, Path], tmp_path: Path) -> None:
    # One demo for all steps, since it takes half a minute. The order is that of a newcomer.
    kubeconfig = Path(demo.read_until(r"export KUBECONFIG=(\S+)"))
    demo.read_until(r"(kubectl get nsgbaselines,nsgincidents -A)")
    kubectl = Program(clients["kubectl"], tmp_path, kubeconfig)
    lists_both_kinds(kubectl)
    describes_a_baseline(kubectl)
    explains_every_field(kubectl)
    watches_a_change(kubectl)
    assert demo.press_ctrl_c() in (0, ABORTED)
    assert "Traceback" not in demo.output
    assert demo.left_over() == []
    assert not kubeconfig.exists()


def test_an_interrupt_during_the_scenario_ends_the_demo(demo: Demo) -> None:
    # An interrupt must leave no operator process behind and print no traceback.
    demo.read_until(r"(opens SSH to the Internet)")
    assert demo.interrupt() == ABORTED
    assert "Traceback" not in demo.output
    assert demo.left_over() == []


def lists_both_kinds(kubectl: Program) -> None:
    shown = kubectl("get", "nsgbaselines,nsgincidents", "-A")
    head, *rows = (
        line.split() for line in shown.splitlines() if "nsgbaseline.nsg-baseline.io/" in line or "COMPLIANT" in line
    )
    assert head[:2] == ["NAMESPACE", "NAME"]
    assert {row[1].partition("/")[2] for row in rows} >= {"appgate", "c7n-nsg"}
    assert "Resolved" in shown
    assert "RuleCreated open-ssh" in shown


def describes_a_baseline(kubectl: Program) -> None:
    shown = kubectl("describe", "nsgbaseline", "appgate", "-n", NAMESPACE)
    assert "Target:" in shown
    assert "Compliant" in shown
    assert "DriftOpened" in shown  # kubectl prints events after the object


def explains_every_field(kubectl: Program) -> None:
    assert "complete set of approved custom rules" in kubectl("explain", "nsgbaseline.spec.rules")
    for kind in KINDS:
        name = kind.__name__.lower()
        assert "<empty>" not in kubectl("explain", f"{name}.spec")
        assert "status" in kubectl("explain", name, "--recursive")
    document = json.loads(kubectl("get", "--raw", "/openapi/v3/apis/nsg-baseline.io/v1alpha1"))
    schemas = document["components"]["schemas"]
    for kind in KINDS:
        (schema,) = (candidate for key, candidate in schemas.items() if key.endswith(f".{kind.__name__}"))
        silent = [path for path, inner in properties(schema) if not inner.get("description")]
        assert silent == [], kind.__name__


def properties(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the schema of every declared property."""
    for name, inner in schema.get("properties", {}).items():
        if (path, name) == ("", "metadata"):
            continue
        yield f"{path}.{name}", inner
        yield from properties(inner, f"{path}.{name}")
        yield from properties(inner.get("items", {}), f"{path}.{name}[]")


def watches_a_change(kubectl: Program) -> None:
    command = [str(kubectl.path), "get", "nsgbaseline", "appgate", "-n", NAMESPACE, "-w"]
    environment = {"KUBECONFIG": str(kubectl.kubeconfig), "HOME": str(kubectl.home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as watch:
        assert watch.stdout is not None
        assert watch.stdout.readline().split()[:2] == ["NAME", "MODE"]
        assert watch.stdout.readline().split()[:2] == ["appgate", "Enforce"]
        kubectl(
            "patch", "nsgbaseline", "appgate", "-n", NAMESPACE, "--type", "merge", "-p", '{"spec": {"mode": "Alert"}}'
        )
        # The column shows the mode in effect, which the operator writes after the edit.
        lines = iter(watch.stdout.readline, "")
        assert any(line.split()[:2] == ["appgate", "Alert"] for line in islice(lines, 5))
        watch.terminate()
        watch.wait(SECONDS)
