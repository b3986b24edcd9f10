"""Describes URLs without a request: whether the service accepts them, and their recipients."""

import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from apprise import NotifyBase, NotifyFormat
from apprise.common import OverflowMode
from requests.adapters import HTTPAdapter
from typing_extensions import override

from nsg_baseline.alerts.native_urls import SAME_MEANING
from nsg_baseline.alerts.providers import service
from nsg_baseline.alerts.recipients import lacks_recipients, recipients
from nsg_baseline.alerts.sender.guard import Guard
from nsg_baseline.alerts.sender.protocol import Describe, Description, Problem

MAX_RECIPIENTS = 50
_IGNORED = re.compile(r"\b(dropp(ed|ing)|ignor(ed|ing)|invalid)\b", re.IGNORECASE)
# Part of the authentication, which a plugin may send in a header.
_SECRETS = frozenset({"token"})
_ALIASES = {"discordapp.com": "discord.com"}


def describe(request: Describe) -> Iterator[Description]:
    """Yield a description of each URL. Nothing is requested: the guard and the adapter refuse every connection."""
    Guard(local=False, private=False).install()
    asked = _record_requests()
    ignored = _record_warnings()
    for index, (scheme, url) in enumerate(request.urls):
        ignored.clear()
        try:
            target = service(scheme, url)
        except (MemoryError, OSError):
            # A lack of resources says nothing about the URL, and its description would be remembered.
            raise
        except Exception:  # noqa: BLE001 - a plugin's error may contain its URL
            target = None
        if target is None:
            yield Description(index, "invalid")
            continue
        ids = recipients(target, scheme)
        problem = _problem(target, scheme, is_dropped=bool(ignored), count=len(ids))
        if not problem and url.lower().startswith("https://"):
            problem = _native_problem(target, scheme, url, asked)
        name = str(target.service_name)[:60]
        yield Description(index, problem, name, () if problem else ids)


def _problem(target: NotifyBase, scheme: str, *, is_dropped: bool, count: int) -> Problem:
    if is_dropped:
        return "dropped"
    if lacks_recipients(target, scheme):
        return "nobody"
    return "many" if count > MAX_RECIPIENTS else ""


def _native_problem(target: NotifyBase, scheme: str, url: str, asked: list[str]) -> Problem:
    """Return `elsewhere` unless the plugin requests the very URL that the service printed."""
    if scheme in SAME_MEANING:
        return ""
    asked.clear()
    target.request_rate_per_sec = 0
    try:
        target.notify(body="x", title="x", body_format=NotifyFormat.TEXT, overflow=OverflowMode.TRUNCATE)
    except Exception:  # noqa: BLE001 - a plugin's error may contain its URL
        return "invalid"
    return "" if asked and _is_same(asked[0], url) else "elsewhere"


def _is_same(requested: str, printed: str) -> bool:
    first, second = urlsplit(requested), urlsplit(printed)
    places = [
        (_ALIASES.get(str(part.hostname), part.hostname), part.port or 443, part.path.rstrip("/"))
        for part in (first, second)
    ]
    lost = {name for name, _ in set(parse_qsl(second.query)) - set(parse_qsl(first.query))}
    return places[0] == places[1] and lost <= _SECRETS


def _record_requests() -> list[str]:
    asked: list[str] = []

    def refuse(_self: HTTPAdapter, request: requests.PreparedRequest, *_: Any, **_options: Any) -> requests.Response:
        asked.append(str(request.url))
        raise requests.ConnectionError

    HTTPAdapter.send = refuse  # type: ignore[assignment, method-assign]
    return asked


def _record_warnings() -> list[bool]:
    """Return a list with an entry for each part of a URL that a plugin ignores. It says so in its log only."""
    ignored: list[bool] = []

    class Warnings(logging.Handler):
        @override
        def emit(self, record: logging.LogRecord) -> None:
            if _IGNORED.search(str(record.msg)):
                ignored.append(True)

    logger = logging.getLogger("apprise")
    logger.disabled, logger.propagate = False, False
    logger.handlers = [Warnings()]
    logger.setLevel(logging.WARNING)
    return ignored
