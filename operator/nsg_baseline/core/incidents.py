"""The next state of an incident: a pure function of the stored state and of the finding of one reconcile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from nsg_baseline.api.changes import REASON_LENGTH, SIDE_LENGTH, ChangeStatus, ExposureStatus
from nsg_baseline.api.common import Severity
from nsg_baseline.api.incident import Action, IncidentEvent, IncidentStatus, Resolution
from nsg_baseline.core.attribution import carried
from nsg_baseline.core.changes import Change, fingerprint
from nsg_baseline.core.severity import worst
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import cut
from nsg_baseline.core.text.rule_lines import side_line, summary

# The maxima of the CRD. All changes together must leave room for the rest within etcd's 1.5 MiB per object.
SHOWN_CHANGES = 1000
SHOWN_EXPOSURE = 50
SHOWN_FINGERPRINTS = 10000
SHOWN_ACTIONS = 20
SHOWN_FIELDS = 64
ACTION_MESSAGE_LENGTH = 1024
SUMMARY_LENGTH = 1024
NAME_LENGTH = 128
SIDES_LENGTH = 300_000
"""Characters that one side of all changes together may have."""
FLAP_WITHIN = timedelta(minutes=10)
"""Drift that recurs within this time is the same incident. A flapping incident ends once it is quiet for this long."""
UNREADABLE = fingerprint("Unreadable")
"""Identifies the problem that an NSG cannot be judged."""
FLAPPING = 3
"""The number of recurrences after which an incident counts as flapping."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one reconcile: the present changes, their exposure, and the operator's action.

    Attributes:
        problems: fingerprints of problems that are not changes, such as a scope that cannot be read.
        action_is_news: whether a new action notifies. A block that ends by itself does not.
        absent_at: by fingerprint of a change, the latest time at which the NSG was read without it.
        summary: replaces the summary of the changes.
        severity: replaces the worst severity of the changes.
    """

    changes: tuple[Change, ...]
    exposure: tuple[ExposureStatus, ...] = ()
    action: Action | None = None
    severity: Severity | None = None
    reason: str | None = None
    summary: str | None = None
    problems: frozenset[str] = frozenset()
    absent_at: Mapping[str, datetime] = field(default_factory=dict)
    action_is_news: bool = True

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The fingerprints of the changes and then those of the other problems, each sorted."""
        changes = {change.fingerprint for change in self.changes}
        return (*sorted(changes), *sorted(self.problems - changes))[:SHOWN_FINGERPRINTS]

    @property
    def worst(self) -> Severity | None:
        """The given severity, or else that of the worst change."""
        return self.severity or worst(change.severity for change in self.changes)


def opened_or_updated(
    stored: IncidentStatus, finding: Finding, now: datetime, *, acknowledged: bool = False
) -> IncidentStatus:
    """Return an open incident's next state; equal to `stored` if nothing is new.

    The revision grows with each event that may notify: a new change, a worse severity, another result of a
    remediation, an acknowledgement. The end of one of several changes is recorded and does not notify.
    """
    event = _event(stored, finding)
    if acknowledged and stored.acknowledged_at is None:
        event = event or "Acknowledged"
    worse = stored.revision == 0 or stored.severity is None or _is_worse(finding.worst, stored.severity)
    updates = {
        "state": "Open",
        "severity": worst(severity for severity in (stored.severity, finding.worst) if severity),
        "severity_reason": finding.reason and cut(finding.reason, REASON_LENGTH) if worse else stored.severity_reason,
        "opened_at": stored.opened_at or now,
        "summary": cut(finding.summary or summary(finding.changes), SUMMARY_LENGTH),
        "change_count": len(finding.changes),
        "changes": _changes(stored, finding, now),
        "exposure": finding.exposure[:SHOWN_EXPOSURE],
        "fingerprints": finding.fingerprints,
        "actions": _with_action(stored.actions, finding.action),
        "reopen_count": stored.reopen_count + (stored.quiet_since is not None),
        "quiet_since": None,
        "acknowledged_at": stored.acknowledged_at or (now if acknowledged else None),
    }
    if stored.quiet_since is not None or set(finding.fingerprints) - set(stored.fingerprints):
        # The author of the new change is not known yet.
        updates["attribution"] = None
    if event is not None:
        updates |= {"event": event, "revision": stored.revision + 1, "updated_at": now}
    return stored.model_copy(update=updates)


def unreadable(stored: IncidentStatus, summary: str, now: datetime) -> IncidentStatus:
    """Return the state of an incident whose NSG cannot be judged; equal to `stored` if that is not new.

    The changes that were observed before stay: whether they are still present is unknown.
    """
    if UNREADABLE in stored.fingerprints:
        return stored
    status = opened_or_updated(
        stored, Finding((), severity="high", summary=summary, problems=frozenset({UNREADABLE})), now
    )
    retained = {
        "change_count": len(stored.changes),
        "changes": stored.changes,
        "exposure": stored.exposure,
        "fingerprints": tuple(sorted({*stored.fingerprints, UNREADABLE}))[-SHOWN_FINGERPRINTS:],
    }
    return status.model_copy(update=retained)


