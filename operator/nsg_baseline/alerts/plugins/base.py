"""What the project's own plugins share: they are handed the message, and talk JSON through the guarded `requests`."""

from collections.abc import Mapping
from typing import Any

import requests as errors

from nsg_baseline.alerts.egress_guard import request
from nsg_baseline.alerts.message import AlertMessage

SECONDS = (4.0, 10.0)
"""To connect, and between two bytes of an answer."""


class ApiPlugin:
    """A plugin that is handed a message before it is told to send."""

    message: AlertMessage

    def prepare(self, message: AlertMessage) -> None:
        """Take what is to be told next."""
        self.message = message


class RefusedError(Exception):
    """A service did not take a request. It says nothing of the service: what it answers may hold secrets."""


def call(method: str, url: str, *, json: Any = None, headers: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Make a request and return the JSON of its answer, None for an empty one.

    Raises:
        RefusedError: the service is away, or answers other than 2xx or with something else than JSON.
    """
    told = {"Accept": "application/json", "User-Agent": "nsg-baseline-operator", **(headers or {})}
    try:
        answer = request(method, url, json=json, headers=told, timeout=SECONDS, **options)
        if not answer.ok or answer.is_redirect:
            raise RefusedError(str(answer.status_code))
        return answer.json() if answer.content else None
    except (errors.RequestException, ValueError) as error:
        raise RefusedError(type(error).__name__) from None
