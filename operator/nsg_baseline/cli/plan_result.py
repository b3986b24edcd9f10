"""The result of `nsgb plan`: a verdict for each baseline, and the unbaselined NSGs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import Severity
from nsg_baseline.cli.guardrail_files import CheckedNSG, GuardrailFiles
from nsg_baseline.cli.plan_writes import Write
from nsg_baseline.cli.sources import Live, Sourced
from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG, SeverityConfig
from nsg_baseline.core.changes import Change
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import LiveNSG, parse_approved
from nsg_baseline.core.severity import worst
from nsg_baseline.core.verdict import UnbaselinedVerdict, Verdict, judge, judge_unbaselined


@dataclass(frozen=True, slots=True)
class PlannedNSG:
    """A baseline, its verdict and its live NSG; `live` is None if the NSG does not exist."""

    source: Sourced
    verdict: Verdict
    live: LiveNSG | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The result for all baselines.

    Attributes:
        baselines: the baselines that could be judged.
        unbaselined: the live NSGs without a baseline.
        unknown: the baselines whose NSG is missing from a partial listing.
        change_number: the `changeNumber` of the service tags file; None without a file.
        partial: whether the listing has a next page.
        unbaselined_unknown: whether unbaselined NSGs were not looked for.
        guardrails: the guardrails that were passed; None without any.
        checked: the NSGs, and the baselines, that were checked against them.
    """

    baselines: tuple[PlannedNSG, ...]
    unbaselined: tuple[UnbaselinedVerdict, ...]
    unknown: tuple[Sourced, ...] = ()
    change_number: int | None = None
    partial: bool = False
    unbaselined_unknown: bool = False
    guardrails: GuardrailFiles | None = None
    checked: tuple[CheckedNSG, ...] = ()

    @property
    def drifted(self) -> tuple[PlannedNSG, ...]:
        """The baselines whose NSG has drifted."""
        return tuple(planned for planned in self.baselines if not planned.verdict.compliant)

    @property
    def severity(self) -> Severity | None:
        """The highest severity; None without drift."""
        levels = [nsg.severity for nsg in self.violating]
        levels += [planned.verdict.severity for planned in self.drifted]
        levels += [planned.change.severity for planned in self.unbaselined]
        return worst(level for level in levels if level is not None)

    @property
    def in_order(self) -> bool:
        """Whether none of the judged NSGs has drifted, none is unbaselined, and no guardrail is violated."""
        return not self.drifted and not self.unbaselined and not self.violating

    @property
    def violating(self) -> tuple[CheckedNSG, ...]:
        """The NSGs and baselines that violate a guardrail."""
        return tuple(nsg for nsg in self.checked if nsg.violations)

    @property
    def incomplete(self) -> bool:
        """Whether the listing is partial, so that other NSGs may exist."""
        return self.partial


def plan(
    baselines: Iterable[Sourced], live: Live, now: datetime, severity_config: SeverityConfig = DEFAULT_SEVERITY_CONFIG
) -> Plan:
    """Compare baselines with live NSGs. An NSG missing from a complete listing counts as deleted, else as unknown."""
    nsgs = {nsg.id: nsg for nsg in live.nsgs}
    planned: list[PlannedNSG] = []
    unknown: list[Sourced] = []
    baselined: set[NSGId] = set()
    for source in baselines:
        approved = parse_approved(source.baseline.spec)
        baselined.add(approved.id)
        if approved.id not in nsgs and live.extent != "Complete":
            unknown.append(source)
        else:
            live_nsg = nsgs.get(approved.id)
            planned.append(PlannedNSG(source, judge(approved, live_nsg, now, severity_config), live_nsg))
    change_number = severity_config.tags.change_number if severity_config.tags is not None else None
    unbaselined = sorted((nsg for nsg in nsgs.values() if nsg.id not in baselined), key=lambda nsg: nsg.id.key)
    verdicts = tuple(judge_unbaselined(nsg, severity_config) for nsg in unbaselined)
    return Plan(
        tuple(planned),
        verdicts,
        tuple(unknown),
        change_number,
        live.extent == "Partial",
        live.asked_by_id or live.extent == "Partial",
    )


def check_guardrails(
    guardrails: GuardrailFiles, baselines: Iterable[Sourced], live: Live, now: datetime, config: SeverityConfig
) -> tuple[CheckedNSG, ...]:
    """Check the live NSGs, and what the baselines approve."""
    sources = {NSGId.parse(source.baseline.spec.target.resource_id): source for source in baselines}
    checked = []
    for nsg in sorted(live.nsgs, key=lambda nsg: nsg.id.key):
        source = sources.get(nsg.id)
        checked.append(guardrails.of_live(nsg, now, config.tags, source.baseline.spec if source else None))
    for source in sources.values():
        name = "/".join(source.baseline.key)
        checked.append(guardrails.of_baseline(source.baseline.spec, now, config.tags, name))
    return tuple(checked)


def document(result: Plan, writes: Mapping[str, Write] | None = None) -> dict[str, Any]:
    """Return the document of `-o json`. With `writes`, each baseline has a `write`; null if nothing may be written."""
    return {
        "summary": {
            "baselines": len(result.baselines),
            "drifted": len(result.drifted),
            "severity": result.severity,
            **({"unknown": len(result.unknown)} if result.incomplete else {}),
            **({"serviceTags": result.change_number} if result.change_number is not None else {}),
        },
        "baselines": [_baseline(entry, writes) for entry in result.baselines],
        "unbaselined": None if result.unbaselined_unknown else [_unbaselined(entry) for entry in result.unbaselined],
    }


def _unbaselined(entry: UnbaselinedVerdict) -> dict[str, Any]:
    return {
        "nsg": entry.change.nsg,
        "severity": entry.change.severity,
        "severityReason": entry.reason,
        "exposure": [exposed.document() for exposed in entry.exposure],
    }


def _baseline(planned: PlannedNSG, writes: Mapping[str, Write] | None) -> dict[str, Any]:
    verdict = planned.verdict
    namespace, name = planned.source.baseline.key
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
    """Return the field of the changed rule in a baseline, or `spec.rules` if the baseline has no such rule."""
    name = (change.rule or "").lower()
    index = next((index for index, rule in enumerate(baseline.spec.rules) if rule.name.lower() == name), None)
    return f"spec.rules[{index}]" if index is not None else "spec.rules"


def change_document(change: Change) -> dict[str, Any]:
    """Return one change of the document of `-o json`."""
    return {
        "kind": change.kind,
        "rule": change.rule,
        "severity": change.severity,
        "toleratedBy": change.tolerated_by,
        "approved": change.approved,
        "live": change.live,
        "fields": list(change.fields),
    }
