"""One look at one NSG, from what Azure said to what is recorded of it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import ExceptionStatus
from nsg_baseline.api.common import CONFIRM, REQUESTED_AT, format_time
from nsg_baseline.api.durations import parse
from nsg_baseline.api.incident import Action, IncidentSpec, IncidentStatus, NSGIncident, Resolution
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.incidents import (
    FLAP_WITHIN,
    Sighting,
    back_again,
    calming_down,
    is_back,
    opened_or_updated,
    resolved,
)
from nsg_baseline.core.nsg import read_approved, read_live
from nsg_baseline.core.outcome import Outcome
from nsg_baseline.core.remediation import Blocked, RemediationPolicy, contested, plan_hash, policy
from nsg_baseline.core.text.exposure_lines import lines, statuses
from nsg_baseline.core.verdict import Verdict, drift_origin, judge
from nsg_baseline.engine.enforce import Enforced, enforce
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.rule_authors import recorded_authors
from nsg_baseline.kube import status
from nsg_baseline.kube.conditions import find

Reading = Literal["UnderWay", "Complete", "BrokenOff"]
# Azure is at work on the NSG; that is over in seconds, and the door stands open.
PASSING = ("Updating", "AnotherOperationInProgress")
SOON = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class BaselineReconciler:
    """A baseline beside the NSG that it speaks of."""

    world: Dependencies
    scope: NSGScope
    baseline: NSGBaseline

    async def take(self, document: dict[str, Any] | None, reading: Reading = "Complete") -> Outcome:
        """Judge, record and, where both sides say so, enforce. `document` is None for an NSG that does not exist.

        Args:
            document: The NSG as Azure answered.
            reading: How far the reading of the scope is. Nothing is written before it is complete.

        Raises:
            UnreadableNSGError, UnreadableRuleError: what Azure answered cannot be judged; nothing is concluded.
            KubeError: something could not be recorded; the next look does it again.
        """
        now = self.world.clock()
        live = read_live(document) if document is not None else None
        namespace, name = self.baseline.key
        about = IncidentSpec(kind="Drift", scope=self.scope.metadata.name, baseline=name)
        rule_authors = recorded_authors(self.baseline, self.world.records.incidents.open_about(namespace, about), live)
        by_rule = {one.rule.lower(): one.caller for one in rule_authors}
        approved = replace(read_approved(self.baseline.spec), rule_authors=by_rule)
        verdict = judge(approved, live, now, self.world.yardstick)
        since = self._rollout_since(verdict, now)
        incident = self.world.records.incidents.open_about(self.baseline.metadata.namespace, self._about(verdict))
        held = self._held(verdict, incident, reading, now)
        if not verdict.compliant and not self._awaited(since, now):
            incident = await self._deviates(incident, verdict, _action(Enforced(verdict, hold=held), now), now)
        later = self._enforces(verdict) and held is None and reading == "UnderWay"
        if later or held is not None or not self._enforces(verdict):
            enforced = Enforced(verdict, hold=held)
        else:
            enforced = await enforce(self.world, approved, self._policy(), verdict)
        incident = await self._settle(incident, verdict, enforced, now)
        outcome = self._outcome(enforced, since, incident, now)
        outcome = replace(outcome, rule_authors=rule_authors, write_awaits_reading=later)
        saved = status.judged(self.baseline.status, outcome, now)
        await self.world.records.save_status(NSGBaseline, self.baseline.key, saved)
        return outcome

    def _rollout_since(self, verdict: Verdict, now: datetime) -> datetime | None:
        """Since when an edit of the baseline alone waits to reach Azure; None when that is not what happened."""
        known = self.baseline.status
        if verdict.compliant:
            return None
        baseline_alone = drift_origin(verdict, known.last_compliant, self.baseline.metadata.generation) == "Baseline"
        return known.rollout_since or now if baseline_alone or self._is_ahead(verdict) else None

    def _is_ahead(self, verdict: Verdict) -> bool:
        """Say whether the NSG was never there, as when a baseline is applied before whoever makes the NSG."""
        known = self.baseline.status
        looked = find(known.conditions, "Compliant") is not None
        return (
            verdict.live_hash is None
            and known.last_compliant is None
            and (known.rollout_since is not None or not looked)
        )

    def _awaited(self, since: datetime | None, now: datetime) -> bool:
        return since is not None and now < since + parse(self.baseline.spec.rollout_grace)

    def _enforces(self, verdict: Verdict) -> bool:
        both = self.scope.spec.max_mode == "Enforce" and self.baseline.spec.mode == "Enforce"
        return both and not verdict.compliant

    def _policy(self) -> RemediationPolicy:
        return policy(self.baseline.spec, self.baseline.metadata.annotations.get(CONFIRM))

    def _delayed_until(self, incident: NSGIncident | None, now: datetime) -> datetime | None:
        opened = incident.status.opened_at if incident is not None else None
        until = (opened or now) + parse(self.baseline.spec.enforcement.delay)
        return until if now < until else None

    def _held(self, verdict: Verdict, incident: NSGIncident | None, reading: Reading, now: datetime) -> Blocked | None:
        """Return why nothing may be written yet, as far as that is known without asking Azure again."""
        if not self._enforces(verdict):
            return None
        if self.scope.spec.suspend_enforcement:
            return Blocked("EnforcementSuspended", f"suspendEnforcement of NSGScope {self.scope.metadata.name} is true")
        delayed = self._delayed_until(incident, now)
        if delayed is not None:
            return Blocked("Delayed", f"put back at {format_time(delayed)}, after enforcement.delay")
        if reading == "BrokenOff":
            return Blocked("IncompleteReading", "the scope was not read whole; nothing is written before it is")
        about = self.world.records.incidents.about(self.baseline.metadata.namespace, self._about(verdict))
        return contested(about, now)

    async def _settle(
        self, incident: NSGIncident | None, before: Verdict, enforced: Enforced, now: datetime
    ) -> NSGIncident | None:
        """Bring the incident to where things stand after the look."""
        action = _action(enforced, now)
        if enforced.verdict.compliant:
            if incident is None:
                return None
            calming = calming_down(incident.status, now)
            if calming is not None:
                return await self.world.records.record(
                    incident.metadata.namespace, incident.spec, incident, calming, now
                )
            await self._resolve(incident, self._resolution(incident, before, enforced), action, now)
            return None
        if incident is not None and (action is not None or enforced.verdict is not before):
            return await self._deviates(incident, enforced.verdict, action, now)
        return incident

    async def _deviates(
        self, known: NSGIncident | None, verdict: Verdict, action: Action | None, now: datetime
    ) -> NSGIncident:
        exposed = statuses(verdict.exposure)
        sighting = Sighting(verdict.changes, exposed, action, verdict.severity, verdict.reason)
        about = self._about(verdict)
        ended = self._back(known, about, sighting, now)
        if ended is not None:
            known, after = ended, back_again(ended.status, sighting, now)
        else:
            acknowledged = known is not None and known.spec.acknowledged is not None
            status = known.status if known is not None else IncidentStatus()
            after = opened_or_updated(status, sighting, now, acknowledged=acknowledged)
        before = known.status if known is not None else None
        if before == after and known is not None:
            return known
        stored = await self.world.records.record(self.baseline.metadata.namespace, about, known, after, now)
        if before is None or after.revision != before.revision:
            told = f"{after.summary} ({after.severity}); see NSGIncident {stored.metadata.name}"
            await self.world.records.tell(self.baseline, f"Drift{after.event}", ". ".join([told, *lines(exposed)]), now)
        if action is not None and action.kind == "Blocked" and after.actions != (before.actions if before else ()):
            why = f"not put back: {action.reason}: {action.message}; see NSGIncident {stored.metadata.name}"
            await self.world.records.tell(self.baseline, "EnforcementBlocked", why, now)
        return stored

    def _back(
        self, known: NSGIncident | None, about: IncidentSpec, sighting: Sighting, now: datetime
    ) -> NSGIncident | None:
        """Return the incident that was over minutes ago, if this is it again."""
        if known is not None:
            return None
        ended = self.world.records.incidents.ended_last(self.baseline.metadata.namespace, about)
        return ended if ended is not None and is_back(ended.status, sighting, now) else None

    async def _resolve(
        self, incident: NSGIncident, resolution: Resolution, action: Action | None, now: datetime
    ) -> None:
        after = resolved(incident.status, resolution, action, now)
        await self.world.records.record(incident.metadata.namespace, incident.spec, incident, after, now)
        message = f"live matches approved again ({resolution}); see NSGIncident {incident.metadata.name}"
        await self.world.records.tell(self.baseline, "DriftResolved", message, now, warning=False)

    def _resolution(self, incident: NSGIncident, before: Verdict, enforced: Enforced) -> Resolution:
        if enforced.written and not before.compliant:
            return "Remediated"
        if enforced.verdict.borne & {(change.rule or "").lower() for change in incident.status.changes}:
            return "Tolerated"
        last_compliant = self.baseline.status.last_compliant
        edited = last_compliant is not None and self.baseline.metadata.generation > last_compliant.generation
        first = last_compliant is None and self.baseline.metadata.generation > 1
        return "Approved" if edited or first else "Reverted"

    def _about(self, verdict: Verdict) -> IncidentSpec:
        name = self.baseline.metadata.name
        return IncidentSpec(kind="Drift", scope=self.scope.metadata.name, baseline=name, nsg=verdict.nsg)

    def _outcome(
        self, enforced: Enforced, since: datetime | None, incident: NSGIncident | None, now: datetime
    ) -> Outcome:
        verdict = enforced.verdict
        awaited = not verdict.compliant and self._awaited(since, now)
        return Outcome(
            generation=self.baseline.metadata.generation,
            verdict=verdict,
            phase="Compliant" if verdict.compliant else "AwaitingRollout" if awaited else "Drifted",
            incident=incident.metadata.name if incident is not None else None,
            rollout_since=None if verdict.compliant else since,
            hold=enforced.hold,
            requested_at=self.baseline.metadata.annotations.get(REQUESTED_AT),
            due=self._due(enforced, since, incident, now),
            exceptions=self._exceptions(verdict, now),
            plan_hash=plan_hash(verdict.nsg, verdict.changes, self._policy()),
        )

    def _exceptions(self, verdict: Verdict, now: datetime) -> tuple[ExceptionStatus, ...]:
        running = (item for item in self.baseline.spec.exceptions if now < item.until)
        return tuple(
            ExceptionStatus(
                rule=item.rule.name,
                until=item.until,
                in_use=item.rule.name.lower() in verdict.excepted,
                reason=item.reason,
                approved_by=item.approved_by,
            )
            for item in sorted(running, key=lambda item: (item.until, item.rule.name.lower()))
        )

    def _due(
        self, enforced: Enforced, since: datetime | None, incident: NSGIncident | None, now: datetime
    ) -> datetime | None:
        """When to look again though nothing moves: an exception ends, a grace is over, a remedy is to be tried."""
        verdict = enforced.verdict
        ends = [item.until for item in self.baseline.spec.exceptions if now < item.until]
        calm = incident.status.quiet_since if incident is not None else None
        if calm is not None:
            ends.append(calm + FLAP_WITHIN)
        if not verdict.compliant:
            if self._awaited(since, now) and since is not None:
                ends.append(since + parse(self.baseline.spec.rollout_grace))
            if self._enforces(verdict) and not self.scope.spec.suspend_enforcement:
                again = SOON if enforced.hold is not None and enforced.hold.reason in PASSING else timedelta()
                ends.append(self._delayed_until(incident, now) or now + again)
        return min(ends, default=None)


def _action(enforced: Enforced, now: datetime) -> Action | None:
    if enforced.hold is not None:
        held: Blocked = enforced.hold
        return Action(kind="Blocked", at=now, reason=held.reason, message=held.message[:1024])
    return Action(kind="Remediated", at=now, reason="PutBack") if enforced.written else None
