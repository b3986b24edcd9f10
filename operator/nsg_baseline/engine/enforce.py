"""Putting the approved rules back: GET, plan, one guarded PUT, and judgement of the answer."""

from dataclasses import dataclass

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core.nsg import ApprovedNSG, UnreadableNSGError, read_live
from nsg_baseline.core.remediation import Blocked, Remediation, RemediationPolicy, plan
from nsg_baseline.core.rules import UnreadableRuleError
from nsg_baseline.core.verdict import Verdict, judge
from nsg_baseline.engine.ports import Dependencies

ATTEMPTS = 3
# States in which another write would meet one that is not over.
_NOT_SETTLED = {
    "Updating": "Azure is still at work on this NSG",
    "Deleting": "this NSG is being deleted",
    "Failed": "Azure's last write of this NSG failed: look at it, and write it once by hand",
}


@dataclass(frozen=True, slots=True)
class Enforced:
    """What became of a remedy: the verdict afterwards, whether anything was written, and why it was held back."""

    verdict: Verdict
    written: bool = False
    hold: Blocked | None = None


async def enforce(world: Dependencies, approved: ApprovedNSG, allowed: RemediationPolicy, verdict: Verdict) -> Enforced:
    """Write the remedy of a deviation, planned from a fresh reading.

    Another writer's move makes Azure refuse the write; it is then planned again, three times at most.
    """
    for _ in range(ATTEMPTS):
        try:
            return await _attempt(world, approved, allowed)
        except AzureError as error:
            if error.reason != "PreconditionFailed":
                return Enforced(verdict, hold=Blocked(error.reason, error.message))
        except (UnreadableNSGError, UnreadableRuleError) as error:
            return Enforced(verdict, hold=Blocked("Unreadable", str(error)))
    return Enforced(
        verdict, hold=Blocked("Contested", "somebody else kept writing this NSG while it was being put back")
    )


async def _attempt(world: Dependencies, approved: ApprovedNSG, allowed: RemediationPolicy) -> Enforced:
    now = world.clock()
    document = await world.reader.get(str(approved.id))
    live = read_live(document) if document is not None else None
    fresh = judge(approved, live, now, world.yardstick)
    found = plan(live, fresh.changes, allowed)
    if live is not None and found is not None and live.provisioning_state in _NOT_SETTLED:
        return Enforced(fresh, hold=Blocked(live.provisioning_state, _NOT_SETTLED[live.provisioning_state]))
    match found:
        case Remediation():
            answer = await world.writer.put(str(approved.id), found.document, found.etag)
            return Enforced(judge(approved, read_live(answer), now, world.yardstick), written=True)
        case Blocked():
            return Enforced(fresh, hold=found)
        case None:
            return Enforced(fresh)
