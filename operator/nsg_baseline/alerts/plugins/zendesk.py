"""Zendesk by its Tickets API: one ticket for each incident, known by its external id.

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
    """Creates, comments and solves. A message that was taken before is known by a tag and passed over."""

    service_name = "Zendesk"
    secure_protocol = "zendesk"
    templates = ("{schema}://{user}:{password}@{host}",)
    # So that the secret is taken for an API token.
    sign_in = "{}/token"

    @override
    def tell(self, body: str, title: str) -> None:
        known = self._find()
        over = known is not None and known.get("status") in _OVER
        if known is None or (over and self.story.event != "Resolved"):
            # Zendesk itself makes one ticket of two requests with one such key.
            key = {"Idempotency-Key": f"{self.story.thread}: {self.story.key}"}
            self._call("POST", "/tickets.json", json={"ticket": self._new(body, title)}, headers=key)
        elif not over and _tag(self.story.key) not in (known.get("tags") or ()):
            self._call("PUT", f"/tickets/{int(known['id'])}.json", json={"ticket": self._change(body, known)})

    def _find(self) -> dict[str, Any] | None:
        answer = self._call("GET", "/tickets.json", params={"external_id": self.story.thread})
        tickets = answer.get("tickets") if isinstance(answer, dict) else None
        return max(tickets, key=lambda one: int(one["id"])) if tickets else None

    def _new(self, body: str, title: str) -> dict[str, Any]:
        own = [tag.strip() for tag in (self._options.get("tags") or "").split(",") if tag.strip()]
        group = self._options.get("group_id")
        return {
            "subject": title if len(title) <= _SUBJECT_LENGTH else f"{title[: _SUBJECT_LENGTH - 3]}...",
            "comment": {"body": body, "public": False},
            "priority": _PRIORITIES[self.story.severity],
            "type": "incident",
            "external_id": self.story.thread,
            "tags": [*own, "nsg-baseline", _tag(self.story.key)],
            **({"group_id": int(group)} if group and group.isdigit() else {}),
            # What was over before anybody could be told is told and solved.
            **({"status": "solved"} if self.story.event == "Resolved" else {}),
        }

    def _change(self, body: str, known: dict[str, Any]) -> dict[str, Any]:
        told = {
            "comment": {"body": body, "public": False},
            "tags": [*(known.get("tags") or ()), _tag(self.story.key)],
        }
        if self.story.event == "Resolved":
            return {**told, "status": "solved"}
        return {**told, "priority": _PRIORITIES[self.story.severity]}

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return self.ask(method, f"/api/v2{path}", **options)


def _tag(key: str) -> str:
    """Return a message's key as Zendesk takes a tag."""
    return quote(key.replace(" ", "_").replace("/", "_"), safe="._-").lower()
