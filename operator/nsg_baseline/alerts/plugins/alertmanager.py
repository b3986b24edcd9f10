"""Alertmanager by its API v2: one alert per incident. The labels identify it: another severity is another alert.

    alertmanagers://[USER:PASSWORD@]HOST[:PORT][/PREFIX]?+Authorization=Bearer%20TOKEN&:team=network

Values (`:name=value`) become labels. Write one URL for each member of a cluster of Alertmanagers.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from typing_extensions import override

from nsg_baseline.alerts.plugins.base import RefusedError
from nsg_baseline.alerts.plugins.endpoint import Endpoint

_PATH = "/api/v2/alerts"
_TEST_MINUTES = 5
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Alertmanager(Endpoint):
    """Posts the state of incidents, and ends the alerts that they had with another severity."""

    service_name = "Alertmanager"
    protocol = "alertmanager"
    secure_protocol = "alertmanagers"
    templates = ("{schema}://{host}", "{schema}://{user}:{password}@{host}:{port}")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not all(_LABEL.fullmatch(name) for name in self.values):
            raise TypeError("a label has an invalid name")

    @override
    def send_message(self, body: str, title: str) -> None:
        alerts = [self._labelled(alert) for alert in self.message.alerts] or [self._test(title)]
        self.ask("POST", _PATH, json=[*alerts, *self._replaced(alerts)])

    def _labelled(self, alert: Mapping[str, Any]) -> dict[str, Any]:
        return {**alert, "labels": {**self.values, **alert["labels"]}}

    def _test(self, title: str) -> dict[str, Any]:
        ends_at = datetime.now(UTC) + timedelta(minutes=_TEST_MINUTES)
        labels = {"alertname": "NSGTest", "severity": self.message.severity}
        return self._labelled({"labels": labels, "annotations": {"summary": title}, "endsAt": ends_at.isoformat()})

    def _replaced(self, alerts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the end of each active alert of these incidents that has another severity."""
        severities = {_incident(alert): alert["labels"]["severity"] for alert in alerts}
        now = datetime.now(UTC).isoformat()
        for alert in self._active(alerts):
            severity = severities.get(_incident(alert))
            if severity is not None and alert["labels"].get("severity") != severity:
                yield {"labels": alert["labels"], "annotations": alert.get("annotations") or {}, "endsAt": now}

    def _active(self, alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        names = {alert["labels"].get("incident", "") for alert in alerts}
        filters = [f'incident="{name}"' for name in names] if len(names) == 1 else ['incident=~".+"']
        try:
            active = self.ask("GET", _PATH, params={"filter": filters})
        except RefusedError:
            # A proxy may allow POST only. The old alert then lasts for at most an hour.
            return []
        return [alert for alert in active or () if isinstance(alert, dict) and "labels" in alert]


def _incident(alert: Mapping[str, Any]) -> tuple[str, ...]:
    labels = alert["labels"]
    return tuple(str(labels.get(name, "")) for name in ("alertname", "namespace", "incident", "scope"))
