"""What a write did to the state that a change describes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from nsg_baseline.api.changes import ChangeKind
from nsg_baseline.core.attribution.bodies import Body, UnreadableBodyError
from nsg_baseline.core.attribution.writes import Write
from nsg_baseline.core.changes import rule_change_fingerprint, tags_fingerprint
from nsg_baseline.core.nsg import ApprovedNSG
from nsg_baseline.core.rules import Rule

Effect = Enum("Effect", ["NOTHING", "CONTENT", "OTHER", "UNKNOWN"])
"""What a write left: nothing new, the content in question, other content, or nobody knows which."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who made a change.

    Attributes:
        nsg, rule: folded id of the NSG, and folded name of the rule; None if the change is not about a rule.
        fingerprint: of the change; with `approved` it tells whether a body holds its content.
        approved: what the baseline approves; None if that is not known, and then no body can be compared.
        seen_at: when the change was first seen.
        absent_at: latest time at which the NSG was read without the change; None if that is not known.
        fields: names of the fields that differ.
    """

    kind: ChangeKind
    nsg: str
    rule: str | None
    fingerprint: str | None
    approved: ApprovedNSG | None
    seen_at: datetime
    absent_at: datetime | None = None
    fields: tuple[str, ...] = ()

    @property
    def provable(self) -> bool:
        """Whether the log can prove who it was: tags are also written through an API that leaves other rows."""
        return self.kind != "NSGUpdated"


def effect_of(write: Write, question: Question) -> Effect:
    """Return what a write did to the state that a change describes."""
    if write.nsg != question.nsg or write.outcome == "Failed" or write.rule not in (None, question.rule):
        return Effect.NOTHING
    try:
        return _EFFECTS[question.kind](write, question)
    except UnreadableBodyError:
        return Effect.UNKNOWN


def starts(write: Write, question: Question) -> bool:
    """Say whether Azure's answer proves that the change was absent before a write."""
    if write.outcome != "Succeeded":
        return False
    if write.deletes:
        deleted = "NSGDeleted" if write.rule is None else "RuleDeleted"
        return question.kind == deleted and bool(write.statuses & {"ok", "accepted"})
    created = ("RuleCreated", "RuleUpdated", *(("NSGCreated",) if write.rule is None else ()))
    return question.kind in created and "created" in write.statuses


def readable_body(write: Write) -> Body:
    """Return the body of a write.

    Raises:
        UnreadableBodyError: it is missing, truncated or ambiguous.
    """
    if write.body is None:
        raise UnreadableBodyError("missing, truncated or ambiguous")
    return write.body


def writes_tags_alone(write: Write) -> bool:
    """Say whether a write of an NSG is an update of its tags, which the log lists under the same name.

    Raises:
        UnreadableBodyError: the log shows neither the method nor the body.
    """
    return write.method == "PATCH" if write.method else readable_body(write).updates_tags_alone


def _rule_written(write: Write, question: Question) -> Effect:
    if write.deletes:
        return Effect.OTHER
    rule = _rule_after(write, question)
    if rule is None:
        return Effect.OTHER
    if isinstance(rule, Effect):
        return rule
    if question.approved is None:
        return Effect.UNKNOWN
    fingerprint = rule_change_fingerprint(question.kind, rule, question.approved)
    return Effect.CONTENT if fingerprint == question.fingerprint else Effect.OTHER


def _rule_deleted(write: Write, question: Question) -> Effect:
    if write.deletes:
        # Deleting what does not exist succeeds, too.
        return Effect.NOTHING if "nocontent" in write.statuses else Effect.CONTENT
    if write.rule is not None:
        return Effect.OTHER
    rule = _rule_after(write, question)
    if isinstance(rule, Effect):
        return rule
    return Effect.CONTENT if rule is None else Effect.OTHER


def _rule_after(write: Write, question: Question) -> Rule | Effect | None:
    if write.rule is not None:
        return readable_body(write).rule_of_rule(write.rule)
    if writes_tags_alone(write):
        return Effect.NOTHING
    return readable_body(write).rule_of_nsg(question.rule or "")


def _nsg_deleted(write: Write, _: Question) -> Effect:
    if not write.deletes or write.rule is not None:
        return Effect.OTHER
    return Effect.NOTHING if "nocontent" in write.statuses else Effect.CONTENT


def _nsg_created(write: Write, _: Question) -> Effect:
    if write.rule is None and write.deletes:
        return Effect.OTHER
    return Effect.CONTENT if write.rule is None and "created" in write.statuses else Effect.UNKNOWN


def _nsg_updated(write: Write, question: Question) -> Effect:
    # An association is a property of the subnet or the network interface: no write of the NSG changes it.
    if write.rule is not None or write.deletes or not any(name.startswith("tags.") for name in question.fields):
        return Effect.NOTHING
    if question.approved is None:
        return Effect.UNKNOWN
    tags = readable_body(write).tags
    return Effect.CONTENT if tags_fingerprint(tags, question.approved) == question.fingerprint else Effect.OTHER


_EFFECTS: dict[ChangeKind, Callable[[Write, Question], Effect]] = {
    "RuleCreated": _rule_written,
    "RuleUpdated": _rule_written,
    "RuleDeleted": _rule_deleted,
    "NSGUpdated": _nsg_updated,
    "NSGDeleted": _nsg_deleted,
    "NSGCreated": _nsg_created,
}
