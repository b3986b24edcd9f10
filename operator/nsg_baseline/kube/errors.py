"""Errors of the Kubernetes API as one exception with a reason."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from kubernetes.aio.client.exceptions import ApiException


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


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate the client's exceptions into KubeError.

    Raises:
        KubeError: the call failed.
    """
    try:
        yield
    except ApiException as error:
        reason, message = _answer(error)
        raise KubeError(reason, message, error.status or 0) from error
    except TimeoutError as error:
        raise KubeError("Timeout", "the API server did not respond in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise KubeError("Unreachable", f"{type(error).__name__}: {error}") from error


def _answer(error: ApiException) -> tuple[str, str]:
    """Return the reason and message of a Status object; without one, the HTTP status."""
    try:
        body = json.loads(error.body or "")
        return str(body["reason"] or "Unknown"), str(body["message"])
    except (ValueError, KeyError, TypeError):
        return "Unknown", f"HTTP {error.status} {error.reason}"
