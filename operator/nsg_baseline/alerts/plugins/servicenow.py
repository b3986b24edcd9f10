"""ServiceNow by its Table API: one record for each incident, known by its correlation id.

    servicenow://USER:PASSWORD@INSTANCE.service-now.com[/TABLE]?assignment_group=...&close_code=...

The table is `incident` unless named.
"""

from typing import Any
from urllib.parse import quote

from apprise import NotifyBase
from typing_extensions import override

from nsg_baseline.alerts.plugins.ticketing import Ticketing

# (urgency, impact); ServiceNow makes the priority of both.
_WEIGHTS = {"critical": ("1", "1"), "high": ("1", "2"), "medium": ("2", "2"), "low": ("3", "3"), "info": ("3", "3")}
_RESOLVED, _CLOSED = "6", "7"
_SHORT_LENGTH = 160
_FIELDS = "sys_id,state,correlation_display"


class ServiceNow(Ticketing):
    """Creates, comments and resolves. A message that was taken before is known by its key and passed over."""

    service_name = "ServiceNow"
    secure_protocol = "servicenow"
    templates = ("{schema}://{user}:{password}@{host}/{table}",)

    def __init__(self, table: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._table = quote(table or "incident", safe="")

    @override
    def tell(self, body: str, title: str) -> None:
        known = self._find()
        story = self.story
        if known is None or (known["state"] in (_RESOLVED, _CLOSED) and story.event != "Resolved"):
            self._call("POST", "", json=self._new(body, title))
            # What was over before anybody could be told is told and resolved.
            if story.event != "Resolved":
                return
            known = self._find()
        elif known["correlation_display"] == story.key or known["state"] in (_RESOLVED, _CLOSED):
            return
        if known is not None:
            self._call("PATCH", f"/{quote(known['sys_id'])}", json=self._change(body))

    def _find(self) -> dict[str, str] | None:
        asked = {
            "sysparm_query": f"correlation_id={self.story.thread}^ORDERBYDESCsys_created_on",
            "sysparm_limit": "1",
            "sysparm_fields": _FIELDS,
        }
        answer = self._call("GET", "", params=asked)
        found = answer.get("result") if isinstance(answer, dict) else None
        return {key: str(found[0].get(key) or "") for key in _FIELDS.split(",")} if found else None

    def _new(self, body: str, title: str) -> dict[str, str]:
        urgency, impact = _WEIGHTS[self.story.severity]
        group = self._options.get("assignment_group")
        return {
            "short_description": title if len(title) <= _SHORT_LENGTH else f"{title[: _SHORT_LENGTH - 3]}...",
            "description": body,
            "urgency": urgency,
            "impact": impact,
            "correlation_id": self.story.thread,
            # Of the message told last; a resolving one is still to be told.
            "correlation_display": "" if self.story.event == "Resolved" else self.story.key,
            **({"assignment_group": group} if group else {}),
        }

    def _change(self, body: str) -> dict[str, str]:
        urgency, impact = _WEIGHTS[self.story.severity]
        told = {"work_notes": body, "correlation_display": self.story.key}
        if self.story.event != "Resolved":
            return {**told, "urgency": urgency, "impact": impact}
        code = self._options.get("close_code") or "Solution provided"
        return {**told, "state": _RESOLVED, "close_code": code, "close_notes": self.story.title}

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return self.ask(method, f"/api/now/table/{self._table}{path}", **options)

    @staticmethod
    @override
    def parse_url(url: str) -> dict[str, Any] | None:
        found = Ticketing.parse_url(url)
        if not found:
            return None
        entries = NotifyBase.split_path(found.get("fullpath") or "")
        return {**found, "table": entries[0] if entries else ""}
