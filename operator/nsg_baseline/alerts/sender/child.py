"""Handles one request in a separate process. The kernel enforces its deadline and its limits."""

import ctypes
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit
from urllib.request import getproxies

import requests
from apprise import NotifyBase, NotifyFormat, NotifyType
from apprise.common import OverflowMode

from nsg_baseline.alerts.plugins.base import NAME_LENGTH, TIME_LENGTH, ApiPlugin, Pager
from nsg_baseline.alerts.providers import service
from nsg_baseline.alerts.recipients import keep_only
from nsg_baseline.alerts.schemes import LENGTHS, SIGNED
from nsg_baseline.alerts.sender.description import describe
from nsg_baseline.alerts.sender.guard import Guard
from nsg_baseline.alerts.sender.plain_form import plain_form
from nsg_baseline.alerts.sender.protocol import (
    Answer,
    Call,
    Describe,
    Description,
    Failure,
    Numbered,
    Poll,
    Render,
    Rendered,
    Request,
    Seen,
    Send,
    encode,
)
from nsg_baseline.alerts.sender.responses import Responses
from nsg_baseline.alerts.sender.signature import message_id, signed_headers
from nsg_baseline.alerts.urls import options
from nsg_baseline.core.text.phrasing import cut

MEMORY_BYTES = 128 << 20
"""Memory that a send may use in addition to the memory of the sender. A send over TLS needs 12 MiB."""
CPU_SECONDS = 20
"""Limit of CPU time in seconds, below the deadline, so that decompression and parsing cannot occupy a CPU for long."""
RENDER_MEMORY_BYTES = 32 << 20
"""Memory that a template may use in addition to the memory of the sender. Jinja itself needs 3 MiB."""
RENDER_CPU_SECONDS = 1
_CONNECT_SECONDS = 10.0
# Operations of prctl, from linux/prctl.h.
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_prctl = ctypes.CDLL(None).prctl
_SUCCESS = 2
_PORTS = {"http": 80, "https": 443}


def run(request: Request, answers: int, sender: int) -> NoReturn:
    """Write the answer to a request to a descriptor, and end this process. `sender` is the id of the parent."""
    code = 1
    try:
        _limit(request.ask, sender)
        if isinstance(request.ask, Describe | Render):
            for part in _parts(request.ask):
                os.write(answers, encode(Numbered(request.number, part)))
            answer = Answer()
        elif isinstance(request.ask, Poll):
            answer = poll(request.ask, lambda seen: os.write(answers, encode(Numbered(request.number, seen))))
        else:
            answer = call(request.ask) if isinstance(request.ask, Call) else send(request.ask)
        os.write(answers, encode(Numbered(request.number, answer)))
        code = 0
    except BaseException:  # noqa: BLE001, S110 - the text may contain the URL; the sender reports that this process failed
        pass
    finally:
        os._exit(code)


def _parts(request: Describe | Render) -> Iterator[Description | Rendered]:
    if isinstance(request, Describe):
        return describe(request)
    # Jinja is imported in this process only, because few routes have templates.
    from nsg_baseline.alerts.sender.rendering import render  # noqa: PLC0415

    return render(request)


