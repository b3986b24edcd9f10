"""The report as evidence: what happened within an incident, when nobody watched, and that no text can forge it."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.cli.evidence.report import Report
from nsg_baseline.cli.render.report import FORMS
from tests.support.alert_scenarios import ACKNOWLEDGED, BY_JO, EASED, END, LATER, RESOLVED
from tests.support.alerts import START, incident, stamp
from tests.support.report_story import evidence

HISTORY = [
    {"at": LATER, "kind": "Notified", "severity": "critical", "text": "route ops/pager, revision 3"},
    {"at": END, "kind": "Acknowledged", "severity": "low", "text": "by jo@example.com: ping test"},
]
STORY: dict[str, Any] = {**EASED, **BY_JO, **RESOLVED, "resolution": "Approved", "highestSeverity": "critical"}


def report(*incidents: NSGIncident) -> Report:
    until = START + timedelta(days=1)
    return Report(incidents, START, until, until, evidence(incidents=(), scopes=(), baselines=(), routes=()))


def story(**status: Any) -> NSGIncident:
    return incident(**{**STORY, "history": HISTORY, **status})


def test_a_report_has_the_history_the_ended_changes_and_the_highest_severity() -> None:
    # An auditor asks who was notified, who knew, and when the worst change ended.
    for form in ("markdown", "html"):
        text = FORMS[form](report(story())).replace("\\", "")
        assert "2026-03-01T03:41:00Z Notified [critical] route ops/pager, revision 3" in text
        assert "Acknowledged [low] by jo@example.com: ping test" in text
        assert f"{LATER} to {END} (Reverted)" in text
        assert "[CRITICAL] NSG web" in text
    assert "1 incident (1 critical), 0 open" in FORMS["markdown"](report(story()))


def test_no_text_becomes_another_incident_or_markup() -> None:
    # A note with line breaks, a value with a backtick, and a bidirectional override.
    note = "ok\n\n## [LOW] NSG db: harmless\u202e"
    bad = story(history=[{**HISTORY[1], "text": note}], changes=[{**EASED["changes"][0], "live": "`![x](http://e)"}])
    text = FORMS["markdown"](report(bad))
    assert len([line for line in text.splitlines() if line.startswith("## \\[")]) == 1
    assert "\u202e" not in text
    assert "`![x]" not in text.replace("; live '![x]", "")
    assert "\u202e" not in FORMS["html"](report(bad))


def test_csv_has_a_line_for_each_change_and_no_formulas() -> None:
    formula = {**EASED["changes"][0], "rule": "=cmd|' /C calc'!A0"}
    rows = list(csv.DictReader(io.StringIO(FORMS["csv"](report(story(changes=[formula]))))))
    assert [(row["rule"], row["since"], row["ended"], row["how"]) for row in rows] == [
        ("'=cmd|' /C calc'!A0", stamp(START), "", ""),
        ("open-rdp", LATER, END, "Reverted"),
    ]
    assert {(row["subscription"], row["resourceGroup"], row["nsg"]) for row in rows} == {
        ("11111111-1111-1111-1111-111111111111", "rg-web", "web")
    }
    lost = incident("lost-1", kind="WatchLost", changes=[], summary="blind")
    assert len(list(csv.DictReader(io.StringIO(FORMS["csv"](report(lost)))))) == 1


def test_the_digest_changes_with_the_content() -> None:
    # A copy that was edited is recognised.
    before = report(story())
    assert before.digest == report(story()).digest
    assert before.digest != report(story(**ACKNOWLEDGED, summary="other")).digest
    assert json.loads(FORMS["json"](before))["digest"] == before.digest
