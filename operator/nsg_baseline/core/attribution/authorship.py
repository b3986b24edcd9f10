"""Who made a change: the identity that first wrote the content in question, not the last writer of the NSG.

The log is evidence, and is read with suspicion: what it does not prove is not certain. A write is a candidate if it may
have begun the state that was seen, in some order of the writes that the log allows. An author is certain if all
candidates are one identity, a request body of that identity holds the content, the state before is known to be
another one, and no row can still be missing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from nsg_baseline.core.attribution.effects import Effect, Question, effect_of, starts
from nsg_baseline.core.attribution.writes import LONGEST_REQUEST, Write, order

CLOCK_SKEW = timedelta(seconds=5)
"""Azure's clocks and the operator's differ by less."""
LOG_SKEW = timedelta(milliseconds=500)
"""The clocks of the servers that write the log differ by less."""
COMPLETE_AFTER = timedelta(minutes=20)
"""Azure documents that a row appears 3 to 20 minutes after its event."""

MAX_WRITES = 500
"""Among more writes of one rule, nobody is certain: each is compared with each."""

Answer = Literal["Certain", "Candidates", "NotYet", "Unknown"]


@dataclass(frozen=True, slots=True)
class LogPeriod:
    """What was read of the log.

    Attributes:
        since: the time from which on it was read.
        read_at: when.
        complete: whether all rows since then were read.
    """

    since: datetime
    read_at: datetime
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who made a change.

    Attributes:
        answer: Certain, with one write; Candidates, with at least one; NotYet, while rows may be missing; Unknown.
        writes: the writes that made the change, or may have, the latest first.
        final: whether no later row can change the answer.
    """

    answer: Answer
    writes: tuple[Write, ...] = ()
    final: bool = True


@dataclass(frozen=True, slots=True)
class _Step:
    write: Write
    effect: Effect
    starts: bool

    @property
    def is_definite(self) -> bool:
        return self.write.outcome == "Succeeded"

    @property
    def may_be_content(self) -> bool:
        return self.effect in (Effect.CONTENT, Effect.UNKNOWN)

    @property
    def is_content(self) -> bool:
        return self.effect is Effect.CONTENT and self.is_definite

    @property
    def may_be_other(self) -> bool:
        return self.effect in (Effect.OTHER, Effect.UNKNOWN)

    @property
    def proves_another_state(self) -> bool:
        """Whether the change was absent right before the write or right after it."""
        return self.is_definite and (self.effect is Effect.OTHER or self.starts)


def author_of(question: Question, writes: Sequence[Write], log: LogPeriod) -> Authorship:
    """Return who made a change, according to the writes of its NSG in any order."""
    steps = _relevant_steps(question, writes)
    log = replace(log, complete=log.complete and len(steps) <= MAX_WRITES)
    steps = steps[-MAX_WRITES:]
    candidates = [step for step in steps if _may_be_author(step, steps, question)]
    settled = log.read_at >= question.seen_at + COMPLETE_AFTER
    proof = _proof(candidates, steps, question, log)
    if proof is not None and (settled or any(step.starts and step.is_content for step in candidates)):
        return Authorship("Certain", (proof,))
    if candidates:
        explained = any(step.is_content for step in candidates)
        return Authorship("Candidates", _latest_first(candidates), final=settled and explained)
    if not settled:
        return Authorship("NotYet", final=False)
    # Somebody did it. If no body explains it, a body was read in another way than Azure read it.
    foreign = [step for step in steps if not step.write.own]
    return Authorship("Candidates" if foreign else "Unknown", _latest_first(foreign), final=False)


def _relevant_steps(question: Question, writes: Iterable[Write]) -> list[_Step]:
    steps = (_Step(write, effect_of(write, question), starts(write, question)) for write in sorted(writes, key=order))
    return [step for step in steps if _is_relevant(step, question)]


def _is_relevant(step: _Step, question: Question) -> bool:
    write = step.write
    if step.effect is Effect.NOTHING or write.begun > question.seen_at + CLOCK_SKEW:
        return False
    latest = write.answered or write.begun + LONGEST_REQUEST
    return question.absent_at is None or latest >= question.absent_at - CLOCK_SKEW


def _may_be_author(step: _Step, steps: Sequence[_Step], question: Question) -> bool:
    """Say whether a write may have begun the state that was seen."""
    # The operator writes what it read, or what is approved: it never begins a change.
    if step.write.own or not step.may_be_content:
        return False
    if any(_ended(step, later, question) for later in steps):
        return False
    return step.starts or not _is_copy(step, steps)


def _ended(step: _Step, later: _Step, question: Question) -> bool:
    """Say whether the state that a write left had certainly ended before the change was seen."""
    answered = later.write.answered
    return (
        later.proves_another_state
        and _precedes(step.write, later.write)
        and answered is not None
        and answered + CLOCK_SKEW < question.seen_at
    )


def _is_copy(step: _Step, steps: Sequence[_Step]) -> bool:
    """Say whether the content was certainly there already when a write wrote it again."""
    earlier = [other for other in steps if other is not step and other.is_content and _is_earlier(other, step)]
    if not earlier:
        return False
    last = max(earlier, key=lambda other: order(other.write))
    between = (
        other
        for other in steps
        if other is not last
        and other is not step
        and not _precedes(other.write, last.write)
        and not _precedes(step.write, other.write)
    )
    return not any(other.may_be_other or other.starts for other in between)


def _is_earlier(step: _Step, other: _Step) -> bool:
    """Say whether a write was earlier than another one, if both wrote the content and nobody removed it between."""
    # Content that was absent before a write was not written right before it.
    return _precedes(step.write, other.write) or (step.starts and not _precedes(other.write, step.write))


def _proof(candidates: Sequence[_Step], steps: Sequence[_Step], question: Question, log: LogPeriod) -> Write | None:
    """Return the earliest write that proves the only candidate; None if something is missing for a proof."""
    identities = {step.write.identity for step in candidates}
    proofs = [step.write for step in candidates if step.is_content]
    if len(identities) != 1 or "" in identities or not proofs or not (question.provable and log.complete):
        return None
    return min(proofs, key=order) if _begins_in_log(steps, question, log) else None


def _begins_in_log(steps: Sequence[_Step], question: Question, log: LogPeriod) -> bool:
    """Say whether the log that was read holds the write that began the state: before it, another one is proved."""
    if question.absent_at is not None and question.absent_at - CLOCK_SKEW >= log.since:
        return True
    return any(_precedes_sight(step, question) for step in steps if step.proves_another_state)


def _precedes_sight(step: _Step, question: Question) -> bool:
    """Say whether a write certainly took effect before the change was seen."""
    # What was absent before a write that leaves it was not there when the write began.
    time = step.write.begun if step.starts and step.is_content else step.write.answered
    return time is not None and time + CLOCK_SKEW < question.seen_at


def _precedes(write: Write, other: Write) -> bool:
    """Say whether a write certainly took effect before another one."""
    return write.answered is not None and write.answered + LOG_SKEW < other.begun


def _latest_first(steps: Sequence[_Step]) -> tuple[Write, ...]:
    return tuple(sorted((step.write for step in steps), key=order, reverse=True))
