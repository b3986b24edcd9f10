"""Critical incidents are sent at once and separately, whatever else is pending."""

from datetime import timedelta

from nsg_baseline.alerts.grouping import CRITICAL_DIGEST_FROM, HourlyUse, group
from nsg_baseline.alerts.pending import PendingDelivery, pending_deliveries
from tests.support.alerts import OPERATOR, START, incident, route

FULL = HourlyUse((START,) * 30)


def deliveries(count: int, severity: str, name: str) -> list[PendingDelivery]:
    return [PendingDelivery(incident(f"{name}-{number}", severity=severity), "Opened") for number in range(count)]


def test_a_critical_incident_does_not_wait_for_its_group() -> None:
    # Ten seconds matter when a database is exposed to the Internet.
    pending = pending_deliveries(route(groupWait="10m"), [incident(severity="critical")], OPERATOR, START)
    assert [delivery.ready_at for delivery in pending] == [None]
    pending = pending_deliveries(route(groupWait="10m"), [incident(severity="high")], OPERATOR, START)
    assert [delivery.ready_at for delivery in pending] == [START + timedelta(minutes=10)]


def test_other_incidents_neither_delay_nor_hide_a_critical_one() -> None:
    # Thirty messages of low severity must not make it a line in a digest.
    noise = deliveries(4, "low", "noise")
    critical = deliveries(3, "critical", "critical")
    assert [batch.deliveries for batch in group([*noise, *critical], FULL, 30, START)] == [
        (delivery,) for delivery in critical
    ]
    sizes = [len(batch.deliveries) for batch in group([*noise, *critical], HourlyUse(), 30, START)]
    assert sizes == [1, 1, 1, 4]


def test_many_critical_incidents_are_one_digest_without_a_wait() -> None:
    # A policy that opens five hundred NSGs must page once, not five hundred times. Ten are ten incidents.
    assert CRITICAL_DIGEST_FROM == 100
    most = deliveries(CRITICAL_DIGEST_FROM, "critical", "critical")
    (batch,) = group(most, FULL, 30, START)
    assert batch.deliveries == tuple(most)
    assert len(group(most[1:], FULL, 30, START)) == CRITICAL_DIGEST_FROM - 1
