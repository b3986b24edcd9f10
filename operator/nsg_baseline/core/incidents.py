"""The next state of an incident: a pure function of the stored state and of the finding of one reconcile."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from nsg_baseline.api.changes import REASON_LENGTH
from nsg_baseline.api.common import Severity, format_time
from nsg_baseline.api.incident import Acknowledged, Action, IncidentEvent, IncidentStatus
from nsg_baseline.api.incident_changes import Acknowledgement, HistoryEntry, HistoryKind, IncidentChange, Resolution
from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.incident_acknowledgement import covers_all, recorded
from nsg_baseline.core.incident_changes import (
    FLAP_WITHIN,
    FLAPPING,
    SHOWN_FINGERPRINTS,
    Finding,
    NextChanges,
    ended_change,
    is_worse,
    next_changes,
    shortened,
)
from nsg_baseline.core.incident_history import entries_of, entry, with_ended, with_entries
from nsg_baseline.core.severity import worst
from nsg_baseline.core.text.phrasing import cut
from nsg_baseline.core.text.rule_lines import summary

SHOWN_EXPOSURE = 50
SHOWN_ACTIONS = 20
SHOWN_EVENTS = 50
ACTION_MESSAGE_LENGTH = 1024
SUMMARY_LENGTH = 1024
UNREADABLE = fingerprint("Unreadable")
"""Identifies the problem that an NSG cannot be judged."""
PASSING = frozenset(
    {
        *("Updating", "AnotherOperationInProgress", "NotLeading", "IncidentNotStored", "IncompleteReading"),
        *("Throttled", "Timeout", "Unreachable", "ServerError", "Conflict", "PreconditionFailed"),
        *("IntentNotConfirmed", "IntentChanged"),
    }
)
"""Reasons of a blocked remediation that usually pass by themselves."""
PATIENCE = timedelta(minutes=5)
"""A remediation that is blocked for this long notifies whatever the reason is."""


def opened_or_updated(
    stored: IncidentStatus, finding: Finding, now: datetime, *, acknowledged: Acknowledged | None = None
) -> IncidentStatus:
    """Return an open incident's next state; equal to `stored` if nothing is new.

    The revision grows with each event that may notify: a new change, a severity that rises or falls, another result of
    a remediation, an acknowledgement. The end of one of several changes of one severity is recorded only.

    Args:
        stored: the incident as stored.
        finding: the result of the reconcile.
        now: its time.
        acknowledged: the acknowledgement in the spec.
    """
    acknowledgement = recorded(stored, acknowledged, now)
    changes = next_changes(stored, finding, acknowledgement, now)
    severity = worst(level for level in (finding.worst, *(change.severity for change in changes.absent)) if level)
    news = _news(stored, finding)
    has_new_problem = _has_new_problem(stored, changes, severity, has_problem=bool(news & finding.problems))
    open_changes = tuple(map(_not_acknowledged, changes.open)) if has_new_problem else changes.open
    covered = covers_all(stored, open_changes, acknowledgement, has_new_problem=has_new_problem)
    blocked_since = _blocked_since(stored, finding, now)
    action = _new_action(stored, finding.action, blocked_since, now)
    is_new_acknowledgement = acknowledgement is not None and acknowledgement != stored.acknowledgement
    event = _event(stored, severity, news, action, is_acknowledged=is_new_acknowledgement and covered)
    reason = finding.reason and cut(finding.reason, REASON_LENGTH)
    recurs = stored.quiet_since is not None
    updates: dict[str, object] = {
        "state": "Open",
        "severity": severity,
        "highest_severity": worst(level for level in (stored.highest_severity or stored.severity, severity) if level),
        "severity_reason": stored.severity_reason if is_worse(severity, finding.worst) else reason,
        "opened_at": stored.opened_at or now,
        "detected_by": stored.detected_by if stored.opened_at is not None else finding.detected_by,
        "summary": cut(finding.summary or summary(finding.changes), SUMMARY_LENGTH),
        "change_count": len(stored.changes) if finding.is_blind else len(finding.changes) + len(changes.absent),
        "changes": open_changes,
        "ended_changes": with_ended(stored.ended_changes, map(shortened, changes.ended)),
        "exposure": stored.exposure if finding.is_blind else finding.exposure[:SHOWN_EXPOSURE],
        "fingerprints": _fingerprints(finding, changes),
        "actions": stored.actions if action is None else (*stored.actions, action)[-SHOWN_ACTIONS:],
        "blocked_since": blocked_since,
        "reopen_count": stored.reopen_count + recurs,
        "quiet_since": None,
        "effective_mode": finding.mode or stored.effective_mode,
        "acknowledgement": acknowledgement,
        "acknowledged_at": (stored.acknowledged_at or now) if covered else None,
    }
    if recurs or news:
        # The author of the new change is not known yet.
        updates["attribution"] = None
    status = stored.model_copy(update=updates)
    status = with_entries(status, *_history(stored, status, changes, action, now))
    return with_event(status, event, now) if event is not None else status


def with_event(status: IncidentStatus, event: IncidentEvent, now: datetime) -> IncidentStatus:
    """Return a status with a new revision for an event."""
    updates = {
        "event": event,
        "events": (*status.events, event)[-SHOWN_EVENTS:],
        "revision": status.revision + 1,
        "updated_at": now,
    }
    return status.model_copy(update=updates)


def unreadable(stored: IncidentStatus, summary: str, now: datetime) -> IncidentStatus:
    """Return the state of an incident whose NSG cannot be judged; equal to `stored` if that is not new.

    The changes that were observed before stay: whether they are still present is unknown.
    """
    if UNREADABLE in stored.fingerprints:
        return stored
    problems = frozenset({*stored.fingerprints, UNREADABLE})
    severity = worst(level for level in (stored.severity, "high") if level)
    return opened_or_updated(
        stored, Finding((), severity=severity, summary=summary, problems=problems, is_blind=True), now
    )


def is_recurrence(stored: IncidentStatus, finding: Finding, now: datetime) -> bool:
    """Return whether a finding continues an incident that was resolved minutes ago."""
    resolved_at = stored.resolved_at
    recent = resolved_at is not None and now - resolved_at < FLAP_WITHIN
    return recent and bool(set(finding.fingerprints) & set(stored.fingerprints))


def reopened(stored: IncidentStatus, finding: Finding, now: datetime) -> IncidentStatus:
    """Return the state of a resolved incident whose drift recurred. It opens again: an acknowledgement ended."""
    updates = {
        "revision": 0,
        "severity": None,
        "resolved_at": None,
        "resolution": None,
        "reopen_count": stored.reopen_count + 1,
        "changes": (),
        "ended_changes": with_ended(stored.ended_changes, map(shortened, stored.changes)),
        "fingerprints": (),
        "acknowledged_at": None,
        "acknowledgement": None,
        # Who made a change before is not who makes it again.
        "attribution": None,
        "history": (),
    }
    status = opened_or_updated(stored.model_copy(update=updates), finding, now)
    changes = tuple(change.model_copy(update={"appeared_in": stored.revision + 1}) for change in status.changes)
    entries = (entry(status, "Reopened", str(status.summary), now), *status.history)
    merged: dict[str, object] = {"changes": changes, "history": stored.history, "revision": stored.revision + 1}
    # The acknowledgement in the spec was given before: it must not count as a new one.
    merged["acknowledgement"] = stored.acknowledgement
    return with_entries(status.model_copy(update=merged), *entries)


def while_quiet(stored: IncidentStatus, action: Action | None, now: datetime) -> IncidentStatus | None:
    """Return the state of a flapping incident whose drift is absent for now; None if the incident may end.

    Without this, drift that recurs every few minutes would notify twice each time. A write is recorded without a
    notification: otherwise it would not count for a contested remediation.
    """
    since = stored.quiet_since or now
    if stored.reopen_count < FLAPPING or now - since >= FLAP_WITHIN:
        return None
    quiet = stored.model_copy(update={"quiet_since": since})
    if action is None or action.kind != "Remediated":
        return quiet
    recorded = quiet.model_copy(update={"actions": (*quiet.actions, action)[-SHOWN_ACTIONS:]})
    return with_entries(recorded, _action_entry(recorded, action))


def resolved(stored: IncidentStatus, resolution: Resolution, action: Action | None, now: datetime) -> IncidentStatus:
    """Return an incident's last state."""
    ended_at = stored.quiet_since or now
    action = _new_action(stored, action, stored.blocked_since, now)
    updates: dict[str, object] = {
        "state": "Resolved",
        "resolved_at": now,
        "resolution": resolution,
        "changes": tuple(ended_change(change, resolution, ended_at, stored.revision + 1) for change in stored.changes),
        "actions": stored.actions if action is None else (*stored.actions, action)[-SHOWN_ACTIONS:],
        "blocked_since": None,
    }
    status = stored.model_copy(update=updates)
    entries = [entry(status, "Resolved", resolution, now)]
    if action is not None:
        entries.insert(0, _action_entry(status, action))
    return with_event(with_entries(status, *entries), "Resolved", now)


