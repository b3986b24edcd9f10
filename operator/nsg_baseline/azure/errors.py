"""Failures of calls to Azure, as one exception with a reason.

AzureError              every failure of this package: `reason`, `message`, `retry_after`
"""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from azure.core.exceptions import (
    AzureError as CoreError,
)
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

MAX_MESSAGE_LENGTH = 500
MAX_RETRY_AFTER_SECONDS = 900.0
"""The longest pause that Azure can request. A larger value would stop the reconciles for too long."""
_CLIENT_ERROR = 400
_SERVER_ERROR = 500
_UNPARSABLE = "the response from Azure could not be parsed"

# ARM's code -> reason. Codes are recorded or documented. A code in details[] is more specific and is looked up first.
_REASONS_BY_CODE = {
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
# These reasons conclude that a resource does not exist. A body alone is not enough: the status must be 404.
_ABSENCE = ("ResourceNotFound", "ResourceGroupNotFound")
_NOT_FOUND = 404
_REASONS_BY_STATUS = {
    400: "Invalid",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    412: "PreconditionFailed",
    429: "Throttled",
}


# These failures are temporary, or concern the connection or the credential instead of the requested resource.
_TRANSIENT = frozenset({"Unreachable", "Timeout", "Throttled", "ServerError", "Unauthenticated"})


class AzureError(Exception):
    """A call to Azure failed.

    Attributes:
        reason: one word in PascalCase.
        message: what Azure or the network reported, one line of at most 500 characters; never a token.
        retry_after: seconds to wait before the next request, at most `MAX_RETRY_AFTER_SECONDS`; 0 if not specified.
    """

    def __init__(self, reason: str, message: str, retry_after: float = 0) -> None:
        self.reason = reason
        self.message = _printable(message)[:MAX_MESSAGE_LENGTH]
        self.retry_after = retry_after
        super().__init__(f"{reason}: {self.message}")

    @property
    def is_transient(self) -> bool:
        """Whether the failure is usually temporary, or does not concern the requested resource."""
        return self.reason in _TRANSIENT


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate the exceptions of azure-core, azure-identity and the decoder into AzureError.

    Of an unexpected exception only the type name is kept. Its text is dropped, because it may contain a secret.

    Raises:
        AzureError: the call failed.
    """
    try:
        yield
    except AzureError:
        raise
    except IncompleteReadError as error:
        raise AzureError("Unreachable", "the connection to Azure was closed before the response ended") from error
    except HttpResponseError as error:
        raise _from_http_error(error) from error
    except (ServiceRequestTimeoutError, ServiceResponseTimeoutError, TimeoutError) as error:
        raise AzureError("Timeout", _first_line(error)) from error
    except (ServiceRequestError, ServiceResponseError, OSError) as error:
        raise AzureError("Unreachable", _first_line(error)) from error
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise AzureError("InvalidResponse", f"{_UNPARSABLE}: {_first_line(error)}") from error
    except CoreError as error:
        raise AzureError("Unreachable", _first_line(error)) from error
    except Exception as error:
        raise AzureError("Unexpected", f"the call to Azure failed: {type(error).__name__}") from error


def error_from_response(status: int, headers: Mapping[str, str], body: object) -> AzureError:
    """Return the error for a response with a status of 400 or more.

    Args:
        status: the HTTP status.
        headers: the response headers.
        body: the decoded body, of any type; ARM sends `{"error": {"code", "message", "details"}}`.
    """
    error = _error_object(body)
    details = error.get("details")
    causes = [item for item in details if isinstance(item, Mapping)] if isinstance(details, list) else []
    codes = [_string(item, "code") for item in (*causes, error)]
    reason = next((_REASONS_BY_CODE[code] for code in codes if code in _REASONS_BY_CODE), "")
    if not reason or (reason in _ABSENCE and status != _NOT_FOUND):
        reason = _reason_of_status(status)
    message = _string(error, "message") or f"HTTP {status}"
    # The outermost code; without one, the last of the details.
    code = next((code for code in reversed(codes) if code), "")
    requested = parse_number(headers.get("Retry-After"))
    text = f"{code}: {message}" if code else message
    if requested > MAX_RETRY_AFTER_SECONDS:
        pause = f" (Azure asked to wait {requested:.0f} s; the limit is {MAX_RETRY_AFTER_SECONDS:.0f} s)"
        text = text[: MAX_MESSAGE_LENGTH - len(pause)] + pause
    return AzureError(reason, text, min(requested, MAX_RETRY_AFTER_SECONDS))


def parse_number(text: str | None) -> float:
    """Return the number in a header such as `Retry-After`; 0 if it is absent, negative or not a number."""
    try:
        number = float(text or 0)
    except ValueError:
        return 0.0
    return 0.0 if math.isnan(number) else max(0.0, number)


def _error_object(body: object) -> Mapping[str, Any]:
    """Return ARM's error object, or the body itself: the Activity Log sends it without the wrapper."""
    error = body.get("error", body) if isinstance(body, Mapping) else None
    return error if isinstance(error, Mapping) else {}


def _string(error: Mapping[str, Any], name: str) -> str:
    """Return a property as text; the Activity Log capitalises its names."""
    value = error.get(name) or error.get(name.capitalize())
    return value if isinstance(value, str) else ""


def _reason_of_status(status: int) -> str:
    return _REASONS_BY_STATUS.get(status) or ("ServerError" if status >= _SERVER_ERROR else "Invalid")


def _from_http_error(error: HttpResponseError) -> AzureError:
    # azure-identity raises this without a response, or with a successful one, when it gets no token.
    is_refusal = isinstance(error, ClientAuthenticationError)
    if error.response is None:
        return AzureError("Unauthenticated" if is_refusal else "Unreachable", _first_line(error))
    if isinstance(error, DecodeError):
        return AzureError("InvalidResponse", f"{_UNPARSABLE}: {_first_line(error)}")
    status = error.status_code or 0
    if status < _CLIENT_ERROR:
        # The text may quote the response, which may contain a token.
        return AzureError("Unauthenticated" if is_refusal else "InvalidResponse", _UNPARSABLE)
    return error_from_response(status, getattr(error.response, "headers", {}), _body(error))


def _body(error: HttpResponseError) -> object:
    try:
        return json.loads(error.response.text()) if error.response is not None else None
    except (ValueError, TypeError, AttributeError, RecursionError, CoreError):
        return None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:MAX_MESSAGE_LENGTH] if lines else type(error).__name__


def _printable(text: str) -> str:
    """Return the text with control and bidirectional characters as blanks."""
    return "".join(character if character.isprintable() else " " for character in text)
