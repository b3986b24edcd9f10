"""Channels: Apprise URLs out of a Secret. What is said of them never holds any part of a URL."""

import asyncio
import contextvars
import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import apprise
from apprise import NotifyBase, NotifyType

from nsg_baseline.alerts.egress_guard import Call, calling
from nsg_baseline.alerts.formats import format_for
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.plugins.base import ApiPlugin
from nsg_baseline.alerts.providers import SCHEMES, THREADED, service

SEND_SECONDS = 30
_LEVELS = {"failure": NotifyType.FAILURE, "warning": NotifyType.WARNING, "success": NotifyType.SUCCESS}
# Plugins block. A service that never ends its answer keeps one of these threads, not one of the process's own.
_THREADS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="channel")


@dataclass(frozen=True, slots=True)
class InvalidChannelError(Exception):
    """A line of a Secret is no channel."""

    line: int
    problem: str

    def __post_init__(self) -> None:
        Exception.__init__(self, f"line {self.line}: {self.problem}")


@dataclass(frozen=True, slots=True)
class SendResult:
    """Whether a message got through. `retry_after` is the pause that the service asked for, `why` a word for people.

    `egress_denied` says that it would have gone to the pod itself, or to the cloud's metadata service.
    """

    delivered: bool
    retry_after: timedelta | None = None
    reason: str = ""
    egress_denied: bool = False


class Channel:
    """One place where messages go. One that keeps threads has alerts or tickets, which are opened and closed."""

    def __init__(self, line: int, scheme: str, url: str, *, allow_local: bool) -> None:
        self.line = line
        self.scheme = scheme
        # Tells channels apart in a status, and tells nothing else: 32 bits of a hash.
        self.id = hashlib.blake2b(url.encode(), digest_size=4, person=b"nsgb channel").hexdigest()
        self.is_threaded = scheme in THREADED
        self._url = url
        self._local = allow_local

    async def send(self, message: AlertMessage) -> SendResult:
        """Send a message. Never raises what might hold a URL."""
        call = Call(self._local)
        context = contextvars.copy_context()
        work = asyncio.get_running_loop().run_in_executor(_THREADS, context.run, self._send, message, call)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                delivered = await work
        except TimeoutError:
            return SendResult(delivered=False, reason="no answer in time")
        if call.refused:
            reason = "its address is the pod's own or the cloud's metadata service"
            return SendResult(delivered=False, reason=reason, egress_denied=True)
        return SendResult(delivered, call.retry_after, "" if delivered else "refused or away")

    def _send(self, message: AlertMessage, call: Call) -> bool:
        # One for each message: what a plugin is handed belongs to the message, and its own pauses between two are ours.
        target = service(self.scheme, self._url)
        if target is None:
            return False
        form = format_for(self.scheme)(message)
        if isinstance(target, ApiPlugin):
            target.prepare(message)
        _extend(target, self.scheme, message)
        try:
            with calling(call):
                sent = target.notify(
                    body=form.body, title=form.title, notify_type=_LEVELS[message.level], body_format=form.format
                )
        except Exception:  # noqa: BLE001 - a plugin's error may hold its URL, and is of no use to anybody here
            return False
        return bool(sent)


def _extend(target: NotifyBase, scheme: str, message: AlertMessage) -> None:
    """Put the message for machines beside the text where there is room for it; leave out Apprise's own pictures."""
    for decoration in ("include_image", "include_footer", "include_timestamp"):
        if hasattr(target, decoration):
            setattr(target, decoration, False)
    if scheme in ("json", "jsons"):
        extras = getattr(target, "payload_extras", {})
        for name, value in (("key", message.key), ("thread", message.thread), ("alert", dict(message.payload))):
            extras.setdefault(name, value)


def parse_channels(text: str, *, allow_local: bool = False) -> tuple[list[Channel], list[InvalidChannelError]]:
    """Parse Apprise URLs, one per line, skipping blank lines and comments (#).

    Args:
        text: A value of a Secret.
        allow_local: Let channels reach this machine's own addresses.

    Returns:
        The channels, and an error for each line that is not a supported URL: one typo must not disable the others.
    """
    found: list[Channel] = []
    bad: list[InvalidChannelError] = []
    for number, line in enumerate((line.strip() for line in text.splitlines()), start=1):
        if line and not line.startswith("#"):
            try:
                found.append(_channel(number, line, allow_local=allow_local))
            except InvalidChannelError as error:
                bad.append(error)
    return found, bad


def _channel(number: int, url: str, *, allow_local: bool) -> Channel:
    scheme, found, _ = url.partition("://")
    if not found:
        raise InvalidChannelError(number, "is not a URL; write one Apprise URL a line")
    if scheme.lower() not in SCHEMES:
        raise InvalidChannelError(number, f"is none of the channels {', '.join(sorted(SCHEMES))}")
    if service(scheme.lower(), url) is None:
        raise InvalidChannelError(number, f"Apprise does not accept this {scheme.lower()} URL; see its documentation")
    return Channel(number, scheme.lower(), url, allow_local=allow_local)


def disable_url_logging() -> None:
    """Stop logs that hold keys: those of Apprise, and of the library below it, which tells each request's path."""
    apprise.logger.disabled = True
    for name in ("urllib3", "urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
