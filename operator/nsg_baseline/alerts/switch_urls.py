"""Reads the URLs of dead man's switches from a Secret. Pure."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from nsg_baseline.alerts.urls import ChannelURL, InvalidChannelError

MAX_URLS = 5
MAX_LENGTH = 2048
SCHEMES = ("https", "http", "alertmanagers", "alertmanager")


def parse_switches(text: str) -> tuple[list[ChannelURL], list[InvalidChannelError]]:
    """Parse a value of a Secret: URLs, one per line. Blank lines and comments (#) are skipped."""
    urls: list[ChannelURL] = []
    errors: list[InvalidChannelError] = []
    for number, line in enumerate((line.strip() for line in text.splitlines()), start=1):
        if not line or line.startswith("#"):
            continue
        if len(urls) + len(errors) == MAX_URLS:
            errors.append(InvalidChannelError(number, f"exceeds the limit of {MAX_URLS} URLs"))
            break
        problem = next(_problems(line), "")
        if problem:
            errors.append(InvalidChannelError(number, problem))
        else:
            urls.append(ChannelURL(number, line.partition("://")[0].lower(), line))
    return urls, errors


def _problems(url: str) -> Iterator[str]:
    """Yield what is wrong with a URL, without any part of it."""
    if len(url) > MAX_LENGTH:
        yield f"has more than {MAX_LENGTH} characters"
    if url.partition("://")[0].lower() not in SCHEMES:
        yield f"must start with {', '.join(f'{scheme}://' for scheme in SCHEMES)}"
    if any(character.isspace() or not character.isprintable() for character in url):
        yield "contains a space or an invisible character"
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host:
        yield "has no valid host and port"
