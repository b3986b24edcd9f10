"""Rows of the Activity Log: a BeginRequest and an EndRequest row for each change, with the same correlation id."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec

from nsg_emulator.arm import ids
from nsg_emulator.arm.messages import ArmRequest
from nsg_emulator.arm.principals import Principal

_SOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_MICROSOFT = "http://schemas.microsoft.com/identity/claims"
_LONG_NAMES = {
    "upn": f"{_SOAP}/upn",
    "unique_name": f"{_SOAP}/name",
    "sub": f"{_SOAP}/nameidentifier",
    "oid": f"{_MICROSOFT}/objectidentifier",
    "tid": f"{_MICROSOFT}/tenantid",
    "scp": f"{_MICROSOFT}/scope",
}
_LOCALIZED = {
    f"{ids.RULE_TYPE}/write": "Create or Update Security Rule",
    f"{ids.RULE_TYPE}/delete": "Delete Security Rule",
    f"{ids.NSG_TYPE}/write": "Create or Update Network Security Group",
    f"{ids.NSG_TYPE}/delete": "Delete Network Security Group",
}
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """The change that a row describes. The BeginRequest and the EndRequest row of a change share it."""

    operation: str
    resource_id: str
    correlation: str
    principal: Principal
    method: str
    client_ip: str
    client_request_id: str
    body: str = ""
    url: str = ""

    @property
    def resource_type(self) -> str:
        """The resource type: the operation without its last segment."""
        return self.operation.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Row:
    """One row, the time of its event, and the time from which on it can be read."""

    happened: datetime
    readable: datetime
    document: Mapping[str, Any]


@dataclass(slots=True)
class ActivityLog:
    """All rows, in the order in which they were written.

    Attributes:
        tenant: The tenant id of the rows, for `tenantId` and the hierarchy.
        delay: Time between the event of a row and its submission. Before that, the row cannot be read.
        body_limit: Number of characters of a request body that a row shows; None shows all.
        listeners: Called with each change that succeeded and its time.
    """

    tenant: str
    delay: timedelta = timedelta(0)
    rows: list[Row] = field(default_factory=list)
    body_limit: int | None = None
    listeners: list[Callable[[Change, datetime], None]] = field(default_factory=list)
    _open: dict[str, Change] = field(default_factory=dict)
    _answers: dict[str, int] = field(default_factory=dict)

    def begin(self, request: str, change: Change, now: datetime, row_id: str) -> None:
        """Add the BeginRequest row of a request, which contains the request body."""
        self._open[request] = change
        body = change.body[: self.body_limit]
        properties = {"requestbody": body} if body else {}
        self._append(change, now, row_id, ("BeginRequest", "Begin request"), "Started", "", properties)

    def accept(self, request: str, status: int) -> None:
        """Store the status of the response to a request whose operation is still running."""
        self._answers[request] = status

    def end(self, request: str, now: datetime, row_id: str, status: int, error: str = "") -> None:
        """Add the EndRequest row of a request with a BeginRequest row. A status of 400 or more is a failure.

        An operation that succeeds ends with the status of the first response: 201 Created for a new resource.
        """
        change = self._open.pop(request, None)
        accepted = self._answers.pop(request, 0)
        if change is not None:
            if accepted == HTTPStatus.CREATED and status < HTTPStatus.BAD_REQUEST:
                status = accepted
            self.end_of(change, now, row_id, status, error)

    def end_of(self, change: Change, now: datetime, row_id: str, status: int, error: str = "") -> None:
        """Add an EndRequest row without a BeginRequest row, as for resources deleted with their resource group."""
        phrase = _phrase(status)
        outcome = "Failed" if status >= HTTPStatus.BAD_REQUEST else "Succeeded"
        properties = {"statusCode": phrase, "serviceRequestId": row_id, **({"statusMessage": error} if error else {})}
        self._append(
            change,
            now,
            row_id,
            ("EndRequest", "End request"),
            outcome,
            f"{phrase} (HTTP Status Code: {status})",
            properties,
        )
        if outcome == "Succeeded":
            for listener in self.listeners:
                listener(change, now)

    def _append(
        self,
        change: Change,
        now: datetime,
        row_id: str,
        name: tuple[str, str],
        status: str,
        sub_status: str,
        properties: Mapping[str, Any],
    ) -> None:
        submitted = now + self.delay
        document: dict[str, Any] = {
            "authorization": {"action": change.operation, "scope": change.resource_id},
            **({"caller": change.principal.upn} if change.principal.upn else {}),
            "channels": "Operation",
            "claims": claims(change.principal),
            "correlationId": change.correlation,
            "description": "",
            "eventDataId": row_id,
            "eventName": {"value": name[0], "localizedValue": name[1]},
            "category": _named("Administrative"),
            "eventTimestamp": timestamp(now),
            "id": f"{change.resource_id}/events/{row_id}/ticks/{ticks(now)}",
            "httpRequest": {
                "clientRequestId": change.client_request_id,
                "clientIpAddress": change.client_ip,
                "method": change.method,
            },
            "level": "Error" if status == "Failed" else "Informational",
            "operationId": change.correlation,
            "operationName": {
                "value": change.operation,
                "localizedValue": _LOCALIZED.get(change.operation, change.operation),
            },
            "resourceGroupName": change.resource_id.split("/")[4],
            "resourceProviderName": _named(change.operation.partition("/")[0]),
            "resourceType": _named(change.resource_type),
            "resourceId": change.resource_id,
            "status": _named(status),
            "subStatus": {"value": sub_status.partition(" ")[0], "localizedValue": sub_status},
            "submissionTimestamp": timestamp(submitted),
            "subscriptionId": change.resource_id.split("/")[2],
            "tenantId": self.tenant,
            "properties": {**properties, **self._about(change)},
            "relatedEvents": [],
        }
        self.rows.append(Row(now, submitted, document))

    def _about(self, change: Change) -> dict[str, str]:
        hierarchy = f"{self.tenant}/{change.resource_id.split('/')[2]}"
        return {
            "eventCategory": "Administrative",
            "entity": change.resource_id,
            "message": change.operation,
            "hierarchy": hierarchy,
        }


def change_of(request: ArmRequest, operation: str, resource_id: str) -> Change:
    """Return the change that a request makes."""
    return Change(
        operation=operation,
        resource_id=resource_id,
        correlation=request.correlation,
        principal=request.principal,
        method=request.method,
        client_ip=request.client_ip,
        client_request_id=request.headers.get("x-ms-client-request-id", request.correlation),
        body=_compact(request.body),
        url=f"{request.origin}{request.path}?api-version={request.api_version}",
    )


def claims(principal: Principal) -> dict[str, str]:
    """Return the claims of a token under the names that the Activity Log uses."""
    return {_LONG_NAMES.get(name, name): str(value) for name, value in principal.claims.items()}


def timestamp(moment: datetime) -> str:
    """Return a time in Azure's format, with seven digits of a second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def ticks(moment: datetime) -> int:
    """Return the tenths of a microsecond since the year 1."""
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 10


def _named(value: str) -> dict[str, str]:
    return {"value": value, "localizedValue": value}


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("Ok", "OK")


def _compact(body: bytes) -> str:
    """Return a request body as the log shows it: JSON without blanks, anything else unchanged."""
    try:
        return msgspec.json.format(body, indent=-1).decode() if body else ""
    except msgspec.DecodeError:
        return body.decode(errors="replace")
