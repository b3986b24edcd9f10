"""Opsgenie, and Jira Service Management which has the same API: one alert per incident, identified by its alias.

Apprise's plugins keep the request id of an alert in memory only, so that they cannot close it after a restart.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from apprise import NotifyType
from apprise.plugins.jira import JIRA_API_LOOKUP, NotifyJira
from apprise.plugins.opsgenie import OPSGENIE_API_LOOKUP, NotifyOpsgenie
from typing_extensions import override

from nsg_baseline.alerts.plugins.base import ApiPlugin, Pager, PersonAndTime, RefusedError, call, entries

_PRIORITIES = {"critical": "P1", "high": "P2", "medium": "P3", "low": "P4", "info": "P5"}
_PATHS = {"Resolved": "close", "Acknowledged": "acknowledge"}
_OPENING = ("Opened", "Updated", "Escalated", "Blocked", "Reminder")
_MESSAGE_LENGTH = 130


class _Alerts(ApiPlugin, Pager):
    apikey: str
    targets: list[Any]

    def send_message(self, body: str, title: str, base: str) -> bool:
        """Create, annotate, acknowledge or close the alert; return False if the service refused."""
        message = self.message
        alias = _alias(message.thread)
        headers = {"Authorization": f"GenieKey {self.apikey}"}
        at = f"{base}/{quote(alias, safe='')}"
        note = {"source": "nsg-baseline-operator", "note": body}
        try:
            if message.is_new_alert and not message.is_first:
                # An acknowledged alert does not notify again, so a new one with the same alias replaces it.
                call("POST", f"{at}/close", json=note, headers=headers, params={"identifierType": "alias"})
            # An incident that ended before its first message has no alert yet: create the alert and close it.
            if message.is_first or message.is_new_alert or message.event in _OPENING:
                call("POST", base, json=self._alert(alias, title, body), headers=headers)
            for path in self._updates():
                call("POST", f"{at}/{path}", json=note, headers=headers, params={"identifierType": "alias"})
        except RefusedError:
            return False
        return True

    def read_acknowledgement(self, thread: str, base: str) -> PersonAndTime | None:
        """Read the open alert with the alias of a thread."""
        headers = {"Authorization": f"GenieKey {self.apikey}"}
        query = {"query": f'status:open AND alias:"{_alias(thread)}"', "limit": "5"}
        answer = call("GET", base, headers=headers, params=query)
        seen = (_acknowledgement(alert) for alert in entries(answer, "data") if alert.get("alias") == _alias(thread))
        return next((person for person in seen if person is not None), None)

    def _updates(self) -> Iterator[str]:
        message = self.message
        if message.event not in _OPENING:
            yield _PATHS.get(message.event, "notes")
        if message.is_acknowledged and message.event != "Acknowledged":
            yield "acknowledge"

    def _alert(self, alias: str, title: str, body: str) -> dict[str, Any]:
        message = self.message
        return {
            "message": title if len(title) <= _MESSAGE_LENGTH else f"{title[: _MESSAGE_LENGTH - 3]}...",
            "alias": alias,
            "description": body,
            "priority": _PRIORITIES[message.severity],
            "source": "nsg-baseline-operator",
            "details": {"key": message.key, **({"portal": message.link} if message.link else {})},
            **({"responders": self.targets} if self.targets else {}),
        }


def _alias(thread: str) -> str:
    return thread.replace("/", ".")


def _acknowledgement(alert: dict[str, Any]) -> PersonAndTime | None:
    """Return who acknowledged an alert. The time is counted in milliseconds from the creation of the alert."""
    report = alert.get("report")
    if alert.get("acknowledged") is not True or not isinstance(report, dict):
        return None
    by, created, passed = report.get("acknowledgedBy"), alert.get("createdAt"), report.get("ackTime")
    if not (isinstance(by, str) and by.strip() and isinstance(created, str) and type(passed) is int):
        return None
    try:
        at = datetime.fromisoformat(created) + timedelta(milliseconds=passed)
    except (ValueError, OverflowError):
        return None
    return PersonAndTime(by, at.isoformat())


class Opsgenie(_Alerts, NotifyOpsgenie):
    """Opsgenie's alerts."""

    @override
    def acknowledgement(self, thread: str) -> PersonAndTime | None:
        return self.read_acknowledgement(thread, OPSGENIE_API_LOOKUP[str(self.region_name)])

    @override
    def send(self, body: str, title: str = "", notify_type: NotifyType = NotifyType.INFO, **_: Any) -> bool:
        return self.send_message(body, title, OPSGENIE_API_LOOKUP[str(self.region_name)])


class Jira(_Alerts, NotifyJira):
    """Jira Service Management's alerts."""

    @override
    def acknowledgement(self, thread: str) -> PersonAndTime | None:
        return self.read_acknowledgement(thread, JIRA_API_LOOKUP[str(self.region_name)])

    @override
    def send(self, body: str, title: str = "", notify_type: NotifyType = NotifyType.INFO, **_: Any) -> bool:
        return self.send_message(body, title, JIRA_API_LOOKUP[str(self.region_name)])
