"""The invariants of chaos tests. Each violation is a line with its time."""

from dataclasses import dataclass, field
from typing import Any

from nsg_baseline.engine.scope_snapshot import ScopeResult
from nsg_emulator.arm.requests import RequestRecord
from tests.chaos.environment import OPERATOR, ChaosEnvironment
from tests.chaos.objects import CAST, Actor, Rules, differs, live, owned, violates
from tests.chaos.random_actions import RandomActions

RECONCILES = 2
_LISTING = "/resourcegroups/rg-prod/providers/microsoft.network/networksecuritygroups"
_GOOD = 200


@dataclass(slots=True)
class InvariantChecker:
    """Checks each request to Azure before its response, and the stored objects after each reconcile.

    `alone` says that there is one operator: with two, requests cannot be assigned to one of them.
    """

    environment: ChaosEnvironment
    actions: RandomActions
    alone: bool = True
    violations: list[str] = field(default_factory=list)
    writes: int = 0
    _before: dict[str, Rules | None] = field(default_factory=dict)
    _writable: frozenset[str] = frozenset()
    _absent: set[str] = field(default_factory=set)
    _gone_before: set[str] = field(default_factory=set)
    _at_begin: dict[str, Any] = field(default_factory=dict)
    _wrong_for: dict[str, int] = field(default_factory=dict)
    _listed: int = 0
    _wrote: bool = False

    def start_reconcile(self) -> None:
        """Record the state at the start of a reconcile."""
        suspended = any(scope["spec"].get("suspendEnforcement") for scope in self.environment.objects("NSGScope"))
        modes = self._modes()
        self._writable = frozenset(
            actor.id.lower() for actor in CAST if not suspended and self._is_enforced(actor, modes.get(actor.name))
        )
        self._absent = {actor.name for actor in CAST if live(self.environment.azure, actor) is None}
        self._gone_before = self._reported_as_deleted()
        self._listed, self._wrote = 0, False
        self._at_begin = {actor.name: self._facts(actor) for actor in CAST}

    def check_request(self, record: RequestRecord) -> None:
        """Check one request."""
        if record.caller == OPERATOR and record.path.lower().endswith(_LISTING):
            self._listed = record.status
            if self._wrote and self.alone:
                self._add_violation("something was written before the scope was read whole")
        if record.caller == OPERATOR and record.method in ("PUT", "PATCH", "DELETE", "POST"):
            self._check_write(record)
        for actor in CAST:
            self._before[actor.name] = live(self.environment.azure, actor)
            if self._before[actor.name] is None:
                self._absent.add(actor.name)

    def end_reconcile(self, tallies: dict[str, ScopeResult], in_memory: set[str]) -> None:
        """Check what a completed reconcile has stored.

        Args:
            tallies: the results by scope.
            in_memory: baselines with an open incident that may not be saved yet.
        """
        for gone in self._reported_as_deleted() - self._gone_before - self._absent:
            self._add_violation(f"NSGDeleted was concluded for {gone}, which existed")
        open_incidents = self._open_incidents() | in_memory
        for actor in CAST:
            scope = "production" if actor.group == "rg-prod" else "watched"
            complete = scope in tallies and tallies[scope].failure is None and not tallies[scope].unsaved
            # A baseline whose NSG could not be read by its id says so.
            if self._is_watched(actor) and complete and self._is_ready(actor):
                self._check_notified(actor, open_incidents)

    def check_repaired(self) -> None:
        """Check that all is as approved, after everything was repaired."""
        modes = self._modes()
        open_incidents = self._open_incidents()
        for actor in CAST:
            rules = live(self.environment.azure, actor)
            wrong = differs(rules, self.actions.approved[actor.name])
            if self._is_enforced(actor, modes.get(actor.name)) and rules is not None and wrong:
                self._add_violation(f"{actor.name} is not as approved after the repair")
            if self._is_watched(actor) and wrong != (actor.name in open_incidents):
                self._add_violation(
                    f"{actor.name}: differs is {wrong}, and an incident is open is {actor.name in open_incidents}"
                )

        for name, violating in self._violating_nsgs().items():
            reported = self._reported_by_guardrail(name)
            if violating != reported:
                self._add_violation(f"{sorted(violating)} violate the guardrail, {sorted(reported)} are reported")

    def _check_write(self, record: RequestRecord) -> None:
        self.writes += 1
        self._wrote = True
        if self._listed != _GOOD and self.alone:
            self._add_violation("something was written after a listing that broke off")
        request = f"{record.method} {record.path.rpartition('/')[2]} ({record.status})"
        if not record.etag:
            self._add_violation(f"{request} without If-Match")
        if record.path.lower() not in self._writable:
            self._add_violation(f"{request} where nothing may be written")
        if record.status not in (0, 200, 201):
            return
        for actor in CAST:
            before, after = self._before.get(actor.name), live(self.environment.azure, actor)
            if before is not None and after is not None and owned(before) != owned(after):
                self._add_violation(
                    f"{request} changed the co-owner's rules of {actor.name}: {owned(before)} {owned(after)}"
                )

    def _check_notified(self, actor: Actor, notified: set[str]) -> None:
        now = self._facts(actor)
        wrong = differs(now[0], now[1])
        still = wrong and now == self._at_begin[actor.name]
        self._wrong_for[actor.name] = self._wrong_for.get(actor.name, 0) + 1 if still else 0
        if self._wrong_for[actor.name] >= RECONCILES and actor.name not in notified:
            self._add_violation(f"{actor.name} differed for {RECONCILES} reconciles without an incident")

    def _facts(self, actor: Actor) -> tuple[Rules | None, list[dict[str, Any]]]:
        return live(self.environment.azure, actor), self.actions.approved[actor.name]

    def _modes(self) -> dict[str, str]:
        return {item["metadata"]["name"]: item["spec"]["mode"] for item in self.environment.objects("NSGBaseline")}

    def _is_enforced(self, actor: Actor, mode: str | None) -> bool:
        # A baseline that a guardrail refuses is only compared.
        return actor.writable and mode == "Enforce" and not violates(self.actions.approved[actor.name])

    def _violating_nsgs(self) -> dict[str, set[str]]:
        """Return the names of the NSGs that violate the guardrail, by scope. One without a baseline counts as well."""
        scopes: dict[str, set[str]] = {"production": set(), "watched": set()}
        for actor in CAST:
            name = {"rg-prod": "production", "rg-watch": "watched"}.get(actor.group)
            rules = live(self.environment.azure, actor)
            if name is not None and rules is not None and violates(rules.values()):
                scopes[name].add(actor.name)
        return scopes

    def _reported_by_guardrail(self, scope: str) -> set[str]:
        return {
            change["nsg"].rpartition("/")[2]
            for incident in self.environment.objects("NSGIncident")
            if (incident["spec"]["kind"], incident["spec"]["scope"]) == ("Guardrail", scope)
            and (incident.get("status") or {}).get("state") == "Open"
            for change in incident["status"]["changes"]
        }

    def _reported_as_deleted(self) -> set[str]:
        return {
            baseline["metadata"]["name"]
            for baseline in self.environment.objects("NSGBaseline")
            if any(change["kind"] == "NSGDeleted" for change in (baseline.get("status") or {}).get("changes") or ())
        }

    def _open_incidents(self) -> set[str]:
        return {
            incident["spec"]["baseline"]
            for incident in self.environment.objects("NSGIncident")
            if incident["spec"]["kind"] == "Drift" and (incident.get("status") or {}).get("state") == "Open"
        }

    def _is_ready(self, actor: Actor) -> bool:
        baselines = self.environment.objects("NSGBaseline")
        stored = next(baseline for baseline in baselines if baseline["metadata"]["name"] == actor.name)
        conditions = (stored.get("status") or {}).get("conditions") or ()
        return not any(state["type"] == "Ready" and state["status"] == "False" for state in conditions)

    def _is_watched(self, actor: Actor) -> bool:
        return actor.namespace is not None and actor.name not in ("foreign", "lone")

    def _add_violation(self, text: str) -> None:
        self.violations.append(f"{self.environment.clock.now:%H:%M:%S} {text}")
