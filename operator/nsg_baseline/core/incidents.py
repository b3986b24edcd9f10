"""The next state of an incident. A pure function of what is stored and what was seen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nsg_baseline.api.changes import REASON_LENGTH, SIDE_LENGTH, ChangeStatus, ExposureStatus
from nsg_baseline.api.common import Severity
from nsg_baseline.api.incident import Action, IncidentEvent, IncidentStatus, Resolution
from nsg_baseline.core.changes import Change
from nsg_baseline.core.severity import worst
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import cut
from nsg_baseline.core.text.rule_lines import side_line, summary

# What an IncidentStatus takes; and all changes together must leave etcd's 1.5 MiB room for the rest.
SHOWN_CHANGES = 1000
SHOWN_EXPOSURE = 50
SHOWN_FINGERPRINTS = 10000
SHOWN_ACTIONS = 20
SUMMARY_LENGTH = 1024
NAME_LENGTH = 128
SIDES_LENGTH = 300_000
FLAP_WITHIN = timedelta(minutes=10)
"""What comes back within this time is the same incident; one that flaps ends when it stayed away so long."""
FLAPPING = 3


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one look adds to an incident: the changes that stand, their exposure, and what the operator did."""

    changes: tuple[Change, ...]
    exposure: tuple[ExposureStatus, ...] = ()
    action: Action | None = None
    severity: Severity | None = None
    reason: str | None = None
    summary: str | None = None
    fingerprint: str | None = None

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """One mark for each thing that is wrong, sorted."""
        marks = {change.fingerprint for change in self.changes} | ({self.fingerprint} if self.fingerprint else set())
        return tuple(sorted(marks))[:SHOWN_FINGERPRINTS]


def opened_or_updated(
    known: IncidentStatus, seen: Sighting, now: datetime, *, acknowledged: bool = False
) -> IncidentStatus:
    """Return an open incident's next state; equal to `known` when there is nothing new.

    The revision grows when there is something to tell: a change that was not there before, a worse severity, or
    another outcome of what the operator tried, somebody's acknowledgement. A change that went away while others stand
    is recorded, not told.
    """
    event = _event(known, seen)
    if acknowledged and known.acknowledged_at is None:
        event = event or "Acknowledged"
    worse = known.severity is None or _worse(_severity(seen), known.severity)
    updates = {
        "state": "Open",
        "severity": worst(level for level in (known.severity, _severity(seen)) if level),
        "severity_reason": seen.reason and cut(seen.reason, REASON_LENGTH) if worse else known.severity_reason,
        "opened_at": known.opened_at or now,
        "summary": cut(seen.summary or summary(seen.changes), SUMMARY_LENGTH),
        "change_count": len(seen.changes),
        "changes": described_all(seen.changes[:SHOWN_CHANGES]),
        "exposure": seen.exposure[:SHOWN_EXPOSURE],
        "fingerprints": seen.fingerprints,
        "actions": _actions(known, seen.action),
        "reopen_count": known.reopen_count + (known.quiet_since is not None),
        "quiet_since": None,
        "acknowledged_at": known.acknowledged_at or (now if acknowledged else None),
    }
    if set(seen.fingerprints) - set(known.fingerprints):
        # Somebody did something more: who that was is to be found out again.
        updates["attribution"] = None
    if event is not None:
        updates |= {"event": event, "revision": known.revision + 1, "updated_at": now}
    return known.model_copy(update=updates)


def is_back(ended: IncidentStatus, seen: Sighting, now: datetime) -> bool:
    """Say whether what was over minutes ago is there again: the same incident, not another one."""
    over = ended.resolved_at
    return over is not None and now - over < FLAP_WITHIN and bool(set(seen.fingerprints) & set(ended.fingerprints))


def back_again(ended: IncidentStatus, seen: Sighting, now: datetime) -> IncidentStatus:
    """Return the state of an incident that was over and is not."""
    reopen_count = ended.reopen_count + 1
    again = opened_or_updated(
        ended.model_copy(update={"resolved_at": None, "resolution": None, "reopen_count": reopen_count}), seen, now
    )
    return again.model_copy(update={"event": "Updated", "revision": ended.revision + 1, "updated_at": now})


def calming_down(known: IncidentStatus, now: datetime) -> IncidentStatus | None:
    """Return the state of a flapping incident whose deviation is away for now; None when it may end.

    Whoever comes back every few minutes would else be told twice each time.
    """
    since = known.quiet_since or now
    if known.reopen_count < FLAPPING or now - since >= FLAP_WITHIN:
        return None
    return known.model_copy(update={"quiet_since": since})


def resolved(known: IncidentStatus, resolution: Resolution, action: Action | None, now: datetime) -> IncidentStatus:
    """Return an incident's last state."""
    updates = {
        "state": "Resolved",
        "event": "Resolved",
        "revision": known.revision + 1,
        "updated_at": now,
        "resolved_at": now,
        "resolution": resolution,
        "actions": _actions(known, action),
    }
    return known.model_copy(update=updates)


def described_all(changes: Sequence[Change]) -> tuple[ChangeStatus, ...]:
    """Return changes in the form that a status holds, each side the shorter the more there are."""
    length = min(SIDE_LENGTH, SIDES_LENGTH // max(1, len(changes)))
    return tuple(described(change, length) for change in changes)


def described(change: Change, length: int = SIDE_LENGTH) -> ChangeStatus:
    """Return a change in the form that a status holds, each side in at most this many characters."""
    return ChangeStatus(
        kind=change.kind,
        nsg=change.nsg,
        rule=cut(change.rule, NAME_LENGTH) if change.rule else None,
        severity=change.severity,
        approved=_side(change.approved, length),
        live=_side(change.live, length),
        fields=tuple(cut(name, NAME_LENGTH) for name in change.fields[:64]),
        tolerated_by=change.tolerated_by,
    )


def _event(known: IncidentStatus, seen: Sighting) -> IncidentEvent | None:
    if known.revision == 0:
        return "Opened"
    if set(seen.fingerprints) - set(known.fingerprints) or _worse(_severity(seen), known.severity):
        return "Updated"
    if seen.action is not None and _actions(known, seen.action) != known.actions:
        return "Remediated" if seen.action.kind == "Remediated" else "Updated"
    return None


def _severity(seen: Sighting) -> Severity | None:
    return seen.severity or worst(change.severity for change in seen.changes)


def _worse(now: Severity | None, before: Severity | None) -> bool:
    ranks = [SEVERITIES.index(level) if level else len(SEVERITIES) for level in (now, before)]
    return ranks[0] < ranks[1]


def _actions(known: IncidentStatus, action: Action | None) -> tuple[Action, ...]:
    """Add an action, unless it says again what the last one said. Each write is one more."""
    last = known.actions[-1] if known.actions else None
    if action is None:
        return known.actions
    if action.kind != "Remediated" and last is not None and _said(last) == _said(action):
        return known.actions
    return (*known.actions, action)[-SHOWN_ACTIONS:]


def _said(action: Action) -> tuple[str, str]:
    # Not the message: Azure's hold times and request ids, which would make every try news.
    return action.kind, action.reason


def _side(side: Mapping[str, Any] | None, length: int) -> str | None:
    text = side_line(side)
    return None if text is None else cut(text, length)


def still_wrong(changes: Iterable[Change], reverted: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes that a write should have reverted and that stand all the same."""
    marks = {change.fingerprint for change in reverted}
    return tuple(change for change in changes if change.fingerprint in marks)