def is_recurrence(stored: IncidentStatus, finding: Finding, now: datetime) -> bool:
    """Return whether a finding continues an incident that was resolved minutes ago."""
    resolved_at = stored.resolved_at
    recent = resolved_at is not None and now - resolved_at < FLAP_WITHIN
    return recent and bool(set(finding.fingerprints) & set(stored.fingerprints))


def reopened(stored: IncidentStatus, finding: Finding, now: datetime) -> IncidentStatus:
    """Return the state of a resolved incident whose drift recurred."""
    unresolved = stored.model_copy(
        # Who made a change before is not who makes it again.
        update={
            "resolved_at": None,
            "resolution": None,
            "reopen_count": stored.reopen_count + 1,
            "changes": (),
            "attribution": None,
        }
    )
    status = opened_or_updated(unresolved, finding, now)
    return status.model_copy(update={"event": "Updated", "revision": stored.revision + 1, "updated_at": now})


def while_quiet(stored: IncidentStatus, now: datetime) -> IncidentStatus | None:
    """Return the state of a flapping incident whose drift is absent for now; None if the incident may end.

    Without this, drift that recurs every few minutes would notify twice each time.
    """
    since = stored.quiet_since or now
    if stored.reopen_count < FLAPPING or now - since >= FLAP_WITHIN:
        return None
    return stored.model_copy(update={"quiet_since": since})


def resolved(stored: IncidentStatus, resolution: Resolution, action: Action | None, now: datetime) -> IncidentStatus:
    """Return an incident's last state."""
    updates = {
        "state": "Resolved",
        "event": "Resolved",
        "revision": stored.revision + 1,
        "updated_at": now,
        "resolved_at": now,
        "resolution": resolution,
        "actions": _with_action(stored.actions, action),
    }
    return stored.model_copy(update=updates)


def described_all(changes: Sequence[Change]) -> tuple[ChangeStatus, ...]:
    """Return changes in the form of a status. The more changes there are, the shorter each side is cut."""
    length = min(SIDE_LENGTH, SIDES_LENGTH // max(1, len(changes)))
    return tuple(described(change, length) for change in changes)


def described(change: Change, length: int = SIDE_LENGTH) -> ChangeStatus:
    """Return a change in the form of a status, each side cut to this many characters."""
    return ChangeStatus(
        kind=change.kind,
        nsg=change.nsg,
        rule=cut(change.rule, NAME_LENGTH) if change.rule else None,
        severity=change.severity,
        approved=_side(change.approved, length),
        live=_side(change.live, length),
        fields=tuple(cut(name, NAME_LENGTH) for name in change.fields[:SHOWN_FIELDS]),
        tolerated_by=change.tolerated_by,
    )


def _changes(stored: IncidentStatus, finding: Finding, now: datetime) -> tuple[ChangeStatus, ...]:
    """Return the changes with what is stored about those that are still there."""
    recurs = stored.quiet_since is not None
    stored_changes = {} if recurs else {change.fingerprint: change for change in stored.changes}
    changes = []
    for change, status in zip(finding.changes, described_all(finding.changes[:SHOWN_CHANGES]), strict=False):
        new = {"fingerprint": change.fingerprint, "since": now, "absent_at": finding.absent_at.get(change.fingerprint)}
        before = stored_changes.get(change.fingerprint)
        changed = status.model_copy(update=new)
        changes.append(changed if before is None else carried(changed, before))
    return tuple(changes)


def _event(stored: IncidentStatus, finding: Finding) -> IncidentEvent | None:
    if stored.revision == 0:
        return "Opened"
    if set(finding.fingerprints) - set(stored.fingerprints) or _is_worse(finding.worst, stored.severity):
        return "Updated"
    is_new = finding.action is not None and _with_action(stored.actions, finding.action) != stored.actions
    if finding.action is not None and is_new and finding.action_is_news:
        return "Remediated" if finding.action.kind == "Remediated" else "Updated"
    return None


def _is_worse(severity: Severity | None, than: Severity | None) -> bool:
    ranks = [SEVERITIES.index(level) if level else len(SEVERITIES) for level in (severity, than)]
    return ranks[0] < ranks[1]


def _with_action(actions: tuple[Action, ...], action: Action | None) -> tuple[Action, ...]:
    """Add an action unless it repeats the last one. Each write is a new action."""
    if action is None:
        return actions
    if action.kind != "Remediated" and actions and _same_news(actions[-1], action):
        return actions
    return (*actions, action)[-SHOWN_ACTIONS:]


def _same_news(action: Action, other: Action) -> bool:
    # Messages are not compared: Azure's request ids and retry times would make every try new.
    return (action.kind, action.reason) == (other.kind, other.reason)


def _side(side: Mapping[str, Any] | None, length: int) -> str | None:
    text = side_line(side)
    return None if text is None else cut(text, length)
