"""Zendesk by its Tickets API: one ticket per incident, identified by its external id.

zendesk://USER%40EXAMPLE.COM:APITOKEN@SUBDOMAIN.zendesk.com?tags=nsg,network&group_id=...
"""

from typing import Any
from urllib.parse import quote

from typing_extensions import override

from nsg_baseline.alerts.plugins.ticketing import Ticketing

_PRIORITIES = {"critical": "urgent", "high": "high", "medium": "normal", "low": "low", "info": "low"}
_OVER = ("solved", "closed")
_SUBJECT_LENGTH = 150


class Zendesk(Ticketing):
    """Creates, comments and solves tickets. A tag per message prevents a repeat."""

    service_name = "Zendesk"
    secure_protocol = "zendesk"
    templates = ("{schema}://{user}:{password}@{host}",)
    # This suffix makes Zendesk treat the secret as an API token.
    sign_in = "{}/token"

    @override
    def send_message(self, body: str, title: str) -> None:
        ticket = self._find()
        is_closed = ticket is not None and ticket.get("status") in _OVER
        if ticket is None or (is_closed and self.message.event != "Resolved"):
            # Zendesk creates only one ticket for two requests with the same key.
            key = {"Idempotency-Key": f"{self.message.thread}: {self.message.key}"}
            self._call("POST", "/tickets.json", json={"ticket": self._new(body, title)}, headers=key)
        elif not is_closed and _tag(self.message.key) not in (ticket.get("tags") or ()):
            self._call("PUT", f"/tickets/{int(ticket['id'])}.json", json={"ticket": self._change(body, ticket)})

    def _find(self) -> dict[str, Any] | None:
        answer = self._call("GET", "/tickets.json", params={"external_id": self.message.thread})
        tickets = answer.get("tickets") if isinstance(answer, dict) else None
        return max(tickets, key=lambda ticket: int(ticket["id"])) if tickets else None

    def _new(self, body: str, title: str) -> dict[str, Any]:
        own = [tag.strip() for tag in (self._options.get("tags") or "").split(",") if tag.strip()]
        group = self._options.get("group_id")
        return {
            "subject": title if len(title) <= _SUBJECT_LENGTH else f"{title[: _SUBJECT_LENGTH - 3]}...",
            "comment": {"body": body, "public": False},
            "priority": _PRIORITIES[self.message.severity],
            "type": "incident",
            "external_id": self.message.thread,
            "tags": [*own, "nsg-baseline", _tag(self.message.key)],
            **({"group_id": int(group)} if group and group.isdigit() else {}),
            # An incident that ended before its first message is created as solved.
            **({"status": "solved"} if self.message.event == "Resolved" else {}),
        }

    def _change(self, body: str, ticket: dict[str, Any]) -> dict[str, Any]:
        change = {
            "comment": {"body": body, "public": False},
            "tags": [*(ticket.get("tags") or ()), _tag(self.message.key)],
        }
        if self.message.event == "Resolved":
            return {**change, "status": "solved"}
        return {**change, "priority": _PRIORITIES[self.message.severity]}

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return self.ask(method, f"/api/v2{path}", **options)


def _tag(key: str) -> str:
    """Return the key of a message as a Zendesk tag."""
    return quote(key.replace(" ", "_").replace("/", "_"), safe="._-").lower()
