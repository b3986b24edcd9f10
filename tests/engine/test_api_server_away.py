"""The API server away: rules are judged and notified from memory, under the keys of the incidents stored afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.ports import OutboxError
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.cli.demo.receiver import Receiver, receiving
from nsg_baseline.core.incident_subject import IncidentSubject
from nsg_baseline.engine.outbox import KubeOutbox
from nsg_baseline.kube.errors import KubeError
from tests.support.alerts import OPERATOR
from tests.support.in_process_operator import API, InProcessOperator, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")
SUBJECT = IncidentSubject("Drift", "team-web", "production", "web")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
RDP = arm_rule("300 open-rdp allow tcp Internet -> *:3389")


@asynccontextmanager
async def judged_operator(folder: Path) -> AsyncIterator[tuple[InProcessOperator, Receiver]]:
    """Yield an operator that has read its cluster, its Secret and two NSGs, before the API server goes away."""
    async with (
        receiving() as receiver,
        in_process_operator(folder, {"web": WEB, "db": WEB}, receiver.url, groupWait="0s") as operator,
    ):
        await operator.reconcile()
        await operator.deliver()
        yield operator, receiver


async def reconciled(operator: InProcessOperator, minutes: int = 1) -> None:
    operator.clock.advance(minutes=minutes)
    await operator.reconcile()
    await operator.deliver()


def stop_api_server(operator: InProcessOperator) -> None:
    operator.api.interference.fail(1_000_000, code=503)


async def start_api_server(operator: InProcessOperator) -> None:
    operator.api.interference.stop()
    await operator.records.backlog.flush()
    await operator.refresh()


def incidents(operator: InProcessOperator) -> list[NSGIncident]:
    return [NSGIncident.model_validate(stored) for stored in operator.api.list(API, "NSGIncident")]


def keys(receiver: Receiver) -> list[str]:
    return [alert["key"] for alert in receiver.alerts]


async def test_drift_during_an_outage_is_notified_once_and_recorded_afterwards(tmp_path: Path) -> None:
    # An attacker who can stop the API server must not be able to open a port unseen.
    async with judged_operator(tmp_path) as (operator, receiver):
        stop_api_server(operator)
        operator.azure.nsgs["web"] = [*WEB, SSH]
        for _ in range(5):
            await reconciled(operator)
        assert [alert["alert"]["event"] for alert in receiver.alerts] == ["Opened"]
        assert operator.api.list(API, "NSGIncident") == []
        await start_api_server(operator)
        await reconciled(operator)
        (incident,) = incidents(operator)
        assert [(entry.route, entry.revision) for entry in incident.status.deliveries] == [(f"{OPERATOR}/chat", 1)]
        assert incident.metadata.name in receiver.alerts[0]["key"]
        assert len(receiver.alerts) == 1


async def test_an_incident_that_ends_during_an_outage_is_recorded_completely(tmp_path: Path) -> None:
    # In an outage of hours the channel receives each event, and an auditor finds the incident afterwards.
    async with judged_operator(tmp_path) as (operator, receiver):
        stop_api_server(operator)
        for rules in ([SSH], [SSH, RDP], []):
            operator.azure.nsgs["web"] = [*WEB, *rules]
            await reconciled(operator, minutes=20)
        events = [alert["alert"]["event"] for alert in receiver.alerts]
        assert events == ["Opened", "Updated", "Resolved"]
        await start_api_server(operator)
        await reconciled(operator)
        (incident,) = incidents(operator)
        assert (incident.status.state, incident.status.resolution) == ("Resolved", "Reverted")
        assert [entry.revision for entry in incident.status.deliveries] == [incident.status.revision]
        assert len(receiver.alerts) == 3


async def test_a_stored_incident_keeps_its_name(tmp_path: Path) -> None:
    # A new key would be a second page for the same incident, and the first would never be resolved.
    async with judged_operator(tmp_path) as (operator, receiver):
        operator.azure.nsgs["web"] = [*WEB, SSH]
        await reconciled(operator)
        stop_api_server(operator)
        operator.azure.nsgs["web"] = WEB
        await reconciled(operator, minutes=20)
        await start_api_server(operator)
        await reconciled(operator)
        (incident,) = incidents(operator)
        assert incident.status.state == "Resolved"
        assert all(incident.metadata.name in key for key in keys(receiver))
        assert [alert["alert"]["event"] for alert in receiver.alerts] == ["Opened", "Resolved"]


async def test_a_kill_after_a_save_repeats_no_message(tmp_path: Path) -> None:
    # What was saved must be enough for the next process: incidents, deliveries and messages in flight.
    async with judged_operator(tmp_path) as (operator, receiver):
        stop_api_server(operator)
        operator.azure.nsgs["web"] = [*WEB, SSH]
        await reconciled(operator)
        await start_api_server(operator)
        operator.memory.clear()
        operator.outbox = KubeOutbox(operator.kube, operator.records)
        operator.delivering = Dispatcher(operator.outbox, operator.clock, allow_local=True)
        await reconciled(operator)
        assert len(receiver.alerts) == 1
        assert len(incidents(operator)) == 1


async def test_a_secret_is_kept_in_memory_while_its_route_exists(tmp_path: Path) -> None:
    # Without the URLs nothing could be sent. They are kept no longer than they are of use.
    async with judged_operator(tmp_path) as (operator, receiver):
        stop_api_server(operator)
        assert await operator.outbox.secret(OPERATOR, "chat") == {"urls": receiver.url}
        with pytest.raises(OutboxError):
            await operator.outbox.secret(OPERATOR, "never-read")
        operator.api.interference.stop()
        operator.api.delete("v1", "Secret", "chat", OPERATOR)
        assert await operator.outbox.secret(OPERATOR, "chat") is None
        stop_api_server(operator)
        with pytest.raises(OutboxError):
            await operator.outbox.secret(OPERATOR, "chat")


async def test_a_right_that_is_withdrawn_is_not_an_outage(tmp_path: Path) -> None:
    # An administrator who takes the right to read a Secret must not find that it is still used.
    async with judged_operator(tmp_path) as (operator, _):
        operator.api.interference.fail(100, code=403, path="secrets")
        with pytest.raises(OutboxError):
            await operator.outbox.secret(OPERATOR, "chat")


@pytest.mark.parametrize("code", [403, 422])
async def test_a_refusal_is_not_an_outage(tmp_path: Path, code: int) -> None:
    # The API server refuses it again at each try. The refusal must be visible, and must not be retried endlessly.
    async with judged_operator(tmp_path) as (operator, _):
        operator.api.interference.fail(100, code=code, methods="POST", path="nsgincidents")
        operator.azure.nsgs["web"] = [*WEB, SSH]
        await operator.reconcile()
        assert operator.records.backlog.sizes == {}
        with pytest.raises(KubeError):
            await operator.records.create_incident(SUBJECT, None, NOW)


async def test_an_event_that_is_refused_delays_no_incident(tmp_path: Path) -> None:
    # Without the right to post events the alert must still be sent.
    async with judged_operator(tmp_path) as (operator, receiver):
        operator.api.interference.fail(100, code=403, methods="POST", path="events")
        operator.azure.nsgs["web"] = [*WEB, SSH]
        await reconciled(operator)
        assert [alert["alert"]["event"] for alert in receiver.alerts] == ["Opened"]


async def test_two_incidents_about_the_same_drift_both_end(tmp_path: Path) -> None:
    # A replica that was cut off notified the drift too, and handed its incident over. A pager waits for its end.
    async with judged_operator(tmp_path) as (operator, receiver):
        operator.azure.nsgs["web"] = [*WEB, SSH]
        await reconciled(operator)
        (own,) = incidents(operator)
        twin = {"apiVersion": API, "kind": "NSGIncident", "metadata": {"name": "web-twin", "namespace": "team-web"}}
        spec, status = own.spec.model_dump(by_alias=True, exclude_none=True, mode="json"), own.status.document()
        operator.api.create({**twin, "spec": spec})
        operator.api.patch(API, "NSGIncident", "web-twin", {"status": status}, "team-web", subresource="status")
        await operator.refresh()
        operator.azure.nsgs["web"] = WEB
        for _ in range(3):
            await reconciled(operator)
        assert {incident.status.state for incident in incidents(operator)} == {"Resolved"}
        assert [alert["alert"]["event"] for alert in receiver.alerts] == ["Opened", "Resolved", "Resolved"]
