"""Channels: Apprise URLs from a Secret. No error, log or status contains any part of a URL."""

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
# Plugins block. A service that never completes its response occupies one of these threads, not a shared one.
_THREADS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="channel")


MAX_LINES = 100
MAX_BYTES = 64 * 1024
"""Limits of one Secret key. A delivery records at most 100 channels, and each line loads a plugin."""


@dataclass(frozen=True, slots=True)
class InvalidChannelError(Exception):
    """A line of a Secret is not a supported channel URL."""

    line: int
    problem: str

    def __post_init__(self) -> None:
        Exception.__init__(self, f"line {self.line}: {self.problem}")


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of sending a message: whether it was delivered, and otherwise the reason as text.

    `retry_after` is the pause that the service requests. `egress_denied` means that the address belongs to the pod or
    to the cloud's metadata service.
    """

    delivered: bool
    retry_after: timedelta | None = None
    reason: str = ""
    egress_denied: bool = False


class Channel:
    """One destination. A threaded channel has alerts or tickets, which are opened and closed."""

    def __init__(self, line: int, scheme: str, url: str, *, allow_local: bool) -> None:
        self.line = line
        self.scheme = scheme
        # Identifies the channel in a status without revealing the URL: 32 bits of a hash.
        self.id = hashlib.blake2b(url.encode(), digest_size=4, person=b"nsgb channel").hexdigest()
        self.is_threaded = scheme in THREADED
        self._url = url
        self._local = allow_local

    async def send(self, message: AlertMessage) -> SendResult:
        """Send a message. Failures are results, because an exception could contain the URL."""
        call = Call(self._local)
        context = contextvars.copy_context()
        work = asyncio.get_running_loop().run_in_executor(_THREADS, context.run, self._send, message, call)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                delivered = await work
        except TimeoutError:
            return SendResult(delivered=False, reason=f"no response within {SEND_SECONDS} s")
        if call.refused:
            reason = "its address belongs to the pod or to the cloud's metadata service"
            return SendResult(delivered=False, reason=reason, egress_denied=True)
        return SendResult(delivered, call.retry_after, "" if delivered else "refused or unavailable")

    def _send(self, message: AlertMessage, call: Call) -> bool:
        # A plugin instance per message, because it stores the message, and its rate limit must not add to the backoff.
        target = service(self.scheme, self._url)
        if target is None:
            return False
        text = format_for(self.scheme)(message)
        if isinstance(target, ApiPlugin):
            target.prepare(message)
        _extend(target, self.scheme, message)
        try:
            with calling(call):
                sent = target.notify(
                    body=text.body, title=text.title, notify_type=_LEVELS[message.level], body_format=text.format
                )
        except Exception:  # noqa: BLE001 - a plugin's error may contain its URL
            return False
        return bool(sent)


def _extend(target: NotifyBase, scheme: str, message: AlertMessage) -> None:
    """Add the machine-readable form to JSON, and disable Apprise's images and footers."""
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
        allow_local: Allow channels to connect to loopback and link-local addresses.

    Returns:
        The channels, and an error for each line that is not a supported URL: one typo must not disable the others.
    """
    channels: list[Channel] = []
    errors: list[InvalidChannelError] = []
    size = 0
    for number, line in enumerate((line.strip() for line in text.splitlines()), start=1):
        size += len(line.encode()) + 1
        if size > MAX_BYTES:
            errors.append(InvalidChannelError(number, f"exceeds the limit of {MAX_BYTES} bytes per Secret key"))
            break
        if line and not line.startswith("#"):
            if len(channels) + len(errors) == MAX_LINES:
                errors.append(InvalidChannelError(number, f"exceeds the limit of {MAX_LINES} channels per route"))
                break
            try:
                channels.append(_channel(number, line, allow_local=allow_local))
            except InvalidChannelError as error:
                errors.append(error)
    return channels, errors


def _channel(number: int, url: str, *, allow_local: bool) -> Channel:
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise InvalidChannelError(number, "is not a URL; write one Apprise URL on each line")
    if scheme.lower() not in SCHEMES:
        raise InvalidChannelError(number, f"is not one of the supported schemes {', '.join(sorted(SCHEMES))}")
    if service(scheme.lower(), url) is None:
        raise InvalidChannelError(number, f"Apprise does not accept this {scheme.lower()} URL; see its documentation")
    return Channel(number, scheme.lower(), url, allow_local=allow_local)


def disable_url_logging() -> None:
    """Disable logs that contain keys: those of Apprise, and those of urllib3, with the path of each request."""
    apprise.logger.disabled = True
    for name in ("urllib3", "urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
