"""Snapshots for tests of decisions, and the state of the cluster after a decision was carried out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.incident import Action, IncidentStatus, NSGIncident
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.core.decisions import Decision, RemediationAttempt, Snapshot
from nsg_baseline.core.incident_steps import IncidentStep
from nsg_baseline.core.nsg import LiveNSG, parse_live
from nsg_baseline.core.remediation import Blocked
from tests.support.nsgs import NOW, NSG, TOLERATE, drifts, nsg, rule
from tests.support.rules import Document

API = "nsg-baseline.io/v1alpha1"
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
WEB = rule("web")
SSH = rule("open-ssh", priority=200, sourceAddressPrefix="Internet", destinationPortRange="22")
BOTH: dict[str, Any] = {"max_mode": "Enforce", "mode": "Enforce"}
READINGS = st.sampled_from(("UnderWay", "Complete", "BrokenOff"))


def scope(**spec: Any) -> NSGScope:
    """Return a scope of one subscription."""
    return NSGScope.model_validate(
        {
            "apiVersion": API,
            "kind": "NSGScope",
            "metadata": {"name": "production", "generation": 1},
            "spec": {"subscriptionId": SUBSCRIPTION, **spec},
        }
    )


def baseline(rules: Iterable[Document] = (WEB,), *, generation: int = 1, **spec: Any) -> NSGBaseline:
    """Return a baseline with these rules."""
    return NSGBaseline.model_validate(
        {
            "apiVersion": API,
            "kind": "NSGBaseline",
            "metadata": {"name": "web", "namespace": "team-web", "generation": generation, "uid": "1"},
            "spec": {"target": {"resourceId": NSG}, "rules": list(rules), "tolerate": TOLERATE, **spec},
        }
    )


def live(*rules: Document, **fields: Any) -> LiveNSG:
    """Return an NSG as Azure has it."""
    return parse_live(nsg(rules, **fields))


def snapshot(
    *rules: Document, max_mode: str = "Alert", mode: str = "Alert", approved: Iterable[Document] = (WEB,), **fields: Any
) -> Snapshot:
    """Return a snapshot of a baseline whose NSG has these live rules."""
    spec = fields.pop("spec", {})
    scope_spec = fields.pop("scope_spec", {})
    return Snapshot(
        **{
            "now": NOW,
            "scope": scope(maxMode=max_mode, **scope_spec),
            "baseline": baseline(approved, mode=mode, **spec),
            "live": live(*rules),
            **fields,
        }
    )


def carry_out(before: Snapshot, decision: Decision) -> Snapshot:
    """Return the next snapshot of the same world after a decision was stored."""
    stored = before.baseline.model_copy(update={"status": decision.status})
    incidents = _stored(_stored(before.incidents, decision.incident), decision.noted)
    return replace(before, baseline=stored, incidents=incidents, attempt=None)


def incident(name: str = "web-1", **status: Any) -> NSGIncident:
    """Return a stored incident about the baseline."""
    return _incident(name, IncidentStatus(**status))


def restored(*minutes_ago: int) -> tuple[Action, ...]:
    """Return the actions of an operator that restored the rules at these times."""
    return tuple(
        Action(kind="Remediated", at=NOW - timedelta(minutes=minutes), reason="Restored") for minutes in minutes_ago
    )


def _stored(incidents: tuple[NSGIncident, ...], step: IncidentStep | None) -> tuple[NSGIncident, ...]:
    if step is None:
        return incidents
    unchanged = tuple(stored for stored in incidents if stored is not step.stored)
    if step.stored is not None:
        return (*unchanged, step.stored.model_copy(update={"status": step.status}))
    return (*unchanged, _incident(step.name, step.status))


def _incident(name: str, status: IncidentStatus) -> NSGIncident:
    spec = {"kind": "Drift", "scope": "production", "baseline": "web", "nsg": NSG}
    metadata = {"name": name, "namespace": "team-web"}
    document = {"apiVersion": API, "kind": "NSGIncident", "metadata": metadata, "spec": spec}
    return NSGIncident.model_validate(document).model_copy(update={"status": status})


ATTEMPTS = st.sampled_from(
    (None, RemediationAttempt(written=True), RemediationAttempt(blocked=Blocked("ScopeLocked", "a lock")))
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Return any snapshot: any drift, any mode, any reading, with and without stored incidents and an attempt."""
    drift = draw(drifts())
    spec = {
        "mode": draw(st.sampled_from(("Alert", "Enforce"))),
        "suspend": draw(st.booleans()),
        "enforcement": {"delay": draw(st.sampled_from(("0s", "5m"))), "maxChanges": draw(st.sampled_from((1, 10)))},
        "rolloutGrace": draw(st.sampled_from(("0s", "30m"))),
    }
    scope_spec = {
        "maxMode": draw(st.sampled_from(("Alert", "Enforce"))),
        "suspendEnforcement": draw(st.booleans()),
    }
    state = draw(st.sampled_from(("Succeeded", "Updating", "Deleting", "Failed")))
    document = nsg(drift.live, properties={"provisioningState": state})
    history = draw(st.lists(st.integers(0, 90), max_size=4))
    stored = incident(state="Open", revision=1, opened_at=NOW - timedelta(hours=2), actions=restored(*history))
    return Snapshot(
        now=NOW,
        scope=scope(**scope_spec),
        baseline=baseline(drift.approved, generation=draw(st.integers(1, 3)), **spec),
        live=draw(st.sampled_from((parse_live(document), None))),
        reading=draw(READINGS),  # type: ignore[arg-type]  # one of its values
        read_for_write=draw(st.booleans()),
        incidents=draw(st.sampled_from(((), (stored,)))),
        attempt=draw(ATTEMPTS),
    )


def enforced(taken: Snapshot, **fields: Any) -> Snapshot:
    """Return a snapshot in which both sides ask for enforcement at once; `fields` replace parts of the snapshot."""
    enforcement = taken.baseline.spec.enforcement.model_copy(update={"delay": "0s"})
    owner = taken.baseline.spec.model_copy(update={"mode": "Enforce", "enforcement": enforcement})
    platform = taken.scope.spec.model_copy(update={"max_mode": "Enforce"})
    return replace(
        taken,
        baseline=taken.baseline.model_copy(update={"spec": owner}),
        scope=taken.scope.model_copy(update={"spec": platform}),
        **fields,
    )


def alerting(taken: Snapshot, side: str) -> Snapshot:
    """Return a snapshot whose scope, or whose baseline, asks only for alerts and suspends nothing."""
    if side == "scope":
        platform = taken.scope.spec.model_copy(update={"max_mode": "Alert", "suspend_enforcement": False})
        return replace(taken, scope=taken.scope.model_copy(update={"spec": platform}))
    owner = taken.baseline.spec.model_copy(update={"mode": "Alert", "suspend": False})
    return replace(taken, baseline=taken.baseline.model_copy(update={"spec": owner}))


def with_status(taken: Snapshot, **status: Any) -> Snapshot:
    """Return a snapshot whose baseline has another status."""
    stored = taken.baseline.model_copy(update={"status": BaselineStatus(**status)})
    return replace(taken, baseline=stored)
