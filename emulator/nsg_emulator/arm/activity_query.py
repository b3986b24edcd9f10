"""Reading the Activity Log: the filter, the pages of rows, and the two error formats of the log."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from nsg_emulator.arm import paging
from nsg_emulator.arm.activity import ActivityLog, Row
from nsg_emulator.arm.messages import ArmRequest, ArmResponse
from nsg_emulator.arm.paging import Place

PAGE = 200
KEPT = timedelta(days=90)

_CLAUSE = re.compile(r"^\s*(?P<field>\w+)\s+(?P<op>eq|ge|le)\s+'?(?P<value>[^']*)'?\s*$", re.IGNORECASE)
_FIELDS = {
    "resourcegroupname": "resourceGroupName",
    "resourceuri": "resourceId",
    "resourceid": "resourceId",
    "correlationid": "correlationId",
    "resourceprovider": "resourceProviderName",
}


class FilterError(ValueError):
    """A filter that the log rejects."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A period, and at most one property to match. Property names and values are those of the log."""

    start: datetime
    end: datetime
    name: str = ""
    value: str = ""

    def admits(self, row: Row) -> bool:
        """Return whether a row matches. Text is compared without regard to case."""
        if not self.start <= row.happened <= self.end:
            return False
        if not self.name:
            return True
        value = row.document[self.name]
        text = value["value"] if isinstance(value, dict) else value
        return str(text).lower() == self.value.lower()


def respond(log: ActivityLog, request: ArmRequest, now: datetime) -> ArmResponse:
    """Respond to a GET of the log's rows: newest first, 200 per page."""
    try:
        row_filter = parse(request.query.get("$filter", ""), now)
    except FilterError as error:
        return refused(str(error))
    rows = [row for row in reversed(log.rows) if row.readable <= now and row_filter.admits(row)]
    rows.sort(key=lambda row: row.happened, reverse=True)
    start = paging.read_token(paging.token_of(request.query)).page * PAGE
    documents = [_select(row.document, request.query.get("$select", "")) for row in rows[start : start + PAGE]]
    next_page = {"nextLink": _next(request, start // PAGE + 1)} if start + PAGE < len(rows) else {}
    return ArmResponse(200, {"value": documents, **next_page})


def refused(message: str) -> ArmResponse:
    """Return an error in the log's format, as recorded: capitalised names, and no `error` wrapper."""
    return ArmResponse(400, {"Code": "BadRequest", "Message": message})


def parse(text: str, now: datetime) -> Filter:
    """Read a `$filter`.

    Raises:
        FilterError: The filter cannot be parsed, has no start time, starts too early, or names two properties.
    """
    clauses = [_clause(part) for part in re.split(r"\s+and\s+", text, flags=re.IGNORECASE) if part.strip()]
    times = {operator: _moment(value) for name, operator, value in clauses if name == "eventtimestamp"}
    property_clauses = [(name, value) for name, _, value in clauses if name != "eventtimestamp" and name in _FIELDS]
    start = times.get("ge")
    if start is None:
        raise FilterError("The $filter must contain a start time: eventTimestamp ge '...'.")
    if start < now - KEPT:
        raise FilterError("The start time cannot be more than 90 days in the past.")
    if len(property_clauses) > 1:
        raise FilterError(
            "The $filter may use only one of resourceGroupName, resourceUri, resourceProvider, correlationId."
        )
    name, value = property_clauses[0] if property_clauses else ("", "")
    return Filter(start, times.get("le", now), _FIELDS.get(name, ""), value)


def _clause(text: str) -> tuple[str, str, str]:
    match = _CLAUSE.match(text)
    if match is None:
        raise FilterError(f"The $filter clause '{text}' is not valid.")
    name = match["field"].lower()
    if name not in _FIELDS and name not in {"eventtimestamp", "eventchannels", "levels", "channels"}:
        raise FilterError(f"The $filter field '{match['field']}' is not supported.")
    return name, match["op"].lower(), match["value"]


def _moment(text: str) -> datetime:
    """Parse a time. Like Azure, accept more than six digits of a second, and treat times without a zone as UTC."""
    digits = re.sub(r"(\.\d{6})\d+", r"\1", text.replace("Z", "+00:00"))
    try:
        moment = datetime.fromisoformat(digits)
    except ValueError as error:
        raise FilterError(f"The time '{text}' is not valid.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _select(document: Mapping[str, Any], select: str) -> dict[str, Any]:
    names = {name.strip().lower() for name in select.split(",") if name.strip()}
    return {name: value for name, value in document.items() if not names or name.lower() in names}


def _next(request: ArmRequest, page: int) -> str:
    kept_query = "".join(
        f"&{quote(name)}={quote(value)}"
        for name, value in request.query.items()
        if name.lower() != paging.TOKEN.lower()
    )
    token = quote(paging.write_token(Place(0, page)))
    return f"{request.origin}{request.path}?{kept_query.lstrip('&')}&%24skipToken={token}"
