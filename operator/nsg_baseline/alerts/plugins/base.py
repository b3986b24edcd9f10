"""The base of this project's plugins, which receive the parts of the message and send JSON."""

from collections.abc import Mapping
from typing import Any

import requests

from nsg_baseline.alerts.sender.protocol import Notice

# Ten seconds for the connection. The deadline of the send limits the response: a service that answers late has the
# message already, and would get it again.
_TIMEOUT = (10.0, None)


class ApiPlugin:
    """A plugin that receives the message before Apprise calls it."""

    message: Notice

    def prepare(self, message: Notice) -> None:
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
