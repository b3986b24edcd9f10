"""A reconcile of an NSG without a baseline."""

from dataclasses import replace

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.read import RawNSG
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.changes import created, fingerprint
from nsg_baseline.core.ids import NSGId, fold
from nsg_baseline.core.nsg import UnreadableNSGError, parse_live
from nsg_baseline.core.observations import UnbaselinedNSG
from nsg_baseline.core.rules import UnreadableRuleError
from nsg_baseline.core.text.exposure_lines import LINES, statuses
from nsg_baseline.core.verdict import judge_unbaselined


def reconcile_unbaselined(nsg: RawNSG, severity_config: SeverityConfig) -> UnbaselinedNSG:
    """Return an NSG without a baseline with its severity. An NSG that cannot be parsed has severity `Unclear`."""
    try:
        verdict = judge_unbaselined(parse_live(nsg.document()), severity_config)
    except (UnreadableNSGError, UnreadableRuleError, AzureError) as error:
        return unjudged(nsg, severity_config, str(error))
    place = f"NSG {NSGId.parse(nsg.id).name}"
    exposure = statuses([replace(exposed, place=place) for exposed in verdict.exposure])[:LINES]
    return UnbaselinedNSG(verdict.change, exposure, verdict.reason, verdict.problems)


def unjudged(nsg: RawNSG, severity_config: SeverityConfig, why: str) -> UnbaselinedNSG:
    """Return an NSG without a baseline whose exposure is unknown."""
    change = replace(created(nsg.id), severity=severity_config.policy.severity("Unclear"))
    problems = frozenset({fingerprint("Unjudged", fold(nsg.id))})
    return UnbaselinedNSG(change, reason=f"its exposure is unknown: {why}", problems=problems)
