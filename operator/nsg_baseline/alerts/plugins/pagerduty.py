"""PagerDuty by Events API v2: trigger, acknowledge and resolve under one key. URLs are those of Apprise's plugin."""

from collections.abc import Sequence
from typing import Any

from apprise import NotifyType
from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP, NotifyPagerDuty
from typing_extensions import override

from nsg_baseline.alerts.plugins.base import ApiPlugin, Pager, PersonAndTime, RefusedError, call, entries

_SEVERITIES = {"critical": "critical", "high": "error", "medium": "warning", "low": "info", "info": "info"}
_SUMMARY_LENGTH = 1024
_PEOPLE = ("user", "user_reference")
_REST = {"us": "https://api.pagerduty.com/incidents", "eu": "https://api.eu.pagerduty.com/incidents"}
_ACTIONS = {"Resolved": "resolve", "Acknowledged": "acknowledge"}


class PagerDuty(ApiPlugin, Pager, NotifyPagerDuty):
    """One alert per thread."""

    @override
    def send(self, body: str, title: str = "", notify_type: NotifyType = NotifyType.INFO, **_: Any) -> bool:
        try:
            for step in self._actions():
                call("POST", PAGERDUTY_API_LOOKUP[str(self.region_name)], json=self._event(step, body))
        except RefusedError:
            return False
        return True

    @override
    def acknowledgement(self, thread: str) -> PersonAndTime | None:
        """Ask the REST API, with the API key of the URL. The answer lists an incident that nobody resolved."""
        headers = {"Authorization": f"Token token={self.apikey}", "Accept": "application/vnd.pagerduty+json;version=2"}
        query = {"incident_key": thread, "statuses[]": "acknowledged", "date_range": "all", "limit": "5"}
        answer = call("GET", _REST[str(self.region_name)], headers=headers, params=query)
        given = [
            item
            for incident in entries(answer, "incidents")
            if incident.get("status") == "acknowledged" and incident.get("incident_key") in (thread, None, "")
            for item in entries(incident, "acknowledgements")
        ]
        people = [(item.get("at"), item.get("acknowledger")) for item in given]
        # An integration acknowledges too, for example because the operator asked for it.
        seen = [
            PersonAndTime(who["summary"], at)
            for at, who in people
            if isinstance(at, str)
            and isinstance(who, dict)
            and who.get("type") in _PEOPLE
            and isinstance(who.get("summary"), str)
            and who["summary"].strip()
        ]
        return max(seen, key=lambda person: person.at, default=None)

    def _actions(self) -> Sequence[str]:
        message = self.message
        action = _ACTIONS.get(message.event, "trigger")
        if action != "trigger":
            # PagerDuty ignores the end of an unknown alert. An incident that ended before its first message is
            # triggered.
            return ("trigger", action) if message.is_first else (action,)
        if message.is_new_alert and not message.is_first:
            # An update of an acknowledged alert notifies nobody.
            return ("resolve", "trigger")
        return ("trigger", "acknowledge") if message.is_acknowledged else ("trigger",)

    def _event(self, action: str, body: str) -> dict[str, Any]:
        message = self.message
        event: dict[str, Any] = {
            "routing_key": self.integration_key,
            "event_action": action,
            "dedup_key": message.thread,
        }
        if action == "trigger":
            event |= {"client": "nsg-baseline-operator", "payload": self._payload(body)}
            event |= {"links": [{"href": message.link, "text": "in the portal"}]} if message.link else {}
        return event

    def _source(self) -> str:
        # Apprise's default says nothing about where the problem is.
        return self.source if self.source and self.source != "Apprise" else self.message.thread

    def _payload(self, body: str) -> dict[str, Any]:
        message = self.message
        return {
            "summary": message.title[:_SUMMARY_LENGTH],
            "severity": _SEVERITIES[message.severity],
            "source": self._source(),
            "component": self.component,
            **({"group": self.group} if self.group else {}),
            **({"class": self.class_id} if self.class_id else {}),
            "custom_details": {
                **self.details,
                "text": body,
                "facts": list(message.facts),
                "exposure": list(message.exposure),
                "changes": list(message.changes),
                "next_steps": list(message.next_steps),
                "key": message.key,
            },
        }
