"""A look at an NSG that no baseline speaks of."""

from dataclasses import replace

from nsg_baseline.azure.read import RawNSG
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.changes import created
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import UnreadableNSGError, read_live
from nsg_baseline.core.observations import UnbaselinedNSG
from nsg_baseline.core.rules import UnreadableRuleError
from nsg_baseline.core.text.exposure_lines import LINES, statuses
from nsg_baseline.core.verdict import judge_unbaselined


def reconcile_unbaselined(nsg: RawNSG, yardstick: SeverityConfig) -> UnbaselinedNSG:
    """Weigh an NSG without a baseline. One that cannot be read weighs as what nobody can tell."""
    try:
        found = judge_unbaselined(read_live(nsg.document()), yardstick)
    except (UnreadableNSGError, UnreadableRuleError) as error:
        change = replace(created(nsg.id), severity=yardstick.weights.severity("Unclear"))
        return UnbaselinedNSG(change, reason=f"what it opens cannot be told: {error}")
    place = f"NSG {NSGId.parse(nsg.id).name}"
    return UnbaselinedNSG(
        found.change, statuses([replace(one, place=place) for one in found.exposure])[:LINES], found.reason
    )
