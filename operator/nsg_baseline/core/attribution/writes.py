"""The writes that the Activity Log lists: the rows of each request, joined.

A request has a BeginRequest row, which holds its body, and one or more EndRequest rows, which hold its outcome. They
share an operation id. A client chooses that id, so rows of two identities are never joined, and an outcome that
several requests of one id may claim is unknown.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import unquote

from nsg_baseline.api.incident import Caller
from nsg_baseline.core.attribution.bodies import Body, parse_body
from nsg_baseline.core.attribution.callers import application_ids, caller_of, identity_of, mapping, value_of
from nsg_baseline.core.ids import fold

Outcome = Literal["Succeeded", "Failed", "Unknown"]
"""Failed: Azure refused the request, and nothing changed. Unknown: it may have changed something."""

LONGEST_REQUEST = timedelta(minutes=1)
"""ARM ends a request after this time; a row without its beginning began at most so much earlier."""
_NSG = "microsoft.network/networksecuritygroups"
_OPERATIONS = (f"{_NSG}/write", f"{_NSG}/delete", f"{_NSG}/securityrules/write", f"{_NSG}/securityrules/delete")
_REFUSALS = frozenset(
    text
    for status in HTTPStatus
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    for text in (str(status.value), "".join(letter for letter in status.phrase.lower() if letter.isalpha()))
)
_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """One request that writes or deletes an NSG or a rule.

    Attributes:
        caller: who sent it, as a status stores it.
        identity: what tells callers apart; empty if the log names nobody.
        own: whether the operator itself sent it.
        nsg: folded id of the NSG.
        rule: folded name of the rule; None if the request is on the whole NSG.
        deletes: whether it deletes the NSG or the rule.
        method: HTTP method in upper case; empty if the log does not show it.
        begun, answered: it took effect between the two; `answered` is None while no outcome is logged.
        statuses: HTTP statuses as the log shows them, such as `created`, folded.
        body: request body; None if it is missing, truncated or ambiguous.
    """

    caller: Caller
    identity: str
    own: bool
    nsg: str
    rule: str | None
    deletes: bool
    method: str
    begun: datetime
    answered: datetime | None
    outcome: Outcome
    statuses: frozenset[str]
    body: Body | None


def writes(rows: Iterable[_Row], nsgs: Container[str], own: frozenset[str]) -> tuple[Write, ...]:
    """Return the writes of some NSGs, given by folded id, in rows of any order; the earliest first.

    `own` are folded ids of the operator's own applications.
    """
    by_request: dict[tuple[str, str, str], dict[str, _Row]] = defaultdict(dict)
    for row in rows:
        operation, resource = value_of(row.get("operationName")).lower(), _resource(row)
        if operation in _OPERATIONS and _nsg(resource) in nsgs and _time(row) is not None:
            request = str(row.get("operationId") or row.get("correlationId"))
            by_request[request, operation, resource][_row_key(row)] = row
    joined = (write for request in by_request.values() for write in _of_request(list(request.values()), own))
    return tuple(sorted(joined, key=order))


def _of_request(rows: Sequence[_Row], own: frozenset[str]) -> Iterator[Write]:
    by_identity: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_identity[identity_of(row)].append(row)
    if len(by_identity) == 2 and "" in by_identity:  # noqa: PLR2004 - an identity, and rows that name nobody
        # A row may lack its claims; the other rows of the request name the only caller that it can have.
        nameless = by_identity.pop("")
        next(iter(by_identity.values())).extend(nameless)
    for identity, identity_rows in by_identity.items():
        attempts = _attempts(sorted(identity_rows, key=_row_order))
        # With several attempts and too few outcomes, nobody knows whose outcome a row is.
        clear = len(attempts) == 1 or all(any(map(_ends, attempt)) for attempt in attempts)
        yield from (_write(attempt, identity, own, clear=clear) for attempt in attempts)


def _attempts(rows: Iterable[_Row]) -> list[list[_Row]]:
    attempts: list[list[_Row]] = []
    for row in rows:
        if not attempts or (_begins(row) and any(map(_begins, attempts[-1]))):
            attempts.append([])
        attempts[-1].append(row)
    return attempts


def _write(rows: Sequence[_Row], identity: str, own: frozenset[str], *, clear: bool) -> Write:
    begins, answers = [row for row in rows if _begins(row)], [row for row in rows if not _begins(row)]
    answered = min(_times(answers), default=None)
    begun = min(_times(begins), default=None) or (answered or min(_times(rows))) - LONGEST_REQUEST
    _, _, rule = _resource(rows[0]).partition("/securityrules/")
    bodies = {body for row in rows if (body := _body(row))}
    methods = {str(mapping(row.get("httpRequest")).get("method") or "").upper() for row in rows} - {""}
    return Write(
        caller=caller_of(next((row for row in rows if identity_of(row)), rows[0]), begun),
        identity=identity,
        own=any(own & application_ids(row) for row in rows),
        nsg=_nsg(_resource(rows[0])),
        rule=rule or None,
        deletes=value_of(rows[0].get("operationName")).lower().endswith("/delete"),
        method=methods.pop() if len(methods) == 1 else "",
        begun=begun,
        answered=answered,
        outcome=_outcome(rows) if clear else "Unknown",
        statuses=frozenset(text for row in answers for text in _http_statuses(row)),
        body=parse_body(bodies.pop()) if len(bodies) == 1 else None,
    )


def _outcome(rows: Iterable[_Row]) -> Outcome:
    outcomes = {value_of(row.get("status")): row for row in rows}
    if "Succeeded" in outcomes and "Failed" not in outcomes:
        return "Succeeded"
    failure = outcomes.get("Failed")
    # An operation that fails after Azure accepted the request, or for a reason that is not given, may have written.
    refused = failure is not None and not outcomes.keys() & {"Succeeded", "Accepted"}
    return "Failed" if refused and failure is not None and set(_http_statuses(failure)) & _REFUSALS else "Unknown"


def _http_statuses(row: _Row) -> Iterator[str]:
    texts = (str(mapping(row.get("properties")).get("statusCode") or ""), value_of(row.get("subStatus")))
    return (text.lower() for text in texts if text)


def _ends(row: _Row) -> bool:
    return value_of(row.get("status")) in ("Succeeded", "Failed", "Canceled")


def _begins(row: _Row) -> bool:
    return value_of(row.get("status")) == "Started"


def _body(row: _Row) -> str:
    properties = mapping(row.get("properties"))
    return next((str(text) for name, text in properties.items() if str(name).lower() == "requestbody" and text), "")


def _resource(row: _Row) -> str:
    return fold(unquote(str(row.get("resourceId") or "")))


def _nsg(resource: str) -> str:
    return resource.partition("/securityrules/")[0]


def _row_key(row: _Row) -> str:
    # Pages may overlap: a row that was read twice is one row.
    return str(row.get("eventDataId") or (row.get("eventTimestamp"), value_of(row.get("status")), identity_of(row)))


def _row_order(row: _Row) -> tuple[datetime | None, bool, str]:
    return _time(row), not _begins(row), _row_key(row)


def order(write: Write) -> tuple[datetime, str, str, str, str]:
    """Return what sorts writes: by time, and at one time always alike."""
    return write.begun, write.identity, write.caller.correlation_id, write.rule or "", str(write.caller)


def _times(rows: Iterable[_Row]) -> Iterator[datetime]:
    return (time for row in rows if (time := _time(row)) is not None)


def _time(row: _Row) -> datetime | None:
    try:
        # Azure writes seven digits; one more than Python takes.
        text = str(row.get("eventTimestamp")).removesuffix("Z").partition(".")
        return datetime.fromisoformat(f"{text[0]}.{text[2][:6].ljust(6, '0')}+00:00")
    except ValueError:
        return None
