"""The rules of the game: what must hold after each reconcile, judged without the code under test."""

from collections.abc import Iterator
from datetime import timedelta

from nsg_baseline.core.conditions import find_condition
from tests.adversary.azure import flat
from tests.adversary.openings import Opening, openings
from tests.adversary.operator_model import OperatorModel
from tests.support.nsgs import NOW
from tests.support.rules import Document

CONTESTED_AFTER = 3
HOUR = timedelta(hours=1)


class Referee:
    """Judges the operator after each reconcile."""

    def __init__(self, operator: OperatorModel) -> None:
        self._operator = operator
        self.left: list[Opening] = []

    def faults(self) -> Iterator[str]:
        """Yield what the operator must not leave behind. `left` has all openings that remain, small ones included."""
        operator = self._operator
        nsg = operator.snapshot.live
        if nsg is None:
            return
        live = flat(nsg.document)
        self.left = list(openings(live, accepted(operator, live)))
        if operator.position.attached and not nsg.subnets:
            return  # it filters nothing anywhere
        if operator.decision.phase == "AwaitingRollout":
            return  # the edit of the baseline itself closes the port, and the grace period runs
        for opening in self.left:
            if not opening.critical:
                continue
            if operator.incident is None or operator.incident.status.severity != "critical":
                severity = operator.incident.status.severity if operator.incident else None
                yield f"{opening} is reported as {severity}"
            refusal = self._unexcused(opening, live)
            if refusal is not None:
                yield f"{opening} stays open: {refusal}"

    def _unexcused(self, opening: Opening, live: list[Document]) -> str | None:
        """Return why an opening should have been closed; None if it stays open for a reason."""
        operator = self._operator
        tolerated = {
            (change.rule or "").lower(): change.tolerated_by
            for change in operator.decision.verdict.changes
            if change.tolerated_by
        }
        by = {name.lower() for name in opening.rules}
        by -= {name for name in tolerated if _is_co_owned(name)}
        if not opening.is_critical_by(by):
            # What remains belongs to co-owners, who are named, or is too small to be removed without a confirmation.
            return None
        stalled = find_condition(operator.baseline.status.conditions, "Stalled")
        if stalled is None:
            return "no reason is given"
        if self._applies(stalled.reason, opening, by, live):
            return None
        return f"{stalled.reason}: {stalled.message}"

    def _applies(self, reason: str, opening: Opening, by: set[str], live: list[Document]) -> bool:
        """Return whether a reason of a blocked remediation is true and prevents that these rules are removed."""
        operator = self._operator
        match reason:
            case "Contested":
                recent = [time for time in operator.write_times if operator.now - time < HOUR]
                return len(recent) >= CONTESTED_AFTER or operator.conflicts >= CONTESTED_AFTER
            case "ScopeLocked":
                return operator.azure.locked
            case "Updating":
                return operator.azure.state == "Updating"
            case "PriorityTaken" | "WouldOpen":
                return self._are_critical_ones_to_stay(opening, by, live) and self._is_a_slot_taken(live)
            case "TooManyRules":
                kept = [rule for rule in live if _is_co_owned(rule["name"].lower())]
                return (
                    self._are_critical_ones_to_stay(opening, by, live)
                    and len(kept) + len(operator.approved) > operator.azure.limit
                )
            case _:
                return False

    def _are_critical_ones_to_stay(self, opening: Opening, by: set[str], live: list[Document]) -> bool:
        """Return whether each rule that makes the opening critical is approved, excepted or co-owned.

        Then another rule has to be restored. The others are too small to be removed without a confirmation.
        """
        approved = {rule["name"].lower() for rule in (*self._operator.approved, *accepted(self._operator, live))}
        return not opening.is_critical_by({name for name in by if name not in approved and not _is_co_owned(name)})

    def _is_a_slot_taken(self, live: list[Document]) -> bool:
        """Return whether a rule that must stay has the priority of an approved rule."""
        approved = {rule["name"].lower(): rule for rule in self._operator.approved}
        excepted = {rule["name"].lower() for rule in accepted(self._operator, live)} - set(approved)
        staying = [rule for rule in live if _is_co_owned(rule["name"].lower()) or rule["name"].lower() in excepted]
        slots = {(rule["direction"], rule["priority"]): rule["name"].lower() for rule in staying}
        return any(slots.get((rule["direction"], rule["priority"]), name) != name for name, rule in approved.items())


def accepted(operator: OperatorModel, live: list[Document]) -> list[Document]:
    """Return the rules that are approved, or that exist under a running exception."""
    running = [rule for rule, minutes in operator.position.excepted if operator.now < NOW + timedelta(minutes=minutes)]
    used = [rule for rule in running if any(rule.items() <= other.items() for other in live)]
    names = {rule["name"].lower() for rule in used}
    return [*(rule for rule in operator.approved if rule["name"].lower() not in names), *used]


def _is_co_owned(name: str) -> bool:
    """Return whether a name is one that a co-owner of the game has."""
    return name.startswith(("co-", "k8s-azure-", "securitycenter-jitrule", "allow_ssh", "allow_apiserver"))