def _has_new_problem(
    stored: IncidentStatus, changes: NextChanges, severity: Severity | None, *, has_problem: bool
) -> bool:
    """Return whether something became worse that no new change accounts for: no acknowledgement covers it."""
    if stored.revision == 0 or changes.appeared:
        return False
    return has_problem or is_worse(severity, stored.severity)


def _not_acknowledged(change: IncidentChange) -> IncidentChange:
    return change.model_copy(update={"acknowledged": False})


def _news(stored: IncidentStatus, finding: Finding) -> frozenset[str]:
    return frozenset(finding.fingerprints) - frozenset(stored.fingerprints)


def _fingerprints(finding: Finding, changes: NextChanges) -> tuple[str, ...]:
    if finding.is_blind:
        return tuple(sorted(finding.problems))[-SHOWN_FINGERPRINTS:]
    absent = [change.fingerprint for change in changes.absent if change.fingerprint]
    return (*finding.fingerprints, *absent)[:SHOWN_FINGERPRINTS]


def _event(
    stored: IncidentStatus,
    severity: Severity | None,
    news: frozenset[str],
    action: Action | None,
    *,
    is_acknowledged: bool,
) -> IncidentEvent | None:
    if stored.revision == 0:
        return "Opened"
    events: tuple[tuple[bool, IncidentEvent], ...] = (
        (is_worse(severity, stored.severity), "Escalated"),
        (action is not None and action.kind == "Remediated", "Remediated"),
        (is_worse(stored.severity, severity), "Eased"),
        (bool(news), "Updated"),
        (action is not None, "Blocked"),
        (is_acknowledged, "Acknowledged"),
    )
    return next((event for applies, event in events if applies), None)


