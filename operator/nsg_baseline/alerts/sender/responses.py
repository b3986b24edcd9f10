"""Reads the responses of services, in the functions of requests and smtplib that all plugins use.

Redirects are not followed, the size of a response is limited, and status codes and Retry-After are recorded.
"""

import smtplib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.sessions import SessionRedirectMixin
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

MAX_BYTES = 1 << 20
"""Limit of a response in bytes, after decompression. A larger one is not a response to a message."""
MAX_PAUSE = 24 * 3600.0
_SLOW_DOWN = (requests.codes.too_many_requests, requests.codes.service_unavailable)


@dataclass(slots=True)
class Responses:
    """The last status code of HTTP or SMTP, and the pause that the service requests, in seconds.

    `headers` returns additional headers of a request for its body.
    """

    status: int = 0
    retry_after: float | None = None
    headers: Callable[[bytes], Mapping[str, str]] | None = None

    def listen(self, check_host: Callable[[str], None]) -> None:
        """Replace the functions of requests and smtplib for the rest of this process.

        Args:
            check_host: Called with each host that is reached through a proxy.
        """
        _replace_adapter(self, check_host)
        _replace_smtp(self)
        # The URL of a plugin can enable redirects. They are not followed, regardless of the options.
        SessionRedirectMixin.get_redirect_target = lambda _self, _resp: None  # type: ignore[assignment, method-assign]

    def take(self, response: requests.Response) -> None:
        """Record a response."""
        self.status = response.status_code
        if response.status_code in _SLOW_DOWN:
            self.retry_after = pause(response.headers.get("Retry-After"))


def pause(text: str | None) -> float | None:
    """Parse Retry-After: seconds, or a date. Return seconds, at most a day; None if it is neither."""
    if not text:
        return None
    if text.strip().isdecimal():
        return min(float(text), MAX_PAUSE)
    try:
        seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_PAUSE)


def _replace_adapter(responses: Responses, check_host: Callable[[str], None]) -> None:
    send = HTTPAdapter.send

    def limited(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        if select_proxy(str(request.url), options.get("proxies") or {}):
            check_host((parse_url(str(request.url)).host or "").strip("[]"))
        if responses.headers is not None:
            body = request.body.encode() if isinstance(request.body, str) else request.body
            request.headers.update(responses.headers(body if isinstance(body, bytes) else b""))
        response = send(self, request, *args, **{**options, "stream": True})
        responses.take(response)
        if not options.get("stream"):
            _read(response)
        return response

    HTTPAdapter.send = limited  # type: ignore[method-assign]


def _read(response: requests.Response) -> None:
    try:
        content = response.raw.read(MAX_BYTES, decode_content=True)
    except HTTPError as error:
        raise requests.ConnectionError(type(error).__name__) from None
    # `content` has no setter. It returns these fields.
    response._content = content  # noqa: SLF001
    response._content_consumed = True  # noqa: SLF001
    response.raw.close()


def _replace_smtp(responses: Responses) -> None:
    getreply = smtplib.SMTP.getreply

    def noted(self: smtplib.SMTP) -> tuple[int, bytes]:
        responses.status, text = getreply(self)
        return responses.status, text

    smtplib.SMTP.getreply = noted  # type: ignore[method-assign]
