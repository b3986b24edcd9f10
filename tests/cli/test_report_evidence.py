"""The report as evidence: who approved, who knew, what was covered, and when nobody watched."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from nsg_baseline.api.baseline import Review
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.cli.evidence.gather import gather
from nsg_baseline.cli.evidence.provenance import provenance
from nsg_baseline.cli.evidence.report import VERSION, Report
from nsg_baseline.cli.evidence.review import due
from nsg_baseline.cli.render.report import FORMS
from nsg_baseline.cli.render.report_timeline import zoomed
from nsg_baseline.cli.report import _is_within
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError
from tests.support.alerts import START
from tests.support.report_story import UNTIL, after, baselines, incident, incidents, scopes, stored, story

TEXT_FORMS = ("markdown", "html")


def texts(report: Report) -> Iterator[str]:
    """The Markdown and the HTML without escapes of markup."""
    for form in TEXT_FORMS:
        yield FORMS[form](report).replace("\\", "").replace("&#x27;", "'")


def test_an_auditor_finds_who_approved() -> None:
    for text in texts(story()):
        # The approved rules: the field manager that wrote them, when, and the commit or ticket.
        assert f"argocd-controller at {after(hours=2)}; before: kubectl-edit at {after(days=-40)}" in text
        assert "commit 9fceb02d0ae598e95dc970b74767f19372d61af8" in text
        assert "ticket CHG-77" in text
        # The exceptions: reason, approver, end; those of guardrails too.
        for part in ("INC-4242", "chris@example.com", f"{after(days=1)}, ended", "CHG-9", "NSG web-jump in rg-web"):
            assert part in text


def test_an_auditor_finds_who_reviewed_the_rules_and_what_is_late() -> None:
    for text in texts(story()):
        assert f"by security@example.com at {after(days=-200)}; overdue since {after(days=-20)}" in text
        assert "no review planned" in text
    for text in texts(story(until=START - timedelta(days=21))):
        assert f"next due {after(days=-20)}" in text
    web = next(item for item in story().content()["baselines"] if item["name"] == "web")
    assert web["review"]["overdue"]


def test_a_review_at_the_end_of_time_is_due() -> None:
    review = Review(every_days=3650, last_reviewed=datetime(9999, 12, 31, tzinfo=UTC), by="jo")
    assert due(review).year == 9999


def test_an_auditor_finds_who_knew() -> None:
    for text in texts(story()):
        assert f"route nsg-baseline-system/pager, first at {after(minutes=1)}, last at {after(hours=3)}" in text
        assert f"by alex@example.com at {after(minutes=40)}: known rollout, CHG-81" in text
        assert "2 reminders since then; 1 channel did not receive the last one" in text
        # Nobody is an answer, which silence is not.
        assert "nobody: no route delivered a notification" in text
        assert "by nobody" in text
        assert "nothing: suspended" in text


def test_an_auditor_finds_when_the_watch_was_blind() -> None:
    for text in texts(story()):
        assert text.count("1 h 30 min") >= 2
        assert after(hours=2, minutes=30) in text
        # A failure that is too recent for an incident.
        assert "Forbidden: no permission to list NSGs" in text
        assert "still not watched" in text
        assert "suspended: not compared" in text
        assert "NSGs without a baseline not reported: MC_*" in text
    periods = story().content()["unwatched"]
    assert [(period["from"], period.get("to")) for period in periods] == [
        (after(hours=1), after(hours=2, minutes=30)),
        (after(days=9, hours=20), None),
    ]


def test_a_failure_with_an_open_incident_is_one_period() -> None:
    lost = incident("lost", "WatchLost", state="Open", openedAt=after(days=9, hours=21), summary="blind")
    assert len(story(incidents=(lost,)).unwatched) == 1


def test_a_new_scope_is_not_watched_before_its_first_reconcile() -> None:
    # Its condition has the time of no event: 1970.
    pending = {
        "type": "Ready",
        "status": "Unknown",
        "reason": "Pending",
        "message": "Waiting for the operator",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }
    spec = {"subscriptionId": "11111111-1111-1111-1111-111111111111"}
    new = stored(NSGScope, "new", spec=spec, status={"conditions": [pending]})
    [period] = story(scopes=(new,), incidents=()).unwatched
    assert period.document()["from"] == after(days=-90)


def test_a_report_says_what_it_could_not_read() -> None:
    # A missing permission must not look like an empty cluster.
    gap = "all objects of kind NSGScope: no permission to list them"
    for text in texts(story(scopes=(), gaps=(gap,), namespace="team-web")):
        assert f"Not read: {gap}." in text
        assert "No scope was read, so the report cannot say what was watched." in text
        assert "Only namespace team-web was read." in text


def test_rules_that_were_written_later_are_not_those_of_the_period() -> None:
    report = story()
    for text in texts(report):
        assert text.count("; written after the end of the period") == 1
    web = next(item for item in report.content()["baselines"] if item["name"] == "web")
    assert [rule["name"] for rule in web["rules"]] == ["allow-https"]


def test_the_digest_is_that_of_the_json_report() -> None:
    # As the documentation says: jq -cjS 'del(.digest)' FILE | sha256sum
    document = json.loads(FORMS["json"](story()))
    digest = document.pop("digest")
    compact = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert hashlib.sha256(compact.encode()).hexdigest() == digest
    assert document["version"] == VERSION
    assert story(baselines=baselines()[:1]).digest != digest
    for text in texts(story()):
        assert digest in text
        assert f"with nsgb {VERSION}" in text


def test_the_author_of_a_status_has_not_approved_anything() -> None:
    entry = {"manager": "nsgb", "operation": "Update", "subresource": "status", "fieldsV1": {"f:spec": {}}}
    assert provenance({"managedFields": [entry]}).last is None
    assert provenance({}).last is None
    assert baselines()[0].provenance.last is not None


def test_the_timeline_is_zoomed_to_the_time_in_use() -> None:
    # Three hours of a month are 0.4 % of it: nobody could read them.
    window = zoomed(story(incidents=incidents()[:2], scopes=scopes()[:1]))
    assert window.end - window.start < timedelta(hours=4)
    assert window.start <= START < window.end
    assert 2 <= len(list(window.ticks())) <= 4
    # What lasts is shown until the end of the period.
    assert zoomed(story()).end >= UNTIL


@pytest.mark.parametrize("seconds", [0, 1, 90, 86_400, 86_400 * 400])
def test_any_period_has_a_timeline(seconds: int) -> None:
    lone = incident("lone", openedAt=after(), resolvedAt=after(seconds=seconds), resolution="Reverted")
    window = zoomed(story(incidents=(lone,), scopes=(), until=START + timedelta(days=500)))
    assert window.start < window.end
    assert 1 <= len(list(window.ticks())) <= 4
    assert all(0 <= window.percent(START + timedelta(days=days)) <= 100 for days in (-900, 0, 900))


def test_a_report_of_nothing_says_so() -> None:
    report = story(incidents=(), scopes=(), baselines=(), guardrails=(), routes=())
    for text in texts(report):
        assert "0 incidents, 0 open" in text
        assert "No route was read, so nobody is notified." in text


class LimitedKube:
    """An API server at which this user may read some kinds only."""

    server = "https://cluster.example.com:6443"

    def __init__(self, *allowed: str, status: int = 403) -> None:
        self.allowed, self.status = allowed, status
        self.asked: list[tuple[str, str | None]] = []

    async def pages(self, kind: Any, namespace: str | None = None) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        self.asked.append((kind.__name__, namespace))
        if kind.__name__ not in self.allowed:
            raise KubeError("Forbidden", "no", self.status)
        yield [{"metadata": {"name": "broken", "namespace": "team-web"}, "spec": {"mode": 1}}], "1"

    async def namespace_uid(self, name: str) -> str:
        self.asked.append(("Namespace", name))
        raise KubeError("Forbidden", "no", self.status)


async def test_missing_permissions_and_invalid_objects_are_gaps() -> None:
    # Evidence that silently lacks a baseline is worse than none.
    kube = LimitedKube("NSGIncident", "NSGBaseline")
    evidence = await gather(cast(Kube, kube), "team-web")
    gaps = " ".join(evidence.gaps)
    for text in ("id of the cluster", "NSGScope", "NSGGuardrail", "NSGAlertRoute", "NSGBaseline team-web/broken:"):
        assert text in gaps
    # Scopes are cluster-scoped: a namespace does not limit them.
    assert ("NSGScope", None) in kube.asked
    assert ("NSGBaseline", "team-web") in kube.asked


@pytest.mark.parametrize(("allowed", "status"), [((), 403), (("NSGIncident",), 500)])
async def test_no_incidents_or_an_unavailable_server_is_no_report(allowed: tuple[str, ...], status: int) -> None:
    with pytest.raises(KubeError):
        await gather(cast(Kube, LimitedKube(*allowed, status=status)), None)


@pytest.mark.parametrize(
    ("opened", "resolved", "is_within"),
    [
        (-2, -1, False),  # it ended before
        (-2, 0, True),
        (-2, None, True),  # it is still open
        (5, 6, True),
        (10, 11, True),
        (10.01, 11, False),  # it opened after --until
        (12, None, False),
    ],
)
def test_until_ends_the_period(opened: float, resolved: float | None, *, is_within: bool) -> None:
    state = {"state": "Open"} if resolved is None else {"resolvedAt": after(days=resolved), "resolution": "Reverted"}
    resource = incident("web", openedAt=after(days=opened), **state).resource
    assert _is_within(resource, START, START + timedelta(days=10)) is is_within
