"""What ARM refuses or fails at, as one exception with a reason.

AzureError              every failure of this edge: `reason`, `message`, `retry_after`
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import msgspec
from azure.core.exceptions import (
    AzureError as CoreError,
)
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

Retry = Literal["Soon", "Later", "Never"]
MESSAGE_LENGTH = 500

# ARM's code -> (reason, when another try makes sense). Codes and statuses as recorded or documented; more specific
# ones stand in details[] at times, and are looked at first.
_CODES: dict[str, tuple[str, Retry]] = {
    "ResourceNotFound": ("ResourceNotFound", "Never"),
    "ResourceGroupNotFound": ("ResourceGroupNotFound", "Never"),
    "SubscriptionNotFound": ("SubscriptionNotFound", "Later"),
    "InvalidAuthenticationToken": ("Unauthenticated", "Later"),
    "ExpiredAuthenticationToken": ("Unauthenticated", "Soon"),
    "AuthenticationFailed": ("Unauthenticated", "Later"),
    "AuthorizationFailed": ("Forbidden", "Later"),
    "LinkedAuthorizationFailed": ("Forbidden", "Later"),
    "ScopeLocked": ("ScopeLocked", "Later"),
    "RequestDisallowedByPolicy": ("PolicyDisallowed", "Later"),
    "AnotherOperationInProgress": ("AnotherOperationInProgress", "Soon"),
    "RetryableErrorDueToAnotherOperation": ("AnotherOperationInProgress", "Soon"),
    "PreconditionFailed": ("PreconditionFailed", "Soon"),
    "PreconditionFailedEtagMismatch": ("PreconditionFailed", "Soon"),
    "SubscriptionRequestsThrottled": ("Throttled", "Later"),
    "TooManyRequests": ("Throttled", "Later"),
}
# Where the code says nothing: the status.
_STATUSES: dict[int, tuple[str, Retry]] = {
    400: ("Invalid", "Never"),
    401: ("Unauthenticated", "Later"),
    403: ("Forbidden", "Later"),
    404: ("NotFound", "Never"),
    409: ("Conflict", "Soon"),
    412: ("PreconditionFailed", "Soon"),
    429: ("Throttled", "Later"),
}


class AzureError(Exception):
    """A call to Azure failed.

    Attributes:
        reason: one word in PascalCase.
        message: what Azure or the network said, at most 500 characters; never a token.
        retry: when another try makes sense.
        retry_after: seconds that Azure asked to wait; 0 when it did not say.
    """

    def __init__(self, reason: str, message: str, retry: Retry = "Later", retry_after: float = 0) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message[:MESSAGE_LENGTH]
        self.retry = retry
        self.retry_after = retry_after


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what azure-core, azure-identity and the decoder raise into an AzureError.

    Raises:
        AzureError: the call failed.
    """
    try:
        yield
    except HttpResponseError as error:
        raise _of_answer(error) from error
    except (ServiceRequestTimeoutError, ServiceResponseTimeoutError, TimeoutError) as error:
        raise AzureError("Timeout", _text(error)) from error
    except (ServiceRequestError, ServiceResponseError, OSError) as error:
        raise AzureError("Unreachable", _text(error)) from error
    except (msgspec.DecodeError, DecodeError, json.JSONDecodeError) as error:
        raise AzureError("InvalidResponse", _text(error)) from error
    except CoreError as error:
        raise AzureError("Unreachable", _text(error)) from error


def _of_answer(error: HttpResponseError) -> AzureError:
    # azure-identity raises this without an answer when no token is to be had.
    if error.response is None:
        reason = "Unauthenticated" if isinstance(error, ClientAuthenticationError) else "Unreachable"
        return AzureError(reason, _text(error))
    if isinstance(error, DecodeError):
        return AzureError("InvalidResponse", _text(error))
    status = error.status_code or 0
    return error_from_response(status, getattr(error.response, "headers", {}), _body(error))


def error_from_response(status: int, headers: Mapping[str, str], body: Any) -> AzureError:
    """Return what an answer with an error status means."""
    wrapped = body.get("error", body) if isinstance(body, Mapping) else {}
    top = wrapped if isinstance(wrapped, Mapping) else {}
    details = [item for item in top.get("details") or () if isinstance(item, Mapping)]
    codes = [str(item.get("code") or item.get("Code") or "") for item in (*details, top)]
    reason, retry = next((_CODES[code] for code in codes if code in _CODES), _of_status(status))
    message = str(top.get("message") or top.get("Message") or f"HTTP {status}")
    shown = next((code for code in reversed(codes) if code), "")
    return AzureError(reason, f"{shown}: {message}" if shown else message, retry, _seconds(headers.get("Retry-After")))


def _of_status(status: int) -> tuple[str, Retry]:
    return _STATUSES.get(status) or (("ServerError", "Soon") if status >= 500 else ("Invalid", "Never"))  # noqa: PLR2004


def _body(error: HttpResponseError) -> Any:
    try:
        return json.loads(error.response.text()) if error.response is not None else None
    except (ValueError, TypeError, AttributeError, CoreError):
        return None


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        return 0.0


def _text(error: BaseException) -> str:
    first = str(error).strip().splitlines()
    return first[0][:MESSAGE_LENGTH] if first else type(error).__name__
