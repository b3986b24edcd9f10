"""The changes of an incident from one reconcile to the next: which appeared, remain, are absent for now, and ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from nsg_baseline.api.changes import SIDE_LENGTH, ChangeStatus, ExposureStatus
from nsg_baseline.api.common import EffectiveMode, Severity
from nsg_baseline.api.incident import Action, DetectedBy, IncidentStatus
from nsg_baseline.api.incident_changes import OWN_REASON_LENGTH, Acknowledgement, ChangeEnd, IncidentChange
from nsg_baseline.core.attribution import carried
from nsg_baseline.core.changes import Change
from nsg_baseline.core.incident_acknowledgement import covered
from nsg_baseline.core.severity import worst
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.phrasing import cut
from nsg_baseline.core.text.rule_lines import side_line

# The maxima of the CRD. All changes together must leave room for the rest within etcd's 1.5 MiB per object.
SHOWN_CHANGES = 1000
SHOWN_FIELDS = 64
SHOWN_FINGERPRINTS = 10000
NAME_LENGTH = 128
DETAILED_CHANGES = 50
"""The most severe changes, for which their reason and their exposure are stored."""
SIDES_LENGTH = 300_000
"""Characters that one side of all changes together may have."""
ENDED_SIDE_LENGTH = 256
FLAP_WITHIN = timedelta(minutes=10)
"""Drift that recurs within this time is the same incident. A flapping incident ends once it is quiet for this long."""
FLAPPING = 3
"""The number of recurrences after which an incident, or a change, counts as flapping."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one reconcile: the present changes, their exposure, and the operator's action.

    Attributes:
        problems: fingerprints of problems that are not changes, such as a scope that cannot be read.
        absent_at: by fingerprint of a change, the latest time at which the NSG was read without it.
        own: by fingerprint of a change, the traffic that it decides by itself.
        ending: how changes ended that are absent now.
        summary: replaces the summary of the changes.
        severity: replaces the worst severity of the changes.
        is_undecided: whether a remediation is still to be read, planned or written in the same reconcile.
        mode: the mode of the baseline; None for an incident of a scope.
        detected_by: what caused the reading; None for an incident of a scope.
        is_blind: whether it does not say which changes are present; the stored ones then stay.
    """

    changes: tuple[Change, ...]
    exposure: tuple[ExposureStatus, ...] = ()
    action: Action | None = None
    severity: Severity | None = None
    reason: str | None = None
    summary: str | None = None
    problems: frozenset[str] = frozenset()
    absent_at: Mapping[str, datetime] = field(default_factory=dict)
    own: Mapping[str, tuple[ExposureStatus, ...]] = field(default_factory=dict)
    ending: ChangeEnd = "Reverted"
    is_undecided: bool = False
    mode: EffectiveMode | None = None
    detected_by: DetectedBy | None = None
    is_blind: bool = False

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The fingerprints of the changes and then those of the other problems, each sorted."""
        changes = {change.fingerprint for change in self.changes}
        return (*sorted(changes), *sorted(self.problems - changes))[:SHOWN_FINGERPRINTS]

    @property
    def worst(self) -> Severity | None:
        """The given severity, or else that of the worst change."""
        return self.severity or worst(change.severity for change in self.changes)


@dataclass(frozen=True, slots=True)
class NextChanges:
    """The changes after a reconcile.

    Attributes:
        present: the changes that are present, the most severe first.
        absent: flapping changes that are absent for now.
        appeared: the present ones that were not open before.
        ended: the stored ones that ended.
    """

    present: tuple[IncidentChange, ...]
    absent: tuple[IncidentChange, ...]
    appeared: tuple[IncidentChange, ...]
    ended: tuple[IncidentChange, ...]

    @property
    def open(self) -> tuple[IncidentChange, ...]:
        """The changes to store as open, the most severe first."""
        both = sorted((*self.present, *self.absent), key=lambda change: SEVERITIES.index(change.severity))
        return tuple(both) if self.absent else self.present


