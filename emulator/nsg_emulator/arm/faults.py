"""Injected faults: an effect, the requests that it applies to, and how often.

The control endpoint accepts faults as JSON; `kind` selects the effect:
`{"effect": {"kind": "delay", "seconds": 2}, "path": "..."}`.
"""

import re
from collections.abc import Iterator
from typing import Literal, TypeVar

import msgspec

from nsg_emulator.arm import paging
from nsg_emulator.arm.errors import ArmError
from nsg_emulator.arm.messages import ArmRequest, ArmResponse, error_response

DropPoint = Literal["request", "answer", "body"]


class Delay(msgspec.Struct, frozen=True, tag="delay", tag_field="kind"):
    """Delay the response by some seconds."""

    seconds: float


class Answer(msgspec.Struct, frozen=True, tag="answer", tag_field="kind"):
    """Respond with an error and do not process the request.

    Attributes:
        retry_after: Value of the Retry-After header in seconds; None omits the header.
        cause: The layer that sends the error: `gateway`, or `service` (the network provider, which adds `details`).
    """

    status: int
    code: str
    message: str
    retry_after: int | None = None
    headers: dict[str, str] = {}
    cause: Literal["gateway", "service"] = "gateway"
    details: list[dict[str, str]] = []

    def response(self) -> ArmResponse:
        """Return the response."""
        wait = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        headers = {**self.headers, **wait}
        error = ArmError(
            self.status, self.code, self.message, cause=self.cause, details=list(self.details), headers=headers
        )
        return error_response(error)


class Drop(msgspec.Struct, frozen=True, tag="drop", tag_field="kind"):
    """Drop the connection.

    The point is before the `request` is processed, before the `answer` is sent, or halfway through its `body`.
    """

    at: DropPoint = "answer"


class DropListing(msgspec.Struct, frozen=True, tag="drop-listing", tag_field="kind"):
    """Drop the connection of a listing after a number of pages."""

    after_page: int = 1


class FailListing(msgspec.Struct, frozen=True, tag="fail-listing", tag_field="kind"):
    """Respond with an error to a listing after a number of pages."""

    after_page: int = 1
    status: int = 503
    code: str = "ServiceUnavailable"
    message: str = "The service is temporarily unavailable."

    def response(self) -> ArmResponse:
        """Return the response."""
        return Answer(self.status, self.code, self.message).response()


class StickOperation(msgspec.Struct, frozen=True, tag="stick-operation", tag_field="kind"):
    """Keep the operation that the write starts InProgress until it is released."""


class FailOperation(msgspec.Struct, frozen=True, tag="fail-operation", tag_field="kind"):
    """Let the operation that the write starts fail. The NSG is then Failed."""

    code: str = "InternalServerError"
    message: str = "An error occurred."


class OmitFromListing(msgspec.Struct, frozen=True, tag="omit-from-listing", tag_field="kind"):
    """Omit one NSG from listings. A GET by id still finds it."""

    id: str


Effect = Delay | Answer | Drop | DropListing | FailListing | StickOperation | FailOperation | OmitFromListing
E = TypeVar("E")
LISTING = "/networkSecurityGroups[?]"
ARM = "^/subscriptions"
"""Paths that the predefined faults match by default. Requests for tokens are not affected."""


class Fault(msgspec.Struct, frozen=True):
    """An effect on the requests that match.

    Attributes:
        effect: The effect.
        method: Regular expression that matches the whole method, case-insensitive.
        path: Regular expression that matches a part of path and query, case-insensitive.
        count: Number of requests that it applies to; None: all requests until it is cleared.
    """

    effect: Effect
    method: str = ".*"
    path: str = ""
    count: int | None = 1

    def matches(self, request: ArmRequest) -> bool:
        """Return whether the fault applies to a request."""
        target = f"{request.path}?{'&'.join(f'{name}={value}' for name, value in request.query.items())}"
        meant = re.fullmatch(self.method, request.method, re.IGNORECASE) and re.search(self.path, target, re.IGNORECASE)
        return bool(meant) and (
            not isinstance(self.effect, DropListing | FailListing) or _page(request) >= self.effect.after_page
        )


