"""PagerDuty's Events API as the service processes it: alerts by key, each opened, acknowledged and resolved."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class PagerAlert:
    """One alert. `opened_by` is the key of the message that opened it."""

    opened_by: str
    severity: str
    state: str = "triggered"


@dataclass(slots=True)
class PagerDutyAccount:
    """All alerts by their deduplication key, the oldest first, and the received events."""

    alerts: dict[str, list[PagerAlert]] = field(default_factory=dict)
    events: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, event: dict[str, Any]) -> None:
        """Process an event: one for an open alert changes it, and others than a trigger need one."""
        key, action = event["dedup_key"], event["event_action"]
        payload = event.get("payload") or {}
        message = (payload.get("custom_details") or {}).get("key", "")
        self.events.append((key, action, message))
        alerts = self.alerts.setdefault(key, [])
        alert = alerts[-1] if alerts and alerts[-1].state != "resolved" else None
        if action == "trigger" and alert is None:
            alerts.append(PagerAlert(message, payload["severity"]))
        elif action == "trigger" and alert is not None:
            # It does not notify again: an acknowledged alert stays so.
            alert.severity = payload["severity"]
        elif alert is not None:
            alert.state = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]

    def count(self, key: str) -> int:
        """Return the number of alerts of a key. A repeated message opens the same alert."""
        return len({alert.opened_by for alert in self.alerts[key]})
