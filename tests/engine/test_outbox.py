"""The outbox in Kubernetes: concurrent records of deliveries are all kept."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nsg_baseline.alerts.ports import OutboxError
from nsg_baseline.api.incident import Acknowledged, Action, Delivery
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.engine import outbox
from nsg_baseline.kube.store import Stored, resource
from tests.support.in_process_operator import API, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")


async def test_concurrent_deliveries_of_routes_are_all_recorded(tmp_path: Path) -> None:
    # A lost record would send the message again, hours later.
    async with in_process_operator(tmp_path, {"web": WEB}, "json://127.0.0.1:1") as operator:
        operator.azure.nsgs["web"] = [*WEB, SSH]
        await operator.reconcile()
        (incident,) = operator.records.incidents.all()
        now = datetime(2026, 3, 1, tzinfo=UTC)
        notes = [Delivery(route=f"team-web/route-{number}", revision=1, at=now) for number in range(5)]
        await asyncio.gather(*(operator.outbox.record(incident, note) for note in notes))
        (stored,) = operator.api.list("nsg-baseline.io/v1alpha1", "NSGIncident")
        assert {delivery["route"] for delivery in stored["status"]["deliveries"]} == {note.route for note in notes}


async def test_the_actions_of_another_leader_are_kept(tmp_path: Path) -> None:
    # If there are two leaders for a moment, both count the restores, and neither may lose the other's record.
    async with in_process_operator(tmp_path, {"web": WEB}, "json://127.0.0.1:1") as operator:
        operator.azure.nsgs["web"] = [*WEB, SSH]
        await operator.reconcile()
        (incident,) = operator.records.incidents.all()
        other_actions, own_actions = (
            Action(kind="Remediated", at=datetime(2026, 3, 1, 4, minute, tzinfo=UTC), reason="Restored")
            for minute in (1, 2)
        )
        written = [other_actions.model_dump(by_alias=True, mode="json")]
        change, name = {"status": {"actions": written}}, incident.metadata.name
        operator.api.patch(API, "NSGIncident", name, change, "team-web", subresource="status")
        after = incident.status.model_copy(update={"actions": (own_actions,)})
        stored = await operator.records.update_incident(incident, after)
        assert stored.status.actions == (other_actions, own_actions)


async def test_the_routes_follow_the_stored_objects(tmp_path: Path) -> None:
    async with in_process_operator(tmp_path, {}, "json://127.0.0.1:1") as operator:
        (route,) = operator.outbox.routes()
        await operator.edit("NSGAlertRoute", "chat", {"suspend": True}, route.metadata.namespace)
        assert [route.spec.suspend for route in operator.outbox.routes()] == [True]
        operator.api.delete(API, "NSGAlertRoute", "chat", route.metadata.namespace)
        await operator.refresh()
        assert operator.outbox.routes() == ()


async def test_a_route_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each loop asks for its route whenever an incident changes: 300 routes of a tenant were parsed 90,000 times.
    parsed: list[object] = []

    def counted(kind: type[NSGAlertRoute], stored: Stored) -> NSGAlertRoute:
        parsed.append(stored.key)
        return resource(kind, stored)

    monkeypatch.setattr(outbox, "resource", counted)
    async with in_process_operator(tmp_path, {}, "json://127.0.0.1:1") as operator:
        for _ in range(3):
            (route,) = operator.outbox.routes()
            await operator.outbox.secret(route.metadata.namespace, "chat")
    assert len(parsed) == 1


async def test_the_approved_tags_follow_the_baseline_and_not_azure(tmp_path: Path) -> None:
    # Who may change an NSG must not be able to move its alerts to others.
    async with in_process_operator(tmp_path, {"web": WEB}, "json://127.0.0.1:1") as operator:
        operator.azure.nsgs["web"] = [*WEB, SSH]
        operator.azure.tags["web"] = {"owner": "nobody"}
        await operator.reconcile()
        (incident,) = operator.records.incidents.all()
        assert operator.outbox.approved_tags(incident) == {}
        await operator.edit("NSGBaseline", "web", {"tags": {"owner": "team-web"}}, "team-web")
        assert operator.outbox.approved_tags(incident) == {"owner": "team-web"}
        operator.api.delete(API, "NSGBaseline", "web", "team-web")
        await operator.refresh()
        assert operator.outbox.approved_tags(incident) == {}


async def test_an_acknowledgement_replaces_one_that_has_ended_and_no_other_write(tmp_path: Path) -> None:
    async with in_process_operator(tmp_path, {"web": WEB}, "json://127.0.0.1:1") as operator:
        operator.azure.nsgs["web"] = [*WEB, SSH]
        await operator.reconcile()
        (incident,) = operator.records.incidents.all()
        ended = {"acknowledged": {"by": "al", "until": "2026-01-01T00:00:00Z"}}
        await operator.edit("NSGIncident", incident.metadata.name, ended, "team-web")
        (incident,) = operator.outbox.incidents()
        given = Acknowledged(by="Jo", note="in PagerDuty", revision=1)
        await operator.outbox.acknowledge(incident, given)
        await operator.refresh()
        # With the end of the earlier acknowledgement, it would be over at once.
        (stored,) = operator.outbox.incidents()
        assert stored.spec.acknowledged == given
        # Somebody writes another one, which this process has not seen yet.
        other = {"spec": {"acknowledged": {"by": "bo", "note": None, "revision": None}}}
        operator.api.patch(API, "NSGIncident", incident.metadata.name, other, "team-web")
        with pytest.raises(OutboxError):
            await operator.outbox.acknowledge(stored, Acknowledged(by="Jo", revision=2))
        await operator.refresh()
        (stored,) = operator.outbox.incidents()
        assert stored.spec.acknowledged == Acknowledged(by="bo")
