"""Channels: Apprise URLs out of a Secret. What is said of them never holds any part of a URL."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import apprise
from apprise import Apprise, NotifyFormat, NotifyType

from nsg_baseline.alerts.messages import Message
from nsg_baseline.alerts.services import SCHEMES, service

SEND_SECONDS = 60
_LEVELS = {"failure": NotifyType.FAILURE, "warning": NotifyType.WARNING, "success": NotifyType.SUCCESS}


@dataclass(frozen=True, slots=True)
class BadChannelError(Exception):
    """A line of a Secret is no channel."""

    line: int
    problem: str

    def __post_init__(self) -> None:
        Exception.__init__(self, f"line {self.line}: {self.problem}")


class Channel:
    """One place where messages go."""

    def __init__(self, line: int, sender: Apprise) -> None:
        self.line = line
        self._sender = sender

    async def send(self, message: Message) -> bool:
        """Send a message and say whether it got through. Never raises what might hold a URL."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                result = await self._sender.async_notify(
                    body=message.body,
                    title=message.title,
                    notify_type=_LEVELS[message.level],
                    body_format=NotifyFormat.TEXT,
                )
        except (TimeoutError, OSError, TypeError, ValueError):
            return False
        return bool(result)


def parse_channels(text: str) -> list[Channel]:
    """Read URLs, one a line; blank lines and lines with # are passed over.

    Raises:
        BadChannelError: a line is no URL of a channel that may be used.
    """
    lines = enumerate((line.strip() for line in text.splitlines()), start=1)
    return [_channel(number, line) for number, line in lines if line and not line.startswith("#")]


def _channel(number: int, url: str) -> Channel:
    scheme, found, _ = url.partition("://")
    if not found:
        raise BadChannelError(number, "is not a URL; write one Apprise URL a line")
    if scheme.lower() not in SCHEMES:
        raise BadChannelError(number, f"is none of the channels {', '.join(sorted(SCHEMES))}")
    target = service(scheme.lower(), url)
    if target is None:
        raise BadChannelError(number, f"Apprise does not accept this {scheme.lower()} URL; see its documentation")
    sender = Apprise()
    sender.add(target)
    return Channel(number, sender)


def quiet(loggers: Sequence[str] = ("apprise",)) -> None:
    """Stop Apprise's own log: some of its lines hold keys."""
    for name in loggers:
        apprise.logger.getChild(name).disabled = True
    apprise.logger.disabled = True
