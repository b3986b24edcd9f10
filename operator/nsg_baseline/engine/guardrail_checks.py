"""The check of a scope's NSGs against the guardrails. An unchanged NSG is not checked again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.read import RawNSG
from nsg_baseline.core.guardrail_decisions import GuardrailResult, NSGViolation, violating_nsgs
from nsg_baseline.core.guardrails import NSGFacts, Violation, applies, is_excepted, violations
from nsg_baseline.core.ids import NSGId, fold
from nsg_baseline.core.nsg import UnreadableNSGError, parse_live
from nsg_baseline.core.rules import UnreadableRuleError
from nsg_baseline.core.traffic.tags import TagTable
from nsg_baseline.engine.judging import SMALL_BYTES
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scope_snapshot import ScopeSnapshot
from nsg_baseline.kube.store import Stored, resource

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CheckedNSG:
    """An NSG at its last check.

    Attributes:
        version: of the NSG, the guardrails and what else decides the result.
        applied: names of the guardrails that apply to it.
        excepted: names of those that it has an exception from.
    """

    nsg: NSGId
    version: tuple[bytes, str, str]
    applied: frozenset[str] = frozenset()
    excepted: frozenset[str] = frozenset()
    violations: tuple[Violation, ...] = ()


@dataclass(slots=True)
class GuardrailChecks:
    """The checked NSGs of one scope, by folded id; kept from one reconcile to the next.

    Attributes:
        performed: number of checks since the start.
    """

    performed: int = 0
    _checked: dict[str, CheckedNSG] = field(default_factory=dict)

    def is_due(self, dependencies: Dependencies, snapshot: ScopeSnapshot, nsg: str, digest: bytes) -> bool:
        """Return whether an NSG, or what decides its result, has changed since its last check."""
        if not snapshot.guardrails.guardrails:
            self._checked.pop(nsg, None)
            return False
        previous = self._checked.get(nsg)
        return previous is None or previous.version != _version(dependencies, snapshot, nsg, digest)

    async def check(self, dependencies: Dependencies, snapshot: ScopeSnapshot, raw: RawNSG) -> None:
        """Check an NSG of a listing."""
        nsg, now = fold(raw.id), dependencies.clock()
        previous, version = self._checked.get(nsg), _version(dependencies, snapshot, nsg, raw.digest)
        self.performed += 1
        violated = _violated(dependencies, snapshot, nsg)
        approved_tags = _approved_tags(dependencies, snapshot, nsg)
        judge = partial(_checked, raw, snapshot, approved_tags, now, violated, dependencies.severity_config.tags)
        try:
            checked = await dependencies.judging.run(judge, is_large=len(raw.raw) > SMALL_BYTES)
        except (UnreadableNSGError, UnreadableRuleError, AzureError) as error:
            # An NSG that cannot be read may violate a guardrail as before; nothing is concluded.
            log.warning("guardrails not checked", nsg=raw.id, message=str(error))
            checked = previous or CheckedNSG(NSGId.parse(raw.id), version)
        self._checked[nsg] = replace(checked, version=version)

    def keep_only(self, nsgs: Collection[str]) -> None:
        """Forget the NSGs that a complete listing did not contain."""
        self._checked = {nsg: checked for nsg, checked in self._checked.items() if nsg in nsgs}

    def results(self, snapshot: ScopeSnapshot) -> Mapping[str, GuardrailResult]:
        """Return the result of each guardrail."""
        checked = sorted(self._checked.values(), key=lambda entry: entry.nsg.key)
        return {
            guardrail.name: GuardrailResult(
                guardrail.spec.description,
                sum(guardrail.name in entry.applied for entry in checked),
                frozenset(entry.nsg.key for entry in checked if guardrail.name in entry.excepted),
                tuple(
                    NSGViolation(entry.nsg, violation)
                    for entry in checked
                    for violation in entry.violations
                    if violation.guardrail == guardrail.name
                ),
            )
            for guardrail in snapshot.guardrails.guardrails
        }


def _checked(
    raw: RawNSG,
    snapshot: ScopeSnapshot,
    approved_tags: Mapping[str, str],
    now: datetime,
    violated: frozenset[str],
    tags: TagTable | None,
) -> CheckedNSG:
    """Return an NSG with its violations. `violated`: guardrails that it violates according to open incidents."""
    live = parse_live(raw.document())
    facts = NSGFacts(live.id, snapshot.scope.metadata.name, live.tags, approved_tags)
    # Removing a tag does not end a violation: with its tags unknown, a guardrail for certain tags applies.
    untagged = replace(facts, tags=None)
    applied = [
        guardrail
        for guardrail in snapshot.guardrails.guardrails
        if applies(guardrail.spec, untagged if guardrail.name in violated else facts)
    ]
    excepted = frozenset(item.name for item in applied if is_excepted(item.spec, live.id, now))
    checked = [guardrail for guardrail in applied if guardrail.name not in excepted]
    found = violations(checked, live.rules, tags)
    return CheckedNSG(live.id, (b"", "", ""), frozenset(item.name for item in applied), excepted, found)


def _version(dependencies: Dependencies, snapshot: ScopeSnapshot, nsg: str, digest: bytes) -> tuple[bytes, str, str]:
    stored = _baseline(dependencies, snapshot, nsg)
    tags_version = f"{stored.uid} {stored.intent}" if stored is not None else ""
    return digest, snapshot.guardrails.version_for(nsg, dependencies.clock()), tags_version


def _baseline(dependencies: Dependencies, snapshot: ScopeSnapshot, nsg: str) -> Stored | None:
    """Return the baseline whose tags decide whether a guardrail applies; None if no guardrail depends on tags."""
    key = snapshot.baselines.get(nsg) if snapshot.guardrails.match_tags else None
    return dependencies.records.store.find(NSGBaseline, key) if key is not None else None


def _violated(dependencies: Dependencies, snapshot: ScopeSnapshot, nsg: str) -> frozenset[str]:
    """Return the guardrails that an NSG violates according to open incidents, if a guardrail depends on tags."""
    if not snapshot.guardrails.match_tags:
        return frozenset()
    incidents = dependencies.records.incidents.about_guardrails(snapshot.scope.metadata.name)
    return violating_nsgs(incidents).get(nsg, frozenset())


def _approved_tags(dependencies: Dependencies, snapshot: ScopeSnapshot, nsg: str) -> Mapping[str, str]:
    stored = _baseline(dependencies, snapshot, nsg)
    return (resource(NSGBaseline, stored).spec.tags if stored is not None else None) or {}
