"""Restore the approved rules: read the NSG, decide, send one guarded write, and judge the response."""

from dataclasses import replace
from functools import partial

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core.decisions import RemediationAttempt, Snapshot, decide
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import UnreadableNSGError, parse_live
from nsg_baseline.core.remediation import Blocked, Remediation
from nsg_baseline.core.rules import UnreadableRuleError
from nsg_baseline.engine.ports import Dependencies

ATTEMPTS = 3
_CONTESTED = Blocked("Contested", "another writer kept changing this NSG while the operator restored it")


async def enforce(dependencies: Dependencies, snapshot: Snapshot, *, is_large: bool = False) -> Snapshot:
    """Return the snapshot after a remediation was written, blocked, or found to be unnecessary.

    If another writer changes the NSG in between, Azure refuses the write. It is then planned again from a new reading,
    with three attempts in total.
    """
    for _ in range(ATTEMPTS):
        try:
            return await _attempt(dependencies, snapshot, is_large=is_large)
        except AzureError as error:
            if error.reason != "PreconditionFailed":
                return _blocked(snapshot, Blocked(error.reason, error.message))
        except (UnreadableNSGError, UnreadableRuleError) as error:
            return _blocked(snapshot, Blocked("Unreadable", str(error)))
    return _blocked(snapshot, _CONTESTED)


async def _attempt(dependencies: Dependencies, snapshot: Snapshot, *, is_large: bool) -> Snapshot:
    nsg_id = str(NSGId.parse(snapshot.baseline.spec.target.resource_id))
    document = await dependencies.reader.get(nsg_id)
    live = parse_live(document) if document is not None else None
    current = replace(snapshot, live=live, read_for_write=True)
    decision = await dependencies.judging.run(partial(decide, current), is_large=is_large)
    if not isinstance(decision.enforcement, Remediation):
        return current
    remediation = decision.enforcement
    response = await dependencies.writer.put(nsg_id, remediation.document, remediation.etag)
    attempt = RemediationAttempt(
        written=True,
        blocked=remediation.blocked,
        rollout_since=decision.status.rollout_since,
        awaited_rollout=decision.phase == "AwaitingRollout",
    )
    return replace(current, live=parse_live(response), attempt=attempt)


def _blocked(snapshot: Snapshot, blocked: Blocked) -> Snapshot:
    return replace(snapshot, attempt=RemediationAttempt(blocked=blocked))
