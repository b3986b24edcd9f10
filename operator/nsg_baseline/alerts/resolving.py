"""Resolves URLs to channels: one for each recipient. The sender describes the URLs, so that no plugin runs here."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from nsg_baseline.alerts import channels as shared
from nsg_baseline.alerts.channels import SEND_SECONDS, Channel, Permissions
from nsg_baseline.alerts.sender.protocol import Describe, Description, Problem
from nsg_baseline.alerts.urls import MAX_LINES, ChannelURL, InvalidChannelError, parse_lines

_PROBLEMS: dict[Problem, str] = {
    "invalid": "is not accepted by Apprise; see the documentation of the service",
    "dropped": "contains an invalid recipient or option, which the service would ignore; correct or remove it",
    "nobody": "names no valid recipient",
    "many": "names too many recipients; write several URLs",
    "elsewhere": "is an https URL with a part that Apprise does not keep; write it in Apprise's own form",
}
_CACHED = 10_000
NO_PERMISSIONS = Permissions()
"""Public addresses only."""


class Descriptions:
    """The descriptions of URLs that were described before. A description depends on the URL alone."""

    def __init__(self) -> None:
        self._cached: OrderedDict[bytes, Description] = OrderedDict()

    async def of(self, urls: Sequence[ChannelURL], permissions: Permissions) -> dict[int, Description]:
        """Return the descriptions by line; none for a URL whose description failed."""
        unknown = [url for url in urls if _digest(url) not in self._cached]
        if unknown:
            await self._ask(unknown, permissions)
        # A URL that ends the process of a child must not leave those after it without a description.
        rest = [url for url in unknown if _digest(url) not in self._cached]
        if len(unknown) > 1:
            for url in rest:
                await self._ask([url], permissions)
        while len(self._cached) > _CACHED:
            self._cached.popitem(last=False)
        return {url.line: self._cached[_digest(url)] for url in urls if _digest(url) in self._cached}

    async def _ask(self, urls: Sequence[ChannelURL], permissions: Permissions) -> None:
        ask = Describe(tuple((url.scheme, url.url) for url in urls), SEND_SECONDS)
        async with shared.SENDER.turn(permissions.namespace, is_operator=permissions.is_operator) as turn:
            for description in await turn.describe(ask):
                self._cached[_digest(urls[description.index])] = description


_DESCRIPTIONS = Descriptions()


async def resolve_channels(
    text: str, permissions: Permissions = NO_PERMISSIONS
) -> tuple[list[Channel], list[InvalidChannelError]]:
    """Return the channels of a Secret's value, and an error for each line that is not a URL of a supported service.

    A URL whose description failed, because of a lack of time or memory, is one channel for all of its recipients: it
    must get its messages.
    """
    urls, errors = parse_lines(text)
    descriptions = await _DESCRIPTIONS.of(urls, permissions)
    channels: list[Channel] = []
    for url in urls:
        description = descriptions.get(url.line, Description(0))
        if description.problem:
            errors.append(InvalidChannelError(url.line, _PROBLEMS[description.problem]))
        elif len(channels) + max(len(description.recipients), 1) > MAX_LINES:
            errors.append(InvalidChannelError(url.line, f"exceeds the limit of {MAX_LINES} channels per route"))
        else:
            channels += _split(url, description.recipients, permissions)
    return channels, sorted(errors, key=lambda error: error.line)


def _split(url: ChannelURL, recipients: Iterable[str], permissions: Permissions) -> list[Channel]:
    return [Channel(url, permissions, recipient) for recipient in tuple(recipients) or ("",)]


async def describe_urls(urls: Sequence[ChannelURL], permissions: Permissions) -> dict[int, Description]:
    """Return the descriptions of URLs by line."""
    return await _DESCRIPTIONS.of(urls, permissions)


def problem_text(problem: Problem) -> str:
    """Return a problem as text; empty if there is none."""
    return _PROBLEMS.get(problem, "")


def _digest(url: ChannelURL) -> bytes:
    return hashlib.blake2b(url.url.encode(), digest_size=32).digest()
