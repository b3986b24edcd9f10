"""The archive that a schedule appends to: nothing is lost, nothing is written twice, whatever interrupts a run."""

import json
import multiprocessing
import resource
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.cli.evidence.archive import INCIDENTS, OBJECTS, RUNS, append
from nsg_baseline.cli.evidence.gather import Evidence, Stored
from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.report import report
from tests.support.alerts import START
from tests.support.report_story import after, baselines, evidence, incident, incidents

NOW = START + timedelta(days=10)


def archived(folder: Path, file: str = INCIDENTS) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / file).read_text().splitlines()]


def many(count: int) -> tuple[Stored[NSGIncident], ...]:
    return tuple(incident(f"web-{number}", openedAt=after(), summary="x" * 200) for number in range(count))


def test_a_second_run_appends_nothing_but_its_own_line(tmp_path: Path) -> None:
    first = append(tmp_path, evidence(), NOW)
    assert (first.incidents, first.objects) == (3, 7)
    before = (tmp_path / INCIDENTS).read_bytes(), (tmp_path / OBJECTS).read_bytes()
    again = append(tmp_path, evidence(), NOW + timedelta(hours=1))
    assert (again.incidents, again.objects) == (0, 0)
    assert before == ((tmp_path / INCIDENTS).read_bytes(), (tmp_path / OBJECTS).read_bytes())
    # The lines of the runs say when the archive itself was not kept up.
    assert [(run["recordedAt"], run["incidents"]) for run in archived(tmp_path, RUNS)] == [
        (after(days=10), 3),
        (after(days=10, hours=1), 0),
    ]
    assert archived(tmp_path, RUNS)[0]["scopes"]["staging"]["reason"] == "Forbidden"


def test_a_rewritten_incident_keeps_both_versions(tmp_path: Path) -> None:
    # Somebody edits the status to hide who was notified. The revision stays the same.
    append(tmp_path, evidence(), NOW)
    rewritten = incident("web-20260301-030000-c99dea", openedAt=after(), summary="nothing happened")
    append(tmp_path, evidence(incidents=(rewritten,)), NOW)
    append(tmp_path, evidence(), NOW)
    lines = [line for line in archived(tmp_path) if line["name"].startswith("web-")]
    assert [line["summary"] for line in lines] == [
        "RuleCreated open-ssh; RuleUpdated web_app",
        "nothing happened",
        "RuleCreated open-ssh; RuleUpdated web_app",
    ]
    assert lines[0]["notified"][0]["route"] == "nsg-baseline-system/pager"


def test_a_deleted_incident_stays_and_a_deleted_baseline_has_an_end(tmp_path: Path) -> None:
    append(tmp_path, evidence(), NOW)
    append(tmp_path, evidence(incidents=(), baselines=baselines()[:1]), NOW)
    append(tmp_path, evidence(incidents=(), baselines=baselines()[:1]), NOW)
    assert len(archived(tmp_path)) == 3
    assert [line["name"] for line in archived(tmp_path, OBJECTS) if line.get("deleted")] == [
        "legacy-database-frontend-with-a-long-name"
    ]


@pytest.mark.parametrize("limited", [{"gaps": ("scopes",)}, {"namespace": "team-web"}])
def test_what_was_not_read_was_not_deleted(tmp_path: Path, limited: dict[str, Any]) -> None:
    append(tmp_path, evidence(), NOW)
    append(tmp_path, evidence(scopes=(), baselines=(), **limited), NOW)
    assert not [line for line in archived(tmp_path, OBJECTS) if line.get("deleted")]


def test_the_rules_at_a_date_are_in_the_archive(tmp_path: Path) -> None:
    append(tmp_path, evidence(), NOW)
    web = next(line for line in archived(tmp_path, OBJECTS) if line["name"] == "web")
    assert web["spec"]["rules"][0]["name"] == "allow-https"
    assert web["writtenBy"][0] == {"manager": "argocd-controller", "operation": "Apply", "at": after(hours=2)}


def test_a_run_that_was_killed_at_any_byte_is_repaired(tmp_path: Path) -> None:
    # Each prefix of the file is what a kill may leave. Nothing is lost and no line appears twice.
    append(tmp_path, evidence(), NOW)
    file = tmp_path / INCIDENTS
    whole = file.read_bytes()
    for size in [*range(0, len(whole), 97), len(whole) - 1]:
        file.write_bytes(whole[:size])
        complete = whole[:size].rfind(b"\n") + 1
        assert append(tmp_path, evidence(), NOW).repaired == size - complete
        assert file.read_bytes() == whole


def test_a_very_long_incomplete_line_is_repaired(tmp_path: Path) -> None:
    append(tmp_path, evidence(), NOW)
    with (tmp_path / INCIDENTS).open("ab") as stream:
        stream.write(b"{" + b" " * 200_000)
    assert append(tmp_path, evidence(), NOW).repaired == 200_001
    assert len(archived(tmp_path)) == 3


def test_a_foreign_line_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / INCIDENTS).write_text('{"log": "entry"}\n')
    with pytest.raises(Failure, match=r"incidents.jsonl:1: not a line of nsgb"):
        append(tmp_path, evidence(), NOW)
    assert (tmp_path / INCIDENTS).read_text() == '{"log": "entry"}\n'


@pytest.fixture
def small_files() -> Iterator[None]:
    """The kernel refuses files above 8 KiB, as a full disk does: in the middle of a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, small_files: None) -> None:
    append(tmp_path, evidence(), NOW)
    before = (tmp_path / INCIDENTS).read_bytes()
    with pytest.raises(Failure, match=r"incidents.jsonl: File too large"):
        append(tmp_path, evidence(incidents=many(50)), NOW)
    assert (tmp_path / INCIDENTS).read_bytes() == before


def _append(folder: Path, gathered: Evidence) -> None:
    append(folder, gathered, NOW)


def test_two_runs_at_once_write_each_line_once(tmp_path: Path) -> None:
    # A manual run beside the schedule.
    context = multiprocessing.get_context("fork")
    gathered = evidence(incidents=many(200))
    runs = [context.Process(target=_append, args=(tmp_path, gathered)) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert [run.exitcode for run in runs] == [0] * 4
    assert len(archived(tmp_path)) == 200
    assert sorted(line["incidents"] for line in archived(tmp_path, RUNS)) == [0, 0, 0, 200]


def test_a_missing_folder_and_useless_options_are_errors(tmp_path: Path) -> None:
    # A CronJob whose volume is not mounted must fail, not write into the container.
    with pytest.raises(Failure, match="No such file or directory"):
        append(tmp_path / "missing", evidence(), NOW)
    for options in (["--since", "30d"], ["--until", "1d"], ["--to", "report.md"]):
        result = CliRunner().invoke(report, ["--append", str(tmp_path), *options])
        assert result.exit_code == 1
        assert f"{options[0]} has no effect with --append" in result.output
    missing = CliRunner().invoke(report, ["--append", str(tmp_path / "missing")])
    assert missing.exit_code == 1
    assert "does not exist" in missing.output


def test_incidents_of_the_story_are_archived_with_their_kind(tmp_path: Path) -> None:
    append(tmp_path, evidence(), NOW)
    assert [line["about"] for line in archived(tmp_path)] == [item.resource.spec.kind for item in incidents()]
