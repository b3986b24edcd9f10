"""`nsgb notify --preview`: an author sees what templates make of alerts before the route exists."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nsg_baseline.alerts import templating
from nsg_baseline.cli.main import nsgb
from nsg_baseline.cli.sample_alerts import samples

ROOT = Path(__file__).parents[2]
ROUTE = """\
apiVersion: nsg-baseline.io/v1alpha1
kind: NSGAlertRoute
metadata: {name: chat, namespace: team-web}
spec:
  urlsFrom: {name: chat-urls, key: urls}
"""


@pytest.fixture(autouse=True)
def _time_for_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templating, "RENDER_SECONDS", 120.0)


def preview(path: Path, spec: str) -> Result:
    path.write_text(f"{ROUTE}{spec}")
    return CliRunner().invoke(nsgb, ["notify", "--preview", str(path)])


def test_each_kind_of_alert_is_shown(tmp_path: Path) -> None:
    done = preview(tmp_path / "a.yaml", '  templates: {title: "{{ incident.kind }}", body: "{{ alert.event }}\\n"}\n')
    shown = re.findall("^--- chat: (.*)\n(.*)\n\n(.*)\n", done.stdout, re.MULTILINE)
    assert [name for name, _, _ in shown] == [sample.name for sample in samples()]
    assert {title for _, title, _ in shown} == {"Drift", "Unbaselined", "WatchLost", "Guardrail"}
    assert {body for _, _, body in shown} == {"Opened", "Resolved", "Updated"}
    assert (done.stderr, done.exit_code) == ("", 0)


def test_what_fails_has_its_place_and_the_alert(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    groups = '  channels: [{name: pager, urlsFrom: {name: a, key: b},\n    templates: {title: "{{ incident.nsg }}"}}]\n'
    done = preview(file, f"  kinds: [WatchLost]\n{groups}")
    problem = "spec.templates.title: line 1: nsg is undefined; test it with if, or use default()"
    assert done.stderr == f"nsgb: {file}:8: WatchLost, Opened: {problem}\n"
    assert done.stdout.startswith("--- chat, channels pager: WatchLost, Opened\n[HIGH] scope production")
    assert problem in done.stdout
    assert done.exit_code == 1


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("", "contains no NSGAlertRoute with spec.templates"),
        ("  templates: {}\n", ":6: spec.templates.title: title or body must be set"),
        (f'  templates: {{title: "{"x" * 501}"}}\n', ":6: spec.templates.title: must have at most 500 characters"),
    ],
)
def test_a_file_without_templates_is_an_error(tmp_path: Path, spec: str, problem: str) -> None:
    done = preview(tmp_path / "a.yaml", spec)
    assert problem in done.stderr
    assert done.exit_code == 1


@pytest.mark.parametrize("options", [["oncall"], ["-n", "a"], ["--local"], ["--check", "-"]])
def test_options_without_effect_are_errors(options: list[str]) -> None:
    done = CliRunner().invoke(nsgb, ["notify", "--preview", "a.yaml", *options], input="")
    assert "no effect" in done.output
    assert done.exit_code == 1


@pytest.mark.slow
def test_the_templates_of_the_documentation_and_of_the_examples_work(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    (spec,) = re.findall(
        "^```yaml\nspec:\n  urlsFrom: .*\n((?:  .*\n)*?  templates:\n(?:  .*\n)*)```", text, re.MULTILINE
    )
    done = preview(tmp_path / "a.yaml", spec)
    assert (done.stderr, done.exit_code) == ("", 0)
    assert "Call the network team, runbook: https://wiki.example.com/nsg?scope=production." in done.stdout
    done = CliRunner().invoke(nsgb, ["notify", "--preview", str(ROOT / "examples" / "alert-routes.yaml")])
    assert (done.stderr, done.exit_code) == ("", 0)
    assert done.stdout.startswith("--- oncall, channels team-web: Drift, Opened\nteam-web: [CRITICAL] web (rg-web): ")
