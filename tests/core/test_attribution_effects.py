"""What a write did to the state in question, and whether Azure's answer proves that it began there."""

from dataclasses import replace
from typing import Any

import pytest

from nsg_baseline.api.changes import ChangeKind
from nsg_baseline.api.incident import Caller
from nsg_baseline.core.attribution.bodies import UnreadableBodyError
from nsg_baseline.core.attribution.effects import Effect, Question, effect_of, readable_body, starts, writes_tags_alone
from nsg_baseline.core.attribution.writes import Write
from tests.support.alerts import NSG, START

CALLER = Caller(name="jo", kind="User", at=START, operation="w", correlation_id="c")
PLAIN = Write(CALLER, "jo", False, NSG.lower(), None, False, "PUT", START, START, "Succeeded", frozenset(), None)


def write(*statuses: str, **fields: Any) -> Write:
    return replace(PLAIN, statuses=frozenset(statuses), **fields)


def question(kind: ChangeKind, rule: str | None = None) -> Question:
    return Question(kind, NSG.lower(), rule, "f", None, START)


@pytest.mark.parametrize(
    ("kind", "made", "expected"),
    [
        ("NSGDeleted", write("ok", deletes=True), Effect.CONTENT),
        ("NSGDeleted", write("nocontent", deletes=True), Effect.NOTHING),
        ("NSGDeleted", write("created"), Effect.OTHER),
        ("NSGCreated", write("created"), Effect.CONTENT),
        ("NSGCreated", write("ok"), Effect.UNKNOWN),
        ("NSGCreated", write("ok", deletes=True), Effect.OTHER),
        ("NSGDeleted", write("ok", deletes=True, rule="web"), Effect.NOTHING),
        ("NSGDeleted", write("ok", deletes=True, nsg="other"), Effect.NOTHING),
        ("NSGDeleted", write("ok", deletes=True, outcome="Failed"), Effect.NOTHING),
        ("NSGDeleted", write("ok", deletes=True, outcome="Unknown"), Effect.CONTENT),
        ("NSGUpdated", write("ok", deletes=True), Effect.NOTHING),
    ],
)
def test_a_write_of_an_nsg(kind: ChangeKind, made: Write, expected: Effect) -> None:
    # Deleting what does not exist succeeds, too, and a write of an existing NSG may have created it before.
    assert effect_of(made, question(kind)) is expected


@pytest.mark.parametrize(
    ("kind", "made", "expected"),
    [
        ("RuleDeleted", write("ok", deletes=True, rule="web"), Effect.CONTENT),
        ("RuleDeleted", write("nocontent", deletes=True, rule="web"), Effect.NOTHING),
        ("RuleDeleted", write("ok", deletes=True), Effect.CONTENT),
        ("RuleDeleted", write("ok", rule="web"), Effect.OTHER),
        ("RuleCreated", write("ok", deletes=True, rule="web"), Effect.OTHER),
        ("RuleCreated", write("ok", deletes=True), Effect.OTHER),
        ("RuleCreated", write("ok", rule="other"), Effect.NOTHING),
        ("RuleCreated", write("ok", rule="web"), Effect.UNKNOWN),
        ("RuleCreated", write("ok", method="PATCH"), Effect.NOTHING),
        ("RuleUpdated", write("ok"), Effect.UNKNOWN),
        ("RuleUpdated", write("ok", method=""), Effect.UNKNOWN),
    ],
)
def test_a_write_about_a_rule(kind: ChangeKind, made: Write, expected: Effect) -> None:
    # Without a body nobody knows what was written, unless the operation itself says it.
    assert effect_of(made, question(kind, "web")) is expected


@pytest.mark.parametrize(
    ("kind", "made", "expected"),
    [
        ("NSGDeleted", write("ok", deletes=True), True),
        ("NSGDeleted", write("accepted", deletes=True), True),
        ("NSGDeleted", write("nocontent", deletes=True), False),
        ("NSGDeleted", write(deletes=True), False),
        ("NSGDeleted", write("ok", deletes=True, rule="web"), False),
        ("RuleDeleted", write("ok", deletes=True, rule="web"), True),
        ("RuleDeleted", write("ok", deletes=True), False),
        ("RuleDeleted", write("created", rule="web"), False),
        ("NSGCreated", write("created"), True),
        ("NSGCreated", write("created", rule="web"), False),
        ("NSGCreated", write("ok"), False),
        ("RuleCreated", write("created", rule="web"), True),
        ("RuleUpdated", write("created"), True),
        ("RuleCreated", write("created", rule="web", outcome="Unknown"), False),
        ("RuleCreated", write("ok", rule="web"), False),
        ("NSGUpdated", write("created"), False),
    ],
)
def test_azures_answer_may_prove_that_the_change_was_absent_before(
    kind: ChangeKind, made: Write, *, expected: bool
) -> None:
    # Such a write has its author at once, so a wrong proof would name the wrong person with certainty.
    assert starts(made, question(kind, "web")) is expected


def test_the_method_tells_an_update_of_tags_from_a_write_of_the_nsg() -> None:
    # Both have the same name in the log. Without the method the body decides, and without both nobody knows.
    assert writes_tags_alone(write(method="PATCH"))
    assert not writes_tags_alone(write(method="PUT"))
    with pytest.raises(UnreadableBodyError, match=r"^missing, truncated or ambiguous$"):
        writes_tags_alone(write(method=""))
    with pytest.raises(UnreadableBodyError):
        readable_body(write())
