"""Channels: Apprise URLs from a Secret. No error, log or status contains any part of a URL."""

import atexit
import hashlib
import logging
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta

import apprise

from nsg_baseline.alerts.apprise_refusals import REASONS, file_options
from nsg_baseline.alerts.formats import format_for
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.providers import OWN_FORM, SCHEMES, THREADED, service
from nsg_baseline.alerts.sender.client import Sender, Turn
from nsg_baseline.alerts.sender.protocol import Answer, Failure, Notice, Send

SEND_SECONDS = 30
"""The deadline of a send in seconds, enforced by the kernel."""
SENDER = Sender()
"""The sender of this process, shared by all routes."""
atexit.register(SENDER.close)

MAX_LINES = 100
MAX_BYTES = 64 * 1024
"""Limits of one Secret key. A delivery records at most 100 channels, and each line loads a plugin."""
_REASONS: dict[Failure, str] = {
    "own": "its address belongs to the pod or to the cloud's metadata service",
    "private": "its address is in a private network, which is allowed only for routes in the operator's namespace",
    "forbidden": "it requires a file, a program or another operation that is not allowed for channels",
    "invalid": "Apprise does not accept this URL; see its documentation",
    "failed": "refused or unavailable",
    "deadline": f"no response within {SEND_SECONDS} s",
    "killed": "the sending process ended, because it used too much memory or CPU time or was killed",
}


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


@dataclass(frozen=True, slots=True)
class Permissions:
    """The addresses and slots that the channels of a route may use.

    Attributes:
        namespace: The namespace of the route.
        is_operator: Whether it is the namespace of the operator, which has reserved slots.
        local: Whether addresses of the pod and of the cloud's metadata service are allowed.
        private: Whether addresses of private networks are allowed.
    """

    namespace: str = ""
    is_operator: bool = False
    local: bool = False
    private: bool = False


class Channel:
    """One destination. A threaded channel has alerts or tickets, which are opened and closed."""

    def __init__(self, line: int, scheme: str, url: str, permissions: Permissions) -> None:
        self.line = line
        self.scheme = scheme
        # Identifies the channel in a status without revealing the URL. With fewer bits, a tenant could find a URL with
        # the identity of another channel, whose messages would then count as delivered.
        self.id = hashlib.blake2b(url.encode(), digest_size=16, person=b"nsgb channel").hexdigest()
        self.is_threaded = scheme in THREADED
        self._url = url
        self._permissions = permissions

    async def send(self, message: AlertMessage) -> SendResult:
        """Send a message. Failures are results, because an exception could contain the URL."""
        async with self.turn(message) as turn:
            return await self.send_in(turn, message)

    def turn(self, message: AlertMessage) -> AbstractAsyncContextManager[Turn]:
        """Wait until the namespace of the route may send a message."""
        is_urgent = message.severity == "critical" and message.event != "Resolved"
        permissions = self._permissions
        return SENDER.turn(permissions.namespace, is_operator=permissions.is_operator, urgent=is_urgent)

    async def send_in(self, turn: Turn, message: AlertMessage) -> SendResult:
        """Send a message with a turn from `turn`."""
        return _result(await turn.send(self._request(message)))

    def _request(self, message: AlertMessage) -> Send:
        text = format_for(self.scheme)(message)
        return Send(
            scheme=self.scheme,
            url=self._url,
            title=text.title,
            body=text.body,
            format=text.format,
            level=message.level,
            notice=_notice(message),
            seconds=SEND_SECONDS,
            local=self._permissions.local,
            private=self._permissions.private,
            fits=self.scheme in OWN_FORM,
        )


def _notice(message: AlertMessage) -> Notice:
    return Notice(
        event=message.event,
        severity=message.severity,
        title=message.title,
        key=message.key,
        thread=message.thread,
        is_first=message.is_first,
        link=message.link,
        facts=message.facts,
        exposure=message.exposure,
        changes=tuple(change.summary for change in message.changes),
        next_steps=tuple(step.line for step in message.next_steps),
        payload=message.payload,
    )


def _result(answer: Answer) -> SendResult:
    if not answer.failure:
        return SendResult(delivered=True)
    status = f", status {answer.status}" if answer.failure == "failed" and answer.status else ""
    return SendResult(
        delivered=False,
        retry_after=timedelta(seconds=answer.retry_after) if answer.retry_after is not None else None,
        reason=_REASONS[answer.failure] + status,
        egress_denied=answer.failure == "own",
    )


def parse_channels(
    text: str, permissions: Permissions = Permissions(), *, allow_local: bool = False
) -> tuple[list[Channel], list[InvalidChannelError]]:
    """Parse Apprise URLs, one per line, skipping blank lines and comments (#).

    Args:
        text: A value of a Secret.
        permissions: The permissions of the channels.
        allow_local: Allow loopback and link-local addresses, regardless of the permissions.

    Returns:
        The channels, and an error for each line that is not a supported URL: one typo must not disable the others.
    """
    if allow_local:
        permissions = replace(permissions, local=True)
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
                channels.append(_channel(number, line, permissions))
            except InvalidChannelError as error:
                errors.append(error)
    return channels, errors


def _channel(number: int, url: str, permissions: Permissions) -> Channel:
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise InvalidChannelError(number, "is not a URL; write one Apprise URL on each line")
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        reason = REASONS.get(scheme, "docs/alerts.md lists them")
        raise InvalidChannelError(number, f"is not one of the supported schemes: {reason}")
    options = file_options(url)
    if options:
        raise InvalidChannelError(number, f"uses {', '.join(options)}; options that read files or URLs are refused")
    # The plugins of other schemes are loaded in the child only. A message reports what they do not accept.
    if scheme in OWN_FORM and service(scheme, url) is None:
        raise InvalidChannelError(number, f"Apprise does not accept this {scheme} URL; see its documentation")
    return Channel(number, scheme, url, permissions)


def disable_url_logging() -> None:
    """Disable Apprise's logs in this process, because they contain keys. The processes of the sender have no output."""
    apprise.logger.disabled = True
    for name in ("urllib3", "urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
