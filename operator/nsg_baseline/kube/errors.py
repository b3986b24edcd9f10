"""Errors of the Kubernetes API as one exception with a reason."""

import asyncio
import json
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import aiohttp
from kubernetes.aio.client.exceptions import ApiException

RESPONSE_SECONDS = 5.0
"""Limit of a write in seconds. An alert waits for a write, and must not wait for an unavailable API server."""
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
T = TypeVar("T")


class KubeError(Exception):
    """A call to the Kubernetes API failed.

    Attributes:
        reason: one word in PascalCase; the API server's reason if it sent one.
        message: the message of the API server, or a description of the failure.
        status: the HTTP status; 0 if there was no response.
    """

    def __init__(self, reason: str, message: str, status: int = 0) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.status = status

    @property
    def is_unavailable(self) -> bool:
        """Whether the API server is unavailable, so that the same call may succeed later."""
        return self.status in (0, _TOO_MANY_REQUESTS) or self.status >= _SERVER_ERROR


async def in_time(request: Awaitable[T]) -> T:
    """Return the response to a request within `RESPONSE_SECONDS`.

    Raises:
        KubeError: the call failed, or there was no response in time; it may have had an effect.
    """
    try:
        async with asyncio.timeout(RESPONSE_SECONDS):
            return await request
    except TimeoutError as error:
        raise KubeError("Timeout", f"the API server did not respond within {RESPONSE_SECONDS:g} s") from error


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate the client's exceptions into KubeError.

    Raises:
        KubeError: the call failed.
    """
    try:
        yield
    except ApiException as error:
        reason, message = _reason_and_message(error)
        raise KubeError(reason, message, error.status or 0) from error
    except TimeoutError as error:
        raise KubeError("Timeout", "the API server did not respond in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise KubeError("Unreachable", f"{type(error).__name__}: {error}") from error


def _reason_and_message(error: ApiException) -> tuple[str, str]:
    """Return the reason and message of a Status object; without one, the HTTP status."""
    try:
        body = json.loads(error.body or "")
        return str(body["reason"] or "Unknown"), str(body["message"])
    except (ValueError, KeyError, TypeError):
        return "Unknown", f"HTTP {error.status} {error.reason}"
