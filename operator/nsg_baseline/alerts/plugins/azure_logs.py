"""Azure Monitor Logs (also Sentinel) by the Logs Ingestion API: one record per incident of a message.

    azurelogs://CLIENTID:SECRET@ENDPOINT.ingest.monitor.azure.com/TENANTID/DCR-IMMUTABLE-ID/STREAM

The application needs the role Monitoring Metrics Publisher on the data collection rule.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from apprise import NotifyBase
from typing_extensions import override

from nsg_baseline.alerts.plugins.base import RefusedError, call
from nsg_baseline.alerts.plugins.endpoint import Endpoint

_VERSION = "2023-01-01"
# The authority for tokens and their audience, by the end of the endpoint's name.
_CLOUDS = {
    ".azure.com": ("https://login.microsoftonline.com", "https://monitor.azure.com"),
    ".azure.us": ("https://login.microsoftonline.us", "https://monitor.azure.us"),
    ".azure.cn": ("https://login.chinacloudapi.cn", "https://monitor.azure.cn"),
}
_PARTS = 3


class AzureLogs(Endpoint):
    """Posts records to a stream of a data collection rule."""

    service_name = "Azure Monitor Logs"
    secure_protocol = "azurelogs"
    templates = ("{schema}://{user}:{password}@{host}/{tenant}/{rule}/{stream}",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        parts = NotifyBase.split_path(self.fullpath or "")
        clouds = [cloud for suffix, cloud in _CLOUDS.items() if str(self.host).endswith(suffix)]
        if len(parts) != _PARTS or not (clouds and self.user and self.password):
            raise TypeError("the URL requires an application, its secret, an endpoint of Azure and three parts")
        self._tenant, self._rule, self._stream = (quote(part, safe="") for part in parts)
        self._authority, self._audience = clouds[0]

    @override
    def send_message(self, body: str, title: str) -> None:
        path = f"/dataCollectionRules/{self._rule}/streams/{self._stream}"
        headers = {"Authorization": f"Bearer {self._token()}"}
        place = f"https://{self.host}{f':{self.port}' if self.port else ''}{path}"
        call("POST", place, json=self._records(body, title), headers=headers, params={"api-version": _VERSION})

    def _token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.user,
            "client_secret": self.password,
            "scope": f"{self._audience}/.default",
        }
        answer = call("POST", f"{self._authority}/{self._tenant}/oauth2/v2.0/token", data=form)
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not token:
            raise RefusedError("no token")
        return str(token)

    def _records(self, body: str, title: str) -> list[dict[str, Any]]:
        incidents = list(self.message.payload.get("incidents") or ()) or [{}]
        return [self._record(incident, body, title) for incident in incidents]

    def _record(self, incident: dict[str, Any], body: str, title: str) -> dict[str, Any]:
        message = self.message
        return {
            "TimeGenerated": incident.get("updatedAt") or datetime.now(UTC).isoformat(),
            "Event": message.payload.get("event") or message.event,
            "Severity": incident.get("severity") or message.severity,
            "Title": title,
            "Message": body,
            "Key": message.key,
            "Namespace": incident.get("namespace", ""),
            "Incident": incident.get("name", ""),
            "Kind": incident.get("kind", ""),
            "Scope": incident.get("scope", ""),
            "Baseline": incident.get("baseline", ""),
            "NSG": incident.get("nsg", ""),
            "State": incident.get("state", ""),
            "Alert": incident,
        }
