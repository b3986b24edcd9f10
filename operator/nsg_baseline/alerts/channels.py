"""Channels: Apprise URLs from a Secret. No error, log or status contains any part of a URL."""

import atexit
import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from nsg_baseline.alerts.formats import format_for
from nsg_baseline.alerts.message import AlertMessage
from nsg_baseline.alerts.schemes import OWN_FORM, PAGERS, STATEFUL, THREADED
from nsg_baseline.alerts.sender.client import Sender, Turn
from nsg_baseline.alerts.sender.protocol import Answer, Failure, Notice, Poll, Seen, Send
from nsg_baseline.alerts.urls import ChannelURL, InvalidChannelError, parse_lines

SEND_SECONDS = 30
"""The deadline of a send in seconds, enforced by the kernel."""
SENDER = Sender()
"""The sender of this process, shared by all routes."""
atexit.register(SENDER.close)

AlertStates = tuple[Mapping[str, Any], ...]
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
class SendResult:
    """The result of sending a message: whether it was delivered, and otherwise the reason as text.

    `retry_after` is the pause that the service requests. `egress_denied` means that the address belongs to the pod or
    to the cloud's metadata service, `is_stopped` that the operator ends and the message was not sent.
    """

    delivered: bool
    retry_after: timedelta | None = None
    reason: str = ""
    egress_denied: bool = False
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Permissions:
    """The addresses and slots that the channels of a route may use.

    Attributes:
        namespace: The namespace of the route.
        is_operator: Whether it is the namespace of the operator, which has reserved slots.
        local: Whether addresses of the pod and of the cloud's metadata service are allowed.
        private: Whether addresses of private networks are allowed.
        key: The key of the ids of the channels; empty for none.
    """

    namespace: str = ""
    is_operator: bool = False
    local: bool = False
    private: bool = False
    key: bytes = field(default=b"", repr=False)


class Channel:
    """One destination: a URL, or one of its recipients. A threaded channel has alerts or tickets."""

    def __init__(self, url: ChannelURL, permissions: Permissions, recipient: str = "") -> None:
        self.line = url.line
        self.scheme = url.scheme
        self.id = _identity(url.url, recipient, permissions.key)
        self.is_threaded = url.scheme in THREADED
        self.is_pager = url.scheme in PAGERS
        self.is_stateful = url.scheme in STATEFUL
        self._url = url.url
        self._recipient = recipient
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

    async def send_in(self, turn: Turn, message: AlertMessage, alerts: AlertStates = ()) -> SendResult:
        """Send a message with a turn from `turn`. A stateful channel needs the state of its incidents (`alerts`)."""
        return result_of(await turn.send(self._request(message, alerts)))

    async def acknowledgements(self, threads: Sequence[str]) -> tuple[SendResult, list[Seen]]:
        """Ask the pager who acknowledged the alerts with these keys."""
        allowed = self._permissions
        ask = Poll(self.scheme, self._url, tuple(threads), SEND_SECONDS, allowed.local, allowed.private)
        async with SENDER.turn(allowed.namespace, is_operator=allowed.is_operator) as turn:
            answer, seen = await turn.poll(ask)
        return result_of(answer), seen

    def _request(self, message: AlertMessage, alerts: AlertStates) -> Send:
        text = format_for(self.scheme)(message)
        return Send(
            scheme=self.scheme,
            url=self._url,
            title=text.title,
            body=text.body,
            format=text.format,
            level=message.level,
            notice=_notice(message, alerts),
            recipient=self._recipient,
            seconds=SEND_SECONDS,
            local=self._permissions.local,
            private=self._permissions.private,
            fits=self.scheme in OWN_FORM,
        )


def _identity(url: str, recipient: str, key: bytes) -> str:
    """Return an id of a channel for a status, which does not reveal the URL.

    With fewer bits, a tenant could find a URL with the id of another channel, whose messages would then count as
    delivered. Without a key, a reader of the status can verify a guess of a URL that contains no secret.
    """
    identity = f"{url}\n{recipient}" if recipient else url
    secret = hashlib.blake2b(key, digest_size=32).digest() if key else b""
    return hashlib.blake2b(identity.encode(), digest_size=16, key=secret, person=b"nsgb channel").hexdigest()


def _notice(message: AlertMessage, alerts: AlertStates) -> Notice:
    return Notice(
        event=message.event,
        severity=message.severity,
        title=message.title,
        key=message.key,
        thread=message.thread,
        is_first=message.is_first,
        is_acknowledged=message.is_acknowledged,
        is_new_alert=message.is_new_alert,
        link=message.link,
        facts=(*message.news, *message.facts),
        exposure=message.exposure,
        changes=tuple(change.summary for change in message.changes),
        next_steps=tuple(step.line for step in message.next_steps),
        payload=message.payload,
        alerts=alerts,
    )


def result_of(answer: Answer) -> SendResult:
    """Return the result of a send as text."""
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
    """Parse the lines of a Secret to channels, without a check by the plugins: each URL is one channel.

    Args:
        text: A value of a Secret.
        permissions: The permissions of the channels.
        allow_local: Allow loopback and link-local addresses, regardless of the permissions.

    Returns:
        The channels, and an error for each line that is not a URL of a supported scheme.
    """
    if allow_local:
        permissions = replace(permissions, local=True)
    urls, errors = parse_lines(text)
    return [Channel(url, permissions) for url in urls], errors


def disable_url_logging() -> None:
    """Disable logs that contain URLs, of Apprise and its libraries. The processes of the sender have no output."""
    logging.getLogger("apprise").disabled = True
    for name in ("urllib3", "urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
