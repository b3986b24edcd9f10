"""The base of this project's plugins, which receive the parts of the message and send JSON."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from nsg_baseline.alerts.sender.protocol import Notice

# Ten seconds for the connection. The deadline of the send limits the response: a service that answers late has the
# message already, and would get it again.
_TIMEOUT = (10.0, None)


NAME_LENGTH, TIME_LENGTH = 256, 64
"""The longest name and time that are taken from a service."""


class ApiPlugin:
    """A plugin that receives the message before Apprise calls it."""

    message: Notice

    def prepare(self, message: Notice) -> None:
        """Set the message that is sent next."""
        self.message = message


@dataclass(frozen=True, slots=True)
class PersonAndTime:
    """Who acknowledged an alert, and when, as the service says: untrusted text."""

    by: str
    at: str


class Pager(ABC):
    """A plugin of a service whose alerts people acknowledge."""

    @abstractmethod
    def acknowledgement(self, thread: str) -> PersonAndTime | None:
        """Return who acknowledged the open alert with this key; None if nobody did, or if the answer is unclear.

        Raises:
            RefusedError: The service refused the request.
        """


class RefusedError(Exception):
    """A service refused a request. The text contains no part of the response, which may contain secrets."""


def entries(answer: object, name: str) -> list[dict[str, Any]]:
    """Return the objects in a list of a response; whatever has another type is left out."""
    listed = answer.get(name) if isinstance(answer, dict) else None
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def call(method: str, url: str, *, json: Any = None, headers: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Make a request and return its JSON response; None if it is empty.

    Raises:
        RefusedError: the service is unavailable, or its response is not JSON with a 2xx status.
    """
    all_headers = {"Accept": "application/json", "User-Agent": "nsg-baseline-operator", **(headers or {})}
    try:
        answer = requests.request(
            method,
            url,
            json=json,
            headers=all_headers,
            timeout=_TIMEOUT,
            allow_redirects=False,
            **options,
        )
        if not answer.ok or answer.is_redirect:
            raise RefusedError(str(answer.status_code))
        return answer.json() if answer.content else None
    except (requests.RequestException, ValueError) as error:
        raise RefusedError(type(error).__name__) from None