def _blocked_since(stored: IncidentStatus, finding: Finding, now: datetime) -> datetime | None:
    if finding.is_undecided or finding.is_blind:
        return stored.blocked_since
    if finding.action is None or finding.action.kind != "Blocked":
        return None
    return stored.blocked_since or now


def _new_action(
    stored: IncidentStatus, action: Action | None, blocked_since: datetime | None, now: datetime
) -> Action | None:
    """Return an action that is to be recorded. Each write is; a reason is once until the next write.

    A reason that usually passes by itself is recorded only if the remediation is blocked for a while. Messages are not
    compared: Azure's request ids and retry times would make every try new.
    """
    if action is None or action.kind == "Remediated":
        return action
    if action.reason in PASSING and now - (blocked_since or now) < PATIENCE:
        return None
    return None if action.reason in _reasons_since_write(stored.actions) else action


def _reasons_since_write(actions: tuple[Action, ...]) -> set[str]:
    writes = [index for index, action in enumerate(actions) if action.kind == "Remediated"]
    return {action.reason for action in actions[writes[-1] + 1 if writes else 0 :]}


def _history(
    stored: IncidentStatus, status: IncidentStatus, changes: NextChanges, action: Action | None, now: datetime
) -> Iterator[HistoryEntry]:
    yield from entries_of("WentAway", changes.ended, now)
    yield from entries_of("Appeared", changes.appeared, now)
    if not changes.appeared and set(status.fingerprints) - set(stored.fingerprints):
        yield entry(status, "Appeared", status.summary or "", now)
    if stored.revision and is_worse(status.severity, stored.severity):
        yield entry(status, "GotWorse", f"from {stored.severity} to {status.severity}", now)
    if action is not None:
        yield _action_entry(status, action)
    yield from _acknowledgement_entries(stored, status, now)


def _action_entry(status: IncidentStatus, action: Action) -> HistoryEntry:
    kind: HistoryKind = "Restored" if action.kind == "Remediated" else "Blocked"
    return entry(status, kind, ": ".join(part for part in (action.reason, action.message) if part), action.at)


def _acknowledgement_entries(stored: IncidentStatus, status: IncidentStatus, now: datetime) -> Iterator[HistoryEntry]:
    before, after = stored.acknowledgement, status.acknowledgement
    if after is not None and after != before:
        yield entry(status, "Acknowledged", _acknowledgement_text(after), now)
    if before is not None and after is None:
        yield entry(status, "AcknowledgementEnded", _acknowledgement_text(before), now)


def _acknowledgement_text(acknowledgement: Acknowledgement) -> str:
    until = f" until {format_time(acknowledgement.until)}" if acknowledgement.until is not None else ""
    return f"by {acknowledgement.by}{until}{f': {acknowledgement.note}' if acknowledgement.note else ''}"
