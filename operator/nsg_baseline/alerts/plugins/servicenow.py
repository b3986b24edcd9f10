"""ServiceNow by its Table API: one record per incident, identified by its correlation id.

    servicenow://USER:PASSWORD@INSTANCE.service-now.com[/TABLE]?assignment_group=...&close_code=...

The default table is `incident`.
"""

from typing import Any
from urllib.parse import quote

from apprise import NotifyBase
from typing_extensions import override

from nsg_baseline.alerts.plugins.ticketing import Ticketing

# (urgency, impact); ServiceNow computes the priority from both.
_URGENCIES = {"critical": ("1", "1"), "high": ("1", "2"), "medium": ("2", "2"), "low": ("3", "3"), "info": ("3", "3")}
_RESOLVED, _CLOSED = "6", "7"
_SHORT_LENGTH = 160
_FIELDS = "sys_id,state,correlation_display"


class ServiceNow(Ticketing):
    """Creates, comments and resolves records. The key of the last message prevents a repeat."""

    service_name = "ServiceNow"
    secure_protocol = "servicenow"
    templates = ("{schema}://{user}:{password}@{host}/{table}",)

    def __init__(self, table: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._table = quote(table or "incident", safe="")

    @override
    def send_message(self, body: str, title: str) -> None:
        ticket = self._find()
        message = self.message
        if ticket is None or (ticket["state"] in (_RESOLVED, _CLOSED) and message.event != "Resolved"):
            self._call("POST", "", json=self._new(body, title))
            # An incident that ended before its first message is created and resolved.
            if message.event != "Resolved":
                return
            ticket = self._find()
        elif ticket["correlation_display"] == message.key or ticket["state"] in (_RESOLVED, _CLOSED):
            return
        if ticket is not None:
            self._call("PATCH", f"/{quote(ticket['sys_id'])}", json=self._change(body))

    def _find(self) -> dict[str, str] | None:
        query = {
            "sysparm_query": f"correlation_id={self.message.thread}^ORDERBYDESCsys_created_on",
            "sysparm_limit": "1",
            "sysparm_fields": _FIELDS,
        }
        answer = self._call("GET", "", params=query)
        records = answer.get("result") if isinstance(answer, dict) else None
        return {key: str(records[0].get(key) or "") for key in _FIELDS.split(",")} if records else None

    def _new(self, body: str, title: str) -> dict[str, str]:
        urgency, impact = _URGENCIES[self.message.severity]
        group = self._options.get("assignment_group")
        return {
            "short_description": title if len(title) <= _SHORT_LENGTH else f"{title[: _SHORT_LENGTH - 3]}...",
            "description": body,
            "urgency": urgency,
            "impact": impact,
            "correlation_id": self.message.thread,
            # The key of the last message; the one that resolves the record follows.
            "correlation_display": "" if self.message.event == "Resolved" else self.message.key,
            **({"assignment_group": group} if group else {}),
        }

    def _change(self, body: str) -> dict[str, str]:
        urgency, impact = _URGENCIES[self.message.severity]
        change = {"work_notes": body, "correlation_display": self.message.key}
        if self.message.event != "Resolved":
            return {**change, "urgency": urgency, "impact": impact}
        code = self._options.get("close_code") or "Solution provided"
        return {**change, "state": _RESOLVED, "close_code": code, "close_notes": self.message.title}

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return self.ask(method, f"/api/now/table/{self._table}{path}", **options)

    @staticmethod
    @override
    def parse_url(url: str) -> dict[str, Any] | None:
        records = Ticketing.parse_url(url)
        if not records:
            return None
        entries = NotifyBase.split_path(records.get("fullpath") or "")
        return {**records, "table": entries[0] if entries else ""}
