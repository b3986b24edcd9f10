"""The reason of each failure: the operator's conditions, its alerts and its retries depend on the exact word."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import (
    AzureError as CoreError,
)
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

from nsg_baseline.azure.errors import (
    MAX_MESSAGE_LENGTH,
    MAX_RETRY_AFTER_SECONDS,
    AzureError,
    error_from_response,
    translate_errors,
)

REASONS_BY_CODE = {
    "ResourceNotFound": "ResourceNotFound",
    "ResourceGroupNotFound": "ResourceGroupNotFound",
    "SubscriptionNotFound": "SubscriptionNotFound",
    "InvalidAuthenticationToken": "Unauthenticated",
    "ExpiredAuthenticationToken": "Unauthenticated",
    "AuthenticationFailed": "Unauthenticated",
    "AuthorizationFailed": "Forbidden",
    "LinkedAuthorizationFailed": "Forbidden",
    "ScopeLocked": "ScopeLocked",
    "RequestDisallowedByPolicy": "PolicyDisallowed",
    "AnotherOperationInProgress": "AnotherOperationInProgress",
    "RetryableErrorDueToAnotherOperation": "AnotherOperationInProgress",
    "PreconditionFailed": "PreconditionFailed",
    "PreconditionFailedEtagMismatch": "PreconditionFailed",
    "SubscriptionRequestsThrottled": "Throttled",
    "TooManyRequests": "Throttled",
}
REASONS_BY_STATUS = {
    400: "Invalid",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "NotFound",
    405: "Invalid",
    409: "Conflict",
    412: "PreconditionFailed",
    429: "Throttled",
    499: "Invalid",
    500: "ServerError",
    503: "ServerError",
}
UNPARSABLE = "the response from Azure could not be parsed"


@pytest.mark.parametrize("code", REASONS_BY_CODE)
def test_the_code_decides(code: str) -> None:
    # The table is ARM's documentation; the status is one that means nothing else, except that only a 404 is absence.
    status = 404 if code.startswith("Resource") else 418
    assert error_from_response(status, {}, {"error": {"code": code}}).reason == REASONS_BY_CODE[code]


@pytest.mark.parametrize("code", ["ResourceNotFound", "ResourceGroupNotFound"])
def test_absence_needs_a_404(code: str) -> None:
    # A missing NSG is reported as deleted. A gateway that forwards a body with another status must not cause that.
    assert error_from_response(403, {}, {"error": {"code": code}}).reason == "Forbidden"


@pytest.mark.parametrize("status", REASONS_BY_STATUS)
def test_the_status_decides_without_a_known_code(status: int) -> None:
    # ARM's list of codes is open.
    assert error_from_response(status, {}, {"error": {"code": "New"}}).reason == REASONS_BY_STATUS[status]


@pytest.mark.parametrize(
    ("body", "reason", "message"),
    [
        (None, "Conflict", "HTTP 409"),
        ("text", "Conflict", "HTTP 409"),
        ([], "Conflict", "HTTP 409"),
        ({"error": "text"}, "Conflict", "HTTP 409"),
        ({"error": {"message": "m"}}, "Conflict", "m"),
        ({"error": {"code": 5, "message": 6}}, "Conflict", "HTTP 409"),
        ({"error": {"code": "A", "message": "m"}}, "Conflict", "A: m"),
        ({"Code": "ScopeLocked", "Message": "m"}, "ScopeLocked", "ScopeLocked: m"),
        ({"code": "ScopeLocked", "message": "m"}, "ScopeLocked", "ScopeLocked: m"),
        ({"error": {"code": "A", "details": "text"}}, "Conflict", "A: HTTP 409"),
        ({"error": {"code": "A", "details": ["text", {"code": "ScopeLocked"}]}}, "ScopeLocked", "A: HTTP 409"),
        ({"error": {"details": [{"code": "B"}, {"code": "C"}]}}, "Conflict", "C: HTTP 409"),
        ({"error": {"code": "TooManyRequests", "details": [{"code": "ScopeLocked"}]}}, "ScopeLocked", None),
    ],
)
def test_bodies_of_every_form(body: object, reason: str, message: str | None) -> None:
    # ARM, the gateway and the Activity Log send different forms; none may raise another exception.
    error = error_from_response(409, {}, body)
    assert error.reason == reason
    assert message is None or error.message == message


@pytest.mark.parametrize(
    ("headers", "pause", "message"),
    [
        ({}, 0, "HTTP 429"),
        ({"Retry-After": "7"}, 7, "HTTP 429"),
        ({"Retry-After": "900"}, 900, "HTTP 429"),
        ({"Retry-After": "900.4"}, 900, "HTTP 429 (Azure asked to wait 900 s; the limit is 900 s)"),
        ({"Retry-After": "5000"}, 900, "HTTP 429 (Azure asked to wait 5000 s; the limit is 900 s)"),
    ],
)
def test_the_pause_that_azure_asks_for(headers: Mapping[str, str], pause: float, message: str) -> None:
    # A longer pause would stop the watch, and a cut one must be explained.
    error = error_from_response(429, headers, None)
    assert (error.reason, error.retry_after, error.message) == ("Throttled", pause, message)


def test_the_limits_are_those_of_the_documentation() -> None:
    # The status of a baseline has room for so much, and the watch may pause for so long.
    assert (MAX_MESSAGE_LENGTH, MAX_RETRY_AFTER_SECONDS) == (500, 900)
    error = AzureError("Invalid", "m")
    assert (error.reason, error.message, error.retry_after, str(error)) == ("Invalid", "m", 0, "Invalid: m")


def _http(error_type: type[HttpResponseError], status: int | None, text: object, **headers: str) -> HttpResponseError:
    """Return an exception of azure-core about a response; `text` is its body, or an exception of reading it."""

    def body() -> object:
        if isinstance(text, BaseException):
            raise text
        return text

    error = error_type("the first line\nthe second line")
    error.response = SimpleNamespace(text=body, headers=headers) if status is not None else None
    error.status_code = status
    return error


LOCKED = '{"error": {"code": "ScopeLocked", "message": "a lock"}}'
RAISED: tuple[tuple[BaseException, tuple[str, str, float]], ...] = (
    (IncompleteReadError("i"), ("Unreachable", "the connection to Azure was closed before the response ended", 0)),
    (ServiceRequestTimeoutError("slow\nvery"), ("Timeout", "slow", 0)),
    (ServiceResponseTimeoutError("slow"), ("Timeout", "slow", 0)),
    (TimeoutError(), ("Timeout", "TimeoutError", 0)),
    (ServiceResponseError("reset"), ("Unreachable", "reset", 0)),
    (ConnectionResetError("reset"), ("Unreachable", "reset", 0)),
    (CoreError("core"), ("Unreachable", "core", 0)),
    (ValueError("bad"), ("InvalidResponse", f"{UNPARSABLE}: bad", 0)),
    (ValueError("x" * 600), ("InvalidResponse", f"{UNPARSABLE}: {'x' * 600}"[:500], 0)),
    (KeyError("CANARY"), ("Unexpected", "the call to Azure failed: KeyError", 0)),
    (AzureError("Throttled", "t", 5), ("Throttled", "t", 5)),
    (_http(HttpResponseError, None, ""), ("Unreachable", "the first line", 0)),
    (_http(ClientAuthenticationError, None, ""), ("Unauthenticated", "the first line", 0)),
    (_http(DecodeError, 200, ""), ("InvalidResponse", f"{UNPARSABLE}: the first line", 0)),
    (_http(HttpResponseError, 200, "CANARY"), ("InvalidResponse", UNPARSABLE, 0)),
    (_http(ClientAuthenticationError, 200, "CANARY"), ("Unauthenticated", UNPARSABLE, 0)),
    (_http(HttpResponseError, 399, LOCKED), ("InvalidResponse", UNPARSABLE, 0)),
    (_http(HttpResponseError, 400, LOCKED), ("ScopeLocked", "ScopeLocked: a lock", 0)),
    (_http(HttpResponseError, 0, LOCKED), ("InvalidResponse", UNPARSABLE, 0)),
    (
        _http(HttpResponseError, 429, "<html>", **{"Retry-After": "3"}),
        ("Throttled", "HTTP 429", 3),
    ),
    (_http(HttpResponseError, 409, "<html>"), ("Conflict", "HTTP 409", 0)),
    (_http(HttpResponseError, 409, None), ("Conflict", "HTTP 409", 0)),
    (_http(HttpResponseError, 409, RecursionError()), ("Conflict", "HTTP 409", 0)),
    (_http(HttpResponseError, 409, AttributeError()), ("Conflict", "HTTP 409", 0)),
    (_http(HttpResponseError, 409, CoreError("c")), ("Conflict", "HTTP 409", 0)),
)


@pytest.mark.parametrize(("raised", "expected"), RAISED)
def test_exceptions_of_azure_core_are_translated(raised: BaseException, expected: tuple[str, str, float]) -> None:
    # Conditions and alerts show the reason and the message. The text of a successful response may be a token.
    with pytest.raises(AzureError) as caught, translate_errors():
        raise raised
    error = caught.value
    assert (error.reason, error.message, error.retry_after) == expected
    assert error is raised or error.__cause__ is raised


def test_no_exception_no_error() -> None:
    # The block's own result is not touched.
    values: list[Any] = []
    with translate_errors():
        values.append(1)
    assert values == [1]


def test_a_response_without_headers_is_an_error_like_any_other() -> None:
    # A transport of another library may have none.
    error = _http(HttpResponseError, 409, LOCKED)
    error.response = SimpleNamespace(text=lambda: LOCKED)
    with pytest.raises(AzureError) as caught, translate_errors():
        raise error
    assert (caught.value.reason, caught.value.retry_after) == ("ScopeLocked", 0)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        *((reason, True) for reason in ("Unreachable", "Timeout", "Throttled", "ServerError", "Unauthenticated")),
        *((reason, False) for reason in ("Forbidden", "Conflict", "InvalidResponse", "Unexpected", "NotFound")),
    ],
)
def test_which_failures_usually_pass(reason: str, *, expected: bool) -> None:
    # A failure that passes becomes an incident only after a while, and one that concerns the NSG at once.
    assert AzureError(reason, "").is_transient == expected
