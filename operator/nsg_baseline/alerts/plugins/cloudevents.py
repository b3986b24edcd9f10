"""CloudEvents 1.0 over HTTP, in structured mode: one event per message, with the alert JSON as its data.

cloudevents://[USER:PASSWORD@]HOST[:PORT][/PATH]?+Authorization=SharedAccessKey%20KEY&hmac=SECRET
"""

from typing import Any

from typing_extensions import override

from nsg_baseline.alerts.plugins.endpoint import Endpoint
from nsg_baseline.alerts.sender.signature import message_id

_TYPE = "io.nsg-baseline.incident"


class CloudEvents(Endpoint):
    """Posts `application/cloudevents+json`. A repeat has the same id."""

    service_name = "CloudEvents"
    protocol = "cloudevent"
    secure_protocol = "cloudevents"
    templates = ("{schema}://{host}", "{schema}://{user}:{password}@{host}:{port}")

    @override
    def send_message(self, body: str, title: str) -> None:
        kind = "application/cloudevents+json; charset=utf-8"
        self.ask("POST", json=self._event(body, title), headers={"Content-Type": kind})

    def _event(self, body: str, title: str) -> dict[str, Any]:
        message = self.message
        incidents = message.payload.get("incidents") or ()
        times = [incident.get("updatedAt") for incident in incidents if incident.get("updatedAt")]
        return {
            "specversion": "1.0",
            "id": message_id(message.thread, message.key),
            "source": "nsg-baseline-operator",
            "type": f"{_TYPE}.{str(message.payload.get('event', message.event)).lower()}.v1",
            "subject": message.thread,
            "severity": message.severity,
            **({"time": max(times)} if times else {}),
            "datacontenttype": "application/json",
            "data": {"title": title, "message": body, "key": message.key, "alert": message.payload},
        }
