"""What a pass says of its scope: the status, and the incidents that belong to no baseline."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from nsg_baseline.api.common import REQUESTED_AT
from nsg_baseline.api.durations import parse
from nsg_baseline.api.incident import IncidentKind, IncidentSpec, IncidentStatus, Resolution
from nsg_baseline.api.scope import NSGScope, ScopeStatus
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.ids import NSGId, fold
from nsg_baseline.core.incidents import SHOWN_EXPOSURE, Sighting, opened_or_updated, resolved
from nsg_baseline.core.observations import UnbaselinedNSG
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.reconcile_scope import ScopeResult
from nsg_baseline.kube.conditions import State, conditions, find
from nsg_baseline.kube.store import Key

# So many intervals without a complete reading, and somebody must hear of it.
LOST_AFTER_INTERVALS = 3


async def report(
    world: Dependencies, scope: NSGScope, held: Mapping[str, Key], tally: ScopeResult, permitted: State | None = None
) -> None:
    """Record what a whole pass came to; `permitted` is the condition about the identity's rights, if it is known.

    Raises:
        KubeError: something could not be recorded; the next pass does it again.
    """
    now = world.clock()
    if tally.failure is None:
        await _unbaselined(world, scope, tally.unbaselined, held, now)
    await _watch(world, scope, tally.failure, now)
    states = [_ready(tally), *([permitted] if permitted is not None else [])]
    saved = _status(scope, held, tally, states, now).model_copy(update={"service_tags": _change_number(world)})
    await world.records.save_status(NSGScope, scope.key, saved)


def _change_number(world: Dependencies) -> int | None:
    tags = world.yardstick.tags
    return tags.change_number if tags is not None else None


def _status(
    scope: NSGScope, held: Mapping[str, Key], tally: ScopeResult, states: Sequence[State], now: datetime
) -> ScopeStatus:
    generation = scope.metadata.generation
    known = scope.status
    updates = {
        "observed_generation": generation,
        "conditions": conditions(known.conditions, states, generation, now),
        "last_handled_reconcile_at": scope.metadata.annotations.get(REQUESTED_AT),
    }
    if tally.failure is None:
        updates |= {
            "nsgs": tally.nsgs,
            "baselines": len(held),
            "drifted": tally.drifted,
            "unbaselined": len(tally.unbaselined),
        }
    return known.model_copy(update=updates)


def _ready(tally: ScopeResult) -> State:
    if tally.failure is not None:
        return State("Ready", "False", tally.failure.reason, tally.failure.message)
    return State("Ready", "True", "Succeeded", "all of the scope was read")


async def _unbaselined(
    world: Dependencies, scope: NSGScope, strays: Iterable[UnbaselinedNSG], held: Mapping[str, Key], now: datetime
) -> None:
    sighting = _sighting(sorted(strays, key=_heaviest_first))
    known = world.records.incidents.open_about(world.namespace, _about("Unbaselined", scope))
    # With a baseline it was approved; otherwise the NSGs are gone, or passed over by now.
    listed = {fold(change.nsg or "") for change in known.status.changes} if known is not None else set()
    await _bring(world, scope, "Unbaselined", sighting, "Approved" if listed & held.keys() else "TargetRemoved", now)


def _heaviest_first(stray: UnbaselinedNSG) -> tuple[int, str]:
    return SEVERITIES.index(stray.change.severity), fold(stray.change.nsg or "")


def _sighting(strays: Sequence[UnbaselinedNSG]) -> Sighting | None:
    if not strays:
        return None
    exposure = tuple(status for stray in strays[:SHOWN_EXPOSURE] for status in stray.exposure)
    name = NSGId.parse(strays[0].change.nsg or "").name
    return Sighting(tuple(stray.change for stray in strays), exposure, reason=f"NSG {name}: {strays[0].reason}")


async def _watch(world: Dependencies, scope: NSGScope, failure: AzureError | None, now: datetime) -> None:
    if failure is None:
        await _bring(world, scope, "WatchLost", None, "Reverted", now)
        return
    ready = find(scope.status.conditions, "Ready")
    since = ready.last_transition_time if ready is not None and ready.status == "False" else now
    if now - since < LOST_AFTER_INTERVALS * max(parse(scope.spec.interval), timedelta(seconds=1)):
        return
    text = f"NSGScope {scope.metadata.name} cannot be watched: {failure.reason}: {failure.message}"
    mark = fingerprint("WatchLost", failure.reason)
    await _bring(
        world, scope, "WatchLost", Sighting((), severity="high", summary=text[:900], fingerprint=mark), "Reverted", now
    )


async def _bring(
    world: Dependencies,
    scope: NSGScope,
    kind: IncidentKind,
    sighting: Sighting | None,
    ended: Resolution,
    now: datetime,
) -> None:
    """Bring a scope's incident of a kind to where things stand; no sighting, no incident."""
    about = _about(kind, scope)
    known = world.records.incidents.open_about(world.namespace, about)
    before = known.status if known is not None else IncidentStatus()
    if sighting is None:
        if known is not None:
            await world.records.record(world.namespace, about, known, resolved(before, ended, None, now), now)
        return
    acknowledged = known is not None and known.spec.acknowledged is not None
    after = opened_or_updated(before, sighting, now, acknowledged=acknowledged)
    if known is None or after != before:
        await world.records.record(world.namespace, about, known, after, now)
    if after.revision != before.revision:
        await world.records.tell(scope, f"{kind}{after.event}", str(after.summary), now)


def _about(kind: IncidentKind, scope: NSGScope) -> IncidentSpec:
    return IncidentSpec(kind=kind, scope=scope.metadata.name)