def _limit(request: Send | Describe | Call | Poll | Render, sender: int) -> None:
    is_render = isinstance(request, Render)
    cpu_seconds = RENDER_CPU_SECONDS if is_render else CPU_SECONDS
    # Without a handler, the kernel ends the process at the signal, and no library can delay it.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, request.seconds)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != sender:
        raise ProcessLookupError("the sender ended before the limit was set")
    gc.disable()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    size = pages * resource.getpagesize() + (RENDER_MEMORY_BYTES if is_render else MEMORY_BYTES)
    for limit, value in (
        (resource.RLIMIT_AS, size),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    sys.dont_write_bytecode = True


def call(request: Call) -> Answer:
    """Request a URL under the guard. Redirects are not followed."""
    guard, responses = _guarded(request)
    headers = {"User-Agent": "nsg-baseline-operator"}
    try:
        requests.get(request.url, headers=headers, timeout=(_CONNECT_SECONDS, request.seconds), allow_redirects=False)
    except (requests.RequestException, OSError, ValueError):
        return Answer(_failure(guard), responses.status)
    return Answer("" if responses.status // 100 == _SUCCESS else "failed", responses.status, responses.retry_after)


def poll(request: Poll, report: Callable[[Seen], object]) -> Answer:
    """Report which alerts are acknowledged, under the guard. The first refusal ends it."""
    guard, responses = _guarded(request)
    target = service(request.scheme, request.url)
    if not isinstance(target, Pager):
        return Answer("invalid")
    try:
        for index, thread in enumerate(request.threads):
            acknowledged = target.acknowledgement(thread)
            if acknowledged is not None:
                # JSON may contain half a surrogate pair, which no encoding accepts.
                name = acknowledged.by.encode(errors="backslashreplace").decode()
                report(Seen(index, cut(name, NAME_LENGTH), acknowledged.at[:TIME_LENGTH]))
    except Exception:  # noqa: BLE001 - a plugin's error may contain its URL
        return Answer(_failure(guard), responses.status, responses.retry_after)
    return Answer("", responses.status)


def _guarded(request: Send | Call | Poll) -> tuple[Guard, Responses]:
    responses = Responses()
    guard = Guard(local=request.local, private=request.private, proxies=_proxies())
    responses.listen(guard.check_host)
    guard.install()
    return guard, responses


def send(request: Send) -> Answer:
    """Send one message under the guard."""
    guard, responses = _guarded(request)
    target = service(request.scheme, request.url)
    if target is None or (request.recipient and not keep_only(target, request.scheme, request.recipient)):
        return Answer("invalid")
    _prepare(target, request)
    if request.scheme in SIGNED:
        responses.headers = partial(_signature, request)
    try:
        delivered = _notify(target, request)
    except Exception:  # noqa: BLE001 - a plugin's error may contain its URL
        delivered = False
    failure = "" if delivered else _failure(guard)
    return Answer(failure, responses.status, responses.retry_after)


def _notify(target: NotifyBase, request: Send) -> bool:
    level = NotifyType(request.level)
    if request.fits:
        form = NotifyFormat(request.format)
        return bool(target.notify(body=request.body, title=request.title, notify_type=level, body_format=form))
    text = plain_form(target, request.title, request.body)
    # The text is within the limits. Where a plugin adds to it, the rest is cut instead of sent as more messages.
    return bool(
        target.notify(
            body=text.body,
            title=text.title,
            notify_type=level,
            body_format=NotifyFormat(text.format),
            overflow=OverflowMode.TRUNCATE,
        )
    )


def _failure(guard: Guard) -> Failure:
    return next((reason for reason in ("own", "private", "forbidden") if reason in guard.refusals), "failed")


def _prepare(target: NotifyBase, request: Send) -> None:
    """Override options that a URL must not set, and add the machine-readable form to JSON."""
    target.redirects = False
    if request.scheme in LENGTHS:
        # Some services have a length that cannot be set.
        target.body_maxlen = LENGTHS[request.scheme]
    # A receiver that answers late has the message already. Only the deadline of the whole send ends it.
    target.socket_connect_timeout, target.socket_read_timeout = _CONNECT_SECONDS, request.seconds
    target.verify_certificate = True
    # A pause of a plugin before a request would use up the deadline. The dispatcher has a backoff.
    target.request_rate_per_sec = 0
    for decoration in ("include_image", "include_footer", "include_timestamp"):
        if hasattr(target, decoration):
            setattr(target, decoration, False)
    if isinstance(target, ApiPlugin):
        target.prepare(request.notice)
    if request.scheme in ("json", "jsons"):
        extras = getattr(target, "payload_extras", {})
        notice = request.notice
        for name, value in (("key", notice.key), ("thread", notice.thread), ("alert", notice.payload)):
            extras.setdefault(name, value)


def _signature(request: Send, body: bytes) -> dict[str, str]:
    secret = dict(options(request.url)).get("hmac", "")
    id_ = message_id(request.notice.thread, request.notice.key)
    return signed_headers(secret, id_, body, datetime.now(UTC))


def _proxies() -> set[tuple[str, int]]:
    """Return the addresses and ports of the proxies in the environment."""
    places = set()
    for scheme, url in getproxies().items():
        proxy = urlsplit(url if "://" in url else f"http://{url}")
        if scheme != "no" and proxy.hostname:
            port = proxy.port or _PORTS.get(proxy.scheme, 1080)
            places |= {(str(entry[4][0]), port) for entry in _addresses(proxy.hostname)}
    return places


def _addresses(host: str) -> list[tuple[object, object, object, object, tuple[object, ...]]]:
    try:
        return list(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except OSError:
        return []