def next_changes(
    stored: IncidentStatus, finding: Finding, acknowledgement: Acknowledgement | None, now: datetime
) -> NextChanges:
    """Compare the present changes with the stored ones."""
    if finding.is_blind:
        return NextChanges(stored.changes, (), (), ())
    was_quiet = stored.quiet_since is not None
    before = {} if was_quiet else {change.fingerprint: change for change in stored.changes if change.fingerprint}
    open_before = frozenset() if was_quiet else frozenset(stored.fingerprints)
    present = [
        _present(status, change, before.get(change.fingerprint), stored, finding, acknowledgement, now)
        for change, status in zip(finding.changes, described_all(finding.changes[:SHOWN_CHANGES]), strict=False)
    ]
    present[:DETAILED_CHANGES] = [
        _detailed(status, change, finding)
        for change, status in zip(finding.changes, present[:DETAILED_CHANGES], strict=False)
    ]
    # An open change that is not listed, because there are too many, is not new.
    appeared = tuple(status for status in present if status.fingerprint not in open_before)
    gone = _gone(stored, finding)
    absent = tuple(
        change.model_copy(update={"absent_since": change.absent_since or now})
        for change in gone
        if not was_quiet and _flaps(change, now)
    )
    absent_fingerprints = {change.fingerprint for change in absent}
    replaced = {(change.nsg, change.rule) for change in appeared if change.rule}
    ended_at = stored.quiet_since or now
    ended = tuple(
        ended_change(change, _end_of(change, finding, replaced), ended_at, stored.revision + 1)
        for change in (stored.changes if was_quiet else gone)
        if change.fingerprint not in absent_fingerprints
    )
    return NextChanges(tuple(present), absent, appeared, ended)


def ended_change(change: IncidentChange, end: ChangeEnd, at: datetime, revision: int) -> IncidentChange:
    """Return a change that ended."""
    updates = {"ended": end, "ended_at": change.absent_since or at, "ended_in": revision, "absent_since": None}
    return change.model_copy(update=updates)


def shortened(change: IncidentChange) -> IncidentChange:
    """Return a change that ended, in the length in which it is kept."""
    sides = {"approved": change.approved, "live": change.live}
    return change.model_copy(update={name: text and cut(text, ENDED_SIDE_LENGTH) for name, text in sides.items()})


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


def is_worse(severity: Severity | None, than: Severity | None) -> bool:
    """Return whether a severity is higher than another; none is the lowest."""
    ranks = [SEVERITIES.index(level) if level else len(SEVERITIES) for level in (severity, than)]
    return ranks[0] < ranks[1]


def _present(
    status: ChangeStatus,
    change: Change,
    before: IncidentChange | None,
    stored: IncidentStatus,
    finding: Finding,
    acknowledgement: Acknowledgement | None,
    now: datetime,
) -> IncidentChange:
    new = IncidentChange.model_validate(dict(status)).model_copy(
        update={
            "fingerprint": change.fingerprint,
            "since": now,
            "absent_at": finding.absent_at.get(change.fingerprint),
            "appeared_in": stored.revision + 1,
            "recurrences": _recurrences(stored, change.fingerprint, now),
            # An acknowledgement that is as old as the incident covers what it opens with.
            "acknowledged": acknowledgement is not None and stored.revision == 0,
        }
    )
    if before is None:
        return new
    covers = covered(before, stored, acknowledgement, is_worse=is_worse(change.severity, before.severity))
    kept = {"appeared_in": before.appeared_in, "recurrences": before.recurrences, "acknowledged": covers}
    if before.absent_since is not None:
        kept["recurrences"] = before.recurrences + 1
    return carried(new, before).model_copy(update=kept)


def _detailed(status: IncidentChange, change: Change, finding: Finding) -> IncidentChange:
    own = tuple(
        exposure.model_copy(update={"text": cut(exposure.text, OWN_REASON_LENGTH)})
        for exposure in finding.own.get(change.fingerprint, ())[:2]
    )
    reason = cut(change.reason, OWN_REASON_LENGTH) if change.reason else None
    return status.model_copy(update={"exposure": own, "reason": reason})


def _recurrences(stored: IncidentStatus, fingerprint: str, now: datetime) -> int:
    earlier = next((change for change in stored.ended_changes if change.fingerprint == fingerprint), None)
    if earlier is None or earlier.ended_at is None or now - earlier.ended_at >= FLAP_WITHIN:
        return 0
    return earlier.recurrences + 1


def _gone(stored: IncidentStatus, finding: Finding) -> list[IncidentChange]:
    present = {change.fingerprint for change in finding.changes}
    return [change for change in stored.changes if change.fingerprint not in present]


def _flaps(change: IncidentChange, now: datetime) -> bool:
    return change.recurrences >= FLAPPING and now - (change.absent_since or now) < FLAP_WITHIN


def _end_of(change: IncidentChange, finding: Finding, replaced: set[tuple[str | None, str]]) -> ChangeEnd:
    return "Replaced" if (change.nsg, change.rule) in replaced else finding.ending


def _side(side: Mapping[str, Any] | None, length: int) -> str | None:
    text = side_line(side)
    return None if text is None else cut(text, length)
