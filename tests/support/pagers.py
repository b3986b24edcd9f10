"""PagerDuty's and Opsgenie's alerts as their services keep them: by a key, open or closed, and deaf to unknown ones."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.providers import Asked


@dataclass(slots=True)
class Pager:
    """All alerts there ever were, each by key and state. An open one takes what comes under its key."""

    alerts: list[list[str]] = field(default_factory=list)
    priorities: dict[str, str] = field(default_factory=dict)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """Do what a request says, as the service would, and answer as it does: at once, whatever comes of it."""
        if "pagerduty" in asked.url:
            weight = asked.body.get("payload", {}).get("severity", "")
            self._take(asked.body["dedup_key"], asked.body["event_action"], weight)
        else:
            path = urlsplit(asked.url).path.partition("/alerts")[2].strip("/").split("/")
            alias, action = (unquote(path[0]), path[1]) if len(path) == 2 else (asked.body["alias"], "trigger")
            self._take(alias, {"close": "resolve"}.get(action, action), asked.body.get("priority", ""))
        return 202, {"status": "success", "result": "Request will be processed"}

    def _take(self, key: str, action: str, priority: str) -> None:
        open_alert = next((alert for alert in self.alerts if alert[0] == key and alert[1] != "resolve"), None)
        if priority:
            self.priorities[key] = priority
        if open_alert is not None:
            open_alert[1] = action if action in ("resolve", "acknowledge") else open_alert[1]
        elif action == "trigger":
            self.alerts.append([key, action])
