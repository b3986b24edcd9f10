"""The plan: every baseline's verdict, and the NSGs that no baseline speaks of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import Severity
from nsg_baseline.cli.plan_writes import Write
from nsg_baseline.cli.sources import Live, Sourced
from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG, SeverityConfig
from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import LiveNSG, read_approved
from nsg_baseline.core.severity import worst
from nsg_baseline.core.verdict import UnbaselinedVerdict, Verdict, judge, judge_unbaselined


@dataclass(frozen=True, slots=True)
class PlannedNSG:
    """One baseline beside its NSG."""

    source: Sourced
    verdict: Verdict
    live: LiveNSG | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it.

    `unknown` are baselines whose NSG a partial listing lacked: nothing is concluded of them.

    `change_number` is that of the service tags file by which the traffic was weighed. `partial` says that the listing
    has a next page, `strays_unknown` that nobody looked for NSGs without a baseline.
    """

    baselines: tuple[PlannedNSG, ...]
    unbaselined: tuple[UnbaselinedVerdict, ...]
    unknown: tuple[Sourced, ...] = ()
    change_number: int | None = None
    partial: bool = False
    strays_unknown: bool = False

    @property
    def drifted(self) -> tuple[PlannedNSG, ...]:
        """The baselines whose NSG deviates."""
        return tuple(one for one in self.baselines if not one.verdict.compliant)

    @property
    def severity(self) -> Severity | None:
        """The heaviest of all; None when all is in order."""
        found = [one.verdict.severity for one in self.drifted] + [one.change.severity for one in self.unbaselined]
        return worst(level for level in found if level is not None)

    @property
    def in_order(self) -> bool:
        """Whether nothing deviates, as far as was seen."""
        return not self.drifted and not self.unbaselined

    @property
    def incomplete(self) -> bool:
        """Whether there may be NSGs of which nothing is known because the listing broke off."""
        return self.partial


def plan(
    baselines: Iterable[Sourced], live: Live, now: datetime, yardstick: SeverityConfig = DEFAULT_SEVERITY_CONFIG
) -> Plan:
    """Compare. What a complete listing lacks is deleted; of what any other lacks nothing is known."""
    nsgs = {nsg.id.key: nsg for nsg in live.nsgs}
    planned: list[PlannedNSG] = []
    unknown: list[Sourced] = []
    spoken_for: set[str] = set()
    for source in baselines:
        approved = read_approved(source.baseline.spec)
        spoken_for.add(approved.id.key)
        if approved.id.key not in nsgs and live.extent != "Complete":
            unknown.append(source)
        else:
            live_nsg = nsgs.get(approved.id.key)
            planned.append(PlannedNSG(source, judge(approved, live_nsg, now, yardstick), live_nsg))
    known = yardstick.tags.change_number if yardstick.tags is not None else None
    alone = sorted((nsg for key, nsg in nsgs.items() if key not in spoken_for), key=lambda nsg: nsg.id.key)
    strays = tuple(judge_unbaselined(nsg, yardstick) for nsg in alone)
    return Plan(
        tuple(planned),
        strays,
        tuple(unknown),
        known,
        live.extent == "Partial",
        live.asked_by_id or live.extent == "Partial",
    )


def document(found: Plan, writes: Mapping[str, Write] | None = None) -> dict[str, Any]:
    """Return the plan in the form of `-o json`, with the operator's writes by NSG where they are asked for."""
    return {
        "summary": {
            "baselines": len(found.baselines),
            "drifted": len(found.drifted),
            "severity": found.severity,
            **({"unknown": len(found.unknown)} if found.incomplete else {}),
            **({"serviceTags": found.change_number} if found.change_number is not None else {}),
        },
        "baselines": [_baseline(one, writes) for one in found.baselines],
        "unbaselined": [
            {
                "nsg": one.change.nsg,
                "severity": one.change.severity,
                "severityReason": one.reason,
                "exposure": [exposed.document() for exposed in one.exposure],
            }
            for one in found.unbaselined
        ],
    }


def _baseline(one: PlannedNSG, writes: Mapping[str, Write] | None) -> dict[str, Any]:
    verdict = one.verdict
    namespace, name = one.source.baseline.key
    return {
        "namespace": namespace,
        "name": name,
        "nsg": verdict.nsg,
        "compliant": verdict.compliant,
        "severity": verdict.severity,
        "severityReason": verdict.reason,
        "changes": [change_document(change) for change in verdict.changes],
        "exposure": [entry.document() for entry in verdict.exposure],
        **({"write": writes[verdict.nsg].document() if verdict.nsg in writes else None} if writes is not None else {}),
    }


def field_of(baseline: NSGBaseline, change: Change) -> str:
    """Return the field of a baseline that a change is about: the rule of that name, or all rules."""
    name = (change.rule or "").lower()
    index = next((index for index, rule in enumerate(baseline.spec.rules) if rule.name.lower() == name), None)
    return f"spec.rules[{index}]" if index is not None else "spec.rules"


def change_document(change: Change) -> dict[str, Any]:
    """Return one change in the form of `-o json`."""
    return {
        "kind": change.kind,
        "rule": change.rule,
        "severity": change.severity,
        "toleratedBy": change.tolerated_by,
        "approved": change.approved,
        "live": change.live,
        "fields": list(change.fields),
    }
