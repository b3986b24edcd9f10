"""Cleanup: the reports on refused baselines and invalid scopes, and incidents that have no subject any more."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey, Resource
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.problem import Problem
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.assignment import Refusal, RefusalReason
from nsg_baseline.core.incident_retention import MAX_RESOLVED_PER_SUBJECT, RETENTION
from nsg_baseline.engine.cleanup import (
    prune_incidents,
    report_invalid_scope,
    report_refused_baselines,
    resolve_orphans,
)
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Store
from tests.support.nsgs import NSG

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
API = "nsg-baseline.io/v1alpha1"
WEB, SCOPE = ObjectKey("team-web", "web"), ObjectKey("", "production")
KINDS: dict[str, type[Resource]] = {
    "NSGBaseline": NSGBaseline,
    "NSGScope": NSGScope,
    "NSGIncident": NSGIncident,
}


class Server:
    """An API server: applies merge patches to statuses, and logs writes."""

    def __init__(self) -> None:
        self.store = Store([NSGBaseline, NSGScope, NSGIncident, NSGAlertRoute])
        self.writes: list[tuple[str, ObjectKey]] = []

    async def patch_status(
        self, kind: type[Resource], key: ObjectKey, patch: dict[str, Any], version: int | None = None
    ) -> dict[str, Any]:
        del version
        self.writes.append((kind.__name__, key))
        stored = self.store.find(kind, key)
        assert stored is not None
        document = stored.document()
        merged = {**document.get("status", {}), **patch}
        document["status"] = {name: value for name, value in merged.items() if value is not None}
        document["metadata"]["resourceVersion"] = str(stored.version + 1)
        return document

    async def delete(self, kind: type[Resource], key: ObjectKey) -> None:
        self.writes.append((f"delete {kind.__name__}", key))

    def put(self, kind: str, name: str, namespace: str | None = "team-web", **fields: Any) -> None:
        """Store an object; `generation` goes to its metadata."""
        metadata: dict[str, Any] = {"name": name, "uid": f"{kind}-{namespace}-{name}", "resourceVersion": "1"}
        metadata |= {"namespace": namespace} if namespace else {}
        for field in ("generation", "deletionTimestamp"):
            metadata |= {field: fields.pop(field)} if field in fields else {}
        self.store.put(KINDS[kind], {"apiVersion": API, "kind": kind, "metadata": metadata, **fields})

    def status(self, kind: str, key: ObjectKey) -> dict[str, Any]:
        stored = self.store.find(KINDS[kind], key)
        assert stored is not None
        status: dict[str, Any] = stored.document().get("status", {})
        return status

    def conditions(self, kind: str, key: ObjectKey) -> dict[str, tuple[Any, ...]]:
        """Return status, reason, message, generation and time of each condition."""
        fields = ("status", "reason", "message", "observedGeneration", "lastTransitionTime")
        return {item["type"]: tuple(map(item.get, fields)) for item in self.status(kind, key)["conditions"]}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def records(server: Server) -> Records:
    return Records(cast("Kube", server), server.store)


def put_baseline(server: Server, name: str = "web", **fields: Any) -> None:
    server.put("NSGBaseline", name, spec={"target": {"resourceId": NSG}, "rules": []}, **fields)


def put_scope(server: Server, name: str = "production", **fields: Any) -> None:
    spec = {"subscriptionId": "11111111-1111-1111-1111-111111111111"}
    server.put("NSGScope", name, namespace=None, **{"spec": spec, **fields})


def put_incident(server: Server, name: str = "i", kind: str = "Drift", **fields: Any) -> ObjectKey:
    about = {"Drift": {"baseline": "web"}}.get(kind, {})
    spec = {"kind": kind, "scope": "production", **about}
    status = {"state": "Open", "revision": 3, "severity": "high", **fields}
    server.put("NSGIncident", name, spec=spec, status=status)
    return ObjectKey("team-web", name)


async def test_a_refused_baseline_reports_its_reason(server: Server, records: Records) -> None:
    # Its owner waits for it to be compared.
    put_baseline(server, generation=4, status={"changeCount": 2, "effectiveMode": "Alert"})
    put_baseline(server, "db", generation=2)
    refused = {
        ObjectKey("team-web", "gone"): Refusal("NoScope", "first: it must not end the loop"),
        WEB: Refusal("NoScope", "no scope covers it"),
        ObjectKey("team-web", "db"): Refusal("Suspended", ""),
    }
    await report_refused_baselines(records, refused, NOW)
    time = "2026-11-30T12:00:00Z"
    assert server.conditions("NSGBaseline", WEB) == {
        "Ready": ("False", "NoScope", "no scope covers it", 4, time),
        "Compliant": ("Unknown", "Pending", "not compared with Azure", 4, time),
    }
    status = server.status("NSGBaseline", WEB)
    assert (status["observedGeneration"], status["changeCount"], status["effectiveMode"]) == (4, 2, "Off")
    suspended = server.conditions("NSGBaseline", ObjectKey("team-web", "db"))
    message = "spec.suspend is true; the NSG is not compared with Azure"
    assert suspended["Ready"] == ("True", "Suspended", message, 2, time)
    assert suspended["Compliant"][:2] == ("Unknown", "Pending")


async def test_a_conflict_names_the_baseline_that_manages_the_nsg(server: Server, records: Records) -> None:
    # The author of the second baseline has to know whom to ask.
    put_baseline(server)
    await report_refused_baselines(records, {WEB: Refusal("Conflict", "", ObjectKey("team-db", "first"))}, NOW)
    assert server.status("NSGBaseline", WEB)["managedBy"] == {"namespace": "team-db", "name": "first"}


async def test_an_object_without_a_generation_has_generation_zero(server: Server, records: Records) -> None:
    # The API server always sets one; a file or a test may not.
    put_baseline(server)
    await report_refused_baselines(records, {WEB: Refusal("NoScope", "")}, NOW)
    assert server.status("NSGBaseline", WEB)["observedGeneration"] == 0
    put_scope(server, spec={"interval": "soon"})
    stored = server.store.find(NSGScope, SCOPE)
    assert stored is not None
    await report_invalid_scope(records, stored, InvalidObject([Problem("spec.interval", "bad")]), NOW)
    assert server.status("NSGScope", SCOPE)["observedGeneration"] == 0


async def test_an_unchanged_refusal_writes_nothing(server: Server, records: Records) -> None:
    # It is reported with every round of the operator.
    put_baseline(server, generation=4)
    refused = {WEB: Refusal("NoScope", "no scope covers it")}
    await report_refused_baselines(records, refused, NOW)
    await report_refused_baselines(records, refused, NOW + timedelta(hours=1))
    assert server.writes == [("NSGBaseline", WEB)]


async def test_an_invalid_scope_names_the_field_and_keeps_its_counts(server: Server, records: Records) -> None:
    # The platform engineer sees it in kubectl describe.
    put_scope(server, generation=7, status={"nsgs": 5})
    stored = server.store.find(NSGScope, SCOPE)
    assert stored is not None
    error = InvalidObject([Problem("spec.interval", "must be a duration")])
    await report_invalid_scope(records, stored, error, NOW)
    ready = server.conditions("NSGScope", SCOPE)["Ready"]
    assert ready == ("False", "InvalidSpec", str(error), 7, "2026-11-30T12:00:00Z")
    assert "spec.interval" in str(error)
    status = server.status("NSGScope", SCOPE)
    assert (status["observedGeneration"], status["nsgs"]) == (7, 5)


REFUSALS: dict[RefusalReason, bool] = {
    "NamespaceNotAllowed": True,
    "Conflict": True,
    "TooManyBaselines": True,
    "NoScope": False,
    "InvalidSpec": False,
    "Suspended": False,
}


@pytest.mark.parametrize("reason", REFUSALS)
async def test_only_a_final_refusal_ends_an_incident(server: Server, records: Records, reason: RefusalReason) -> None:
    # Otherwise an edit with a mistake would resolve the incident while the port is still open.
    put_scope(server)
    put_baseline(server)
    key = put_incident(server)
    await resolve_orphans(records, {WEB: Refusal(reason, "")}, NOW)
    status = server.status("NSGIncident", key)
    assert (status["state"] == "Resolved") == REFUSALS[reason]
    if REFUSALS[reason]:
        assert (status["resolution"], status["resolvedAt"]) == ("TargetRemoved", "2026-11-30T12:00:00Z")
        assert status["revision"] == 4


async def test_a_refusal_resolves_no_incident_while_the_scope_is_missing(server: Server, records: Records) -> None:
    # A wider scope may refuse the baseline for the minute in which its own scope is replaced.
    put_baseline(server)
    put_scope(server, "wider")
    put_scope(server, deletionTimestamp="2026-11-30T12:00:00Z")
    key = put_incident(server)
    await resolve_orphans(records, {WEB: Refusal("Conflict", "")}, NOW)
    assert server.status("NSGIncident", key)["state"] == "Open"


async def test_an_incident_without_its_baseline_or_scope_ends(server: Server, records: Records) -> None:
    # Nobody could resolve it any more. The baseline of that name in another namespace is another one.
    put_scope(server, "other")
    server.put("NSGBaseline", "web", namespace="team-db", spec={})
    drift, scope = put_incident(server), put_incident(server, "s", kind="WatchLost")
    await resolve_orphans(records, {}, NOW)
    assert server.status("NSGIncident", drift)["state"] == "Resolved"
    assert server.status("NSGIncident", scope)["state"] == "Resolved"


async def test_an_incident_with_its_subject_stays(server: Server, records: Records) -> None:
    # An invalid scope exists. A resolved incident is not resolved again.
    put_scope(server, spec={"interval": "soon"})
    put_baseline(server)
    put_incident(server)
    put_incident(server, "s", kind="WatchLost")
    put_incident(server, "over", kind="Unbaselined", state="Resolved", resolvedAt="2026-11-29T12:00:00Z")
    await resolve_orphans(records, {}, NOW)
    assert server.writes == []


async def test_a_resolved_orphan_is_not_resolved_again(server: Server, records: Records) -> None:
    # Each resolution is a notification.
    put_incident(server, state="Resolved", resolvedAt="2026-11-29T12:00:00Z")
    put_incident(server, "open")
    await resolve_orphans(records, {}, NOW)
    assert server.writes == [("NSGIncident", ObjectKey("team-web", "open"))]


async def test_incidents_of_a_scope_are_counted_by_kind(server: Server, records: Records) -> None:
    # Twenty of one kind must not delete those of another kind.
    assert timedelta(days=30) == RETENTION
    assert MAX_RESOLVED_PER_SUBJECT == 20
    put_incident(server, "no-time", state="Resolved")
    for number in range(20):
        resolved_at = f"2026-11-30T09:{number:02}:00Z"
        put_incident(server, f"w{number}", kind="WatchLost", state="Resolved", resolvedAt=resolved_at)
        put_incident(server, f"u{number}", kind="Unbaselined", state="Resolved", resolvedAt=resolved_at)
    await prune_incidents(records, "nsg-baseline-system", NOW)
    assert server.writes == []
    put_incident(server, "w20", kind="WatchLost", state="Resolved", resolvedAt="2026-11-30T09:59:00Z")
    await prune_incidents(records, "nsg-baseline-system", NOW)
    assert server.writes == [("delete NSGIncident", ObjectKey("team-web", "w0"))]
