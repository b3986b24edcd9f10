"""The base of this project's plugins, which receive the whole message and send JSON through the egress guard."""

from collections.abc import Mapping
from typing import Any

import requests as errors

from nsg_baseline.alerts.egress_guard import request
from nsg_baseline.alerts.message import AlertMessage

SECONDS = (4.0, 10.0)
"""Timeouts for the connection, and between two bytes of a response, in seconds."""


class ApiPlugin:
    """A plugin that receives the message before Apprise calls it."""

    message: AlertMessage

    def prepare(self, message: AlertMessage) -> None:
        """Set the message that is sent next."""
        self.message = message


class RefusedError(Exception):
    """A service refused a request. The text contains no part of the response, which may contain secrets."""


def call(method: str, url: str, *, json: Any = None, headers: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Make a request and return its JSON response; None if it is empty.

    Raises:
        RefusedError: the service is unavailable, or its response is not JSON with a 2xx status.
    """
    all_headers = {"Accept": "application/json", "User-Agent": "nsg-baseline-operator", **(headers or {})}
    try:
        answer = request(method, url, json=json, headers=all_headers, timeout=SECONDS, **options)
        if not answer.ok or answer.is_redirect:
            raise RefusedError(str(answer.status_code))
        return answer.json() if answer.content else None
    except (errors.RequestException, ValueError) as error:
        raise RefusedError(type(error).__name__) from None
