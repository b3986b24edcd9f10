"""Acknowledgements of a pager: incidents that a route has delivered, and what PagerDuty answers."""

from datetime import timedelta
from typing import Any

from nsg_baseline.api.incident import Acknowledged, NSGIncident
from nsg_baseline.core.incident_history import entry, notification_text
from tests.support.alert_scenarios import OPEN
from tests.support.alerts import OPERATOR, START, incident, stamp, with_deliveries

PAGERDUTY = "pagerduty://INTEGRATIONKEY@APIKEY/nsg-baseline/azure"
ROUTE = f"{OPERATOR}/chat"


def delivered(revision: int, *history: tuple[str, int], **status: Any) -> NSGIncident:
    """Return an incident that the route has delivered; history: kind or revision, and the second."""
    drift = with_deliveries(incident(**{**OPEN, "revision": revision, **status}), (ROUTE, revision))
    entries, notified_at = [], START
    for what, second in history:
        at = START + timedelta(seconds=second)
        if what.isdigit():
            entries.append(entry(drift.status, "Notified", notification_text(ROUTE, int(what), 0), at))
            notified_at = at
        else:
            entries.append(entry(drift.status, what, "", at))  # type: ignore[arg-type]  # a kind of the test
    deliveries = tuple(delivery.model_copy(update={"at": notified_at}) for delivery in drift.status.deliveries)
    updates = {"history": tuple(entries), "deliveries": deliveries}
    return drift.model_copy(update={"status": drift.status.model_copy(update=updates)})


def written(stored: NSGIncident, given: Acknowledged) -> NSGIncident:
    """Return an incident with an acknowledgement that somebody wrote."""
    return stored.model_copy(update={"spec": stored.spec.model_copy(update={"acknowledged": given})})


def at_second(second: int) -> str:
    """Return a time this many seconds after the start, as services write it."""
    return stamp(START + timedelta(seconds=second))
