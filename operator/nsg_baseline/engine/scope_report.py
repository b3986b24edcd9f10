"""Gather the result of a scope's reconcile, decide, and store the scope's status and incidents."""

from collections.abc import Mapping
from dataclasses import dataclass

from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.incident import IncidentKind
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.conditions import ConditionState
from nsg_baseline.core.scope_decisions import (
    ScopeCounts,
    ScopeObservation,
    decide_scope,
    scope_subject,
    status_with_events,
)
from nsg_baseline.engine.incident_recorder import IncidentRecorder
from nsg_baseline.engine.ports import Dependencies
from nsg_baseline.engine.scope_snapshot import ScopeResult


@dataclass(slots=True)
class ScopeConditions:
    """The conditions of a scope that no reading of its NSGs determines; None while a condition is not known.

    Attributes:
        permissions: of the scope's identity.
        events: whether the events of Azure are received; None if the scope has no queue, too.
    """

    permissions: ConditionState | None = None
    events: ConditionState | None = None


_KINDS: tuple[IncidentKind, ...] = ("Unbaselined", "WatchLost")


async def report(
    dependencies: Dependencies,
    scope: NSGScope,
    baselines: Mapping[str, ObjectKey],
    result: ScopeResult,
    conditions: ScopeConditions | None = None,
) -> None:
    """Store the result of a complete reconcile.

    Args:
        dependencies: the ports.
        scope: the scope as stored.
        baselines: the baselines in the scope, by folded NSG id.
        result: the result of the reconcile.
        conditions: the conditions that the reconcile does not determine.

    Raises:
        KubeError: something could not be stored; the next reconcile does it again.
    """
    observation = _observation(dependencies, scope, baselines, result, conditions or ScopeConditions())
    decision = decide_scope(observation)
    recorder = IncidentRecorder(dependencies.records)
    for step in decision.incidents:
        await recorder.carry_out(step, scope, observation.now)
    await dependencies.records.save_status(NSGScope, scope.key, decision.status)


async def report_events(dependencies: Dependencies, scope: NSGScope, state: ConditionState | None) -> None:
    """Store whether the events of Azure are received; None if the scope has no queue.

    Raises:
        KubeError: the status could not be stored.
    """
    status = status_with_events(scope, state, dependencies.clock())
    await dependencies.records.save_status(NSGScope, scope.key, status)


def _observation(
    dependencies: Dependencies,
    scope: NSGScope,
    baselines: Mapping[str, ObjectKey],
    result: ScopeResult,
    conditions: ScopeConditions,
) -> ScopeObservation:
    incidents = dependencies.records.incidents
    subjects = [scope_subject(kind, dependencies.namespace, scope) for kind in _KINDS]
    tags = dependencies.severity_config.tags
    return ScopeObservation(
        now=dependencies.clock(),
        namespace=dependencies.namespace,
        scope=scope,
        failure=result.failure,
        counts=ScopeCounts(result.nsgs, len(baselines), result.drifted, result.unreadable, result.failed),
        unbaselined=tuple(result.unbaselined),
        baselines=frozenset(baselines),
        incidents=tuple(incident for subject in subjects for incident in incidents.about(subject)),
        permissions=conditions.permissions,
        events=conditions.events,
        service_tags=tags.change_number if tags is not None else None,
    )
