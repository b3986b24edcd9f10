"""The alerts of PagerDuty and Opsgenie as their services store them: open or closed by key; other keys are ignored."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.providers import ProviderRequest


@dataclass(slots=True)
class Pager:
    """All alerts so far, each with key and state. Requests with the key of an open alert change it."""

    alerts: list[list[str]] = field(default_factory=list)
    priorities: dict[str, str] = field(default_factory=dict)

    def answer(self, request: ProviderRequest) -> tuple[int, Any]:
        """Apply a request and respond as the service does: at once, before it is processed."""
        if "pagerduty" in request.url:
            priority = request.body.get("payload", {}).get("severity", "")
            self._apply(request.body["dedup_key"], request.body["event_action"], priority)
        else:
            path = urlsplit(request.url).path.partition("/alerts")[2].strip("/").split("/")
            alias, action = (unquote(path[0]), path[1]) if len(path) == 2 else (request.body["alias"], "trigger")
            self._apply(alias, {"close": "resolve"}.get(action, action), request.body.get("priority", ""))
        return 202, {"status": "success", "result": "Request will be processed"}

    def _apply(self, key: str, action: str, priority: str) -> None:
        open_alert = next((alert for alert in self.alerts if alert[0] == key and alert[1] != "resolve"), None)
        if priority:
            self.priorities[key] = priority
        if open_alert is not None:
            open_alert[1] = action if action in ("resolve", "acknowledge") else open_alert[1]
        elif action == "trigger":
            self.alerts.append([key, action])