class Faults:
    """The active faults."""

    def __init__(self) -> None:
        """Create an empty set of faults."""
        self._remaining: list[tuple[Fault, int | None]] = []

    def add(self, *faults: Fault) -> None:
        """Add faults after the active ones.

        Raises:
            ValueError: A pattern or a count is not valid.
        """
        for fault in faults:
            _checked(fault)
            self._remaining.append((fault, fault.count))

    def clear(self) -> None:
        """Remove all faults."""
        self._remaining.clear()

    def in_force(self) -> list[Fault]:
        """Return the active faults. `count` is the number of remaining requests."""
        return [msgspec.structs.replace(fault, count=remaining) for fault, remaining in self._remaining]

    def strike(self, request: ArmRequest, kind: type[E]) -> E | None:
        """Return the first effect of a kind that applies to the request, and count the request."""
        for index, (fault, remaining) in enumerate(self._remaining):
            if isinstance(fault.effect, kind) and fault.matches(request):
                self._use(index, fault, remaining)
                return fault.effect
        return None

    def omitted(self, request: ArmRequest) -> Iterator[str]:
        """Yield the ids that a listing omits, and count the request."""
        for index, (fault, remaining) in reversed(list(enumerate(self._remaining))):
            if isinstance(fault.effect, OmitFromListing) and fault.matches(request):
                self._use(index, fault, remaining)
                yield fault.effect.id

    def _use(self, index: int, fault: Fault, remaining: int | None) -> None:
        if remaining is None:
            return
        if remaining <= 1:
            del self._remaining[index]
        else:
            self._remaining[index] = (fault, remaining - 1)


def throttled(*, retry_after: int = 10, count: int | None = 1, method: str = ".*", path: str = ARM) -> Fault:
    """Return a 429 of the gateway for the next requests."""
    kind = "read" if method.upper() == "GET" else "write"
    message = (
        f"Number of '{kind}' requests for subscription exceeded. Please try again after '{retry_after}' seconds after "
        "additional tokens are available."
    )
    answer = Answer(429, "SubscriptionRequestsThrottled", message, retry_after)
    return Fault(answer, method, path, count)


def unavailable(*, status: int = 503, count: int | None = 1, method: str = ".*", path: str = ARM) -> Fault:
    """Return a 5xx for the next requests."""
    return Fault(Answer(status, "ServiceUnavailable", "The service is temporarily unavailable."), method, path, count)


def forbidden(*, count: int | None = 1, method: str = ".*", path: str = ARM) -> Fault:
    """Return a 403: the caller lacks a permission."""
    message = "The client does not have authorization to perform action over scope or the scope is invalid."
    return Fault(Answer(403, "AuthorizationFailed", message), method, path, count)


def unauthorized(*, count: int | None = 1, method: str = ".*", path: str = ARM) -> Fault:
    """Return a 401: the token is rejected."""
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="The access token is invalid."'}
    answer = Answer(401, "InvalidAuthenticationToken", "The access token is invalid.", headers=challenge)
    return Fault(answer, method, path, count)


def busy(*, retry_after: int = 11, count: int | None = 1, method: str = "PUT|DELETE", path: str = ARM) -> Fault:
    """Return a 429 of the network provider: another operation is updating the resource (recorded)."""
    message = f"An operation is updating the resource. The call can be retried in {retry_after} seconds."
    details = [{"code": "RetryableErrorDueToAnotherOperation", "message": message}]
    answer = Answer(429, "RetryableError", "A retryable error occurred.", retry_after, cause="service", details=details)
    return Fault(answer, method, path, count)


def scope_locked(scope: str, *, count: int | None = None, method: str = "PUT|DELETE", path: str = ARM) -> Fault:
    """Return a 409: a lock on the scope forbids writes."""
    message = (
        f"The scope '{scope}' cannot perform write operation because following scope(s) are locked: '{scope}'. "
        "Please remove the lock and try again."
    )
    return Fault(Answer(409, "ScopeLocked", message), method, path, count)


def broken_listing(*, after_page: int = 1, status: int = 0, count: int | None = None, path: str = LISTING) -> Fault:
    """Return a fault that ends NSG listings after a page: with a status, or (0) with a dropped connection."""
    effect = FailListing(after_page, status) if status else DropListing(after_page)
    return Fault(effect, "GET", path, count)


def _page(request: ArmRequest) -> int:
    token = paging.token_of(request.query)
    return paging.read_token(token).page if token else 0


def _checked(fault: Fault) -> None:
    for name, pattern in (("method", fault.method), ("path", fault.path)):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{name}: not a valid regular expression: {error}") from error
    if fault.count is not None and fault.count < 1:
        raise ValueError("count: must be at least 1, or null for all requests")
