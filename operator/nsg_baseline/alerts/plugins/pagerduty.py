"""PagerDuty by Events API v2: trigger, acknowledge and resolve under one key. URLs are those of Apprise's plugin."""

from typing import Any

from apprise import NotifyType
from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP, NotifyPagerDuty
from typing_extensions import override

from nsg_baseline.alerts.plugins.base import ApiPlugin, RefusedError, call

_SEVERITIES = {"critical": "critical", "high": "error", "medium": "warning", "low": "info", "info": "info"}
_ACTIONS = {"Resolved": "resolve", "Acknowledged": "acknowledge"}


class PagerDuty(ApiPlugin, NotifyPagerDuty):
    """One alert for each thread, whatever becomes of it."""

    @override
    def send(self, body: str, title: str = "", notify_type: NotifyType = NotifyType.INFO, **_: Any) -> bool:
        action = _ACTIONS.get(self.story.event, "trigger")
        # PagerDuty drops the end of what it has not heard of: what was over before it could be told is told and ended.
        actions = ("trigger", action) if self.story.opens and action != "trigger" else (action,)
        try:
            for each in actions:
                call("POST", PAGERDUTY_API_LOOKUP[str(self.region_name)], json=self._event(each, body))
        except RefusedError:
            return False
        return True

    def _event(self, action: str, body: str) -> dict[str, Any]:
        story = self.story
        event: dict[str, Any] = {
            "routing_key": self.integration_key,
            "event_action": action,
            "dedup_key": story.thread,
        }
        if action == "trigger":
            event |= {"client": "nsg-baseline-operator", "payload": self._payload(body)}
            event |= {"links": [{"href": story.link, "text": "in the portal"}]} if story.link else {}
        return event

    def _payload(self, body: str) -> dict[str, Any]:
        story = self.story
        return {
            "summary": body,
            "severity": _SEVERITIES[story.severity],
            "source": self.source,
            "component": self.component,
            **({"group": self.group} if self.group else {}),
            **({"class": self.class_id} if self.class_id else {}),
            "custom_details": {
                **self.details,
                "facts": list(story.facts),
                "traffic": list(story.traffic),
                "changes": [change.head for change in story.changes],
                "next_steps": list(story.next_steps),
                "message": story.key,
            },
        }
