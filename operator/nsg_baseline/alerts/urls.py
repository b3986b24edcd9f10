"""Reads the lines of a Secret: which are URLs of channels, and what is wrong with the others. Pure; loads no plugin."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

from nsg_baseline.alerts.apprise_refusals import REASONS, file_options
from nsg_baseline.alerts.native_urls import advice, native_scheme
from nsg_baseline.alerts.schemes import SCHEMES

MAX_LINES = 100
MAX_BYTES = 64 * 1024
"""Limits of one Secret key. A delivery records at most 100 channels, and each line loads a plugin."""
_SEPARATED = re.compile(r"[\s,;|]+[A-Za-z0-9+]+://")
_TRUE = frozenset({"yes", "true", "1", "on", "y", "t"})


@dataclass(frozen=True, slots=True)
class InvalidChannelError(Exception):
    """A line of a Secret is not a supported channel URL."""

    line: int
    problem: str

    def __post_init__(self) -> None:
        Exception.__init__(self, f"line {self.line}: {self.problem}")


@dataclass(frozen=True, slots=True)
class ChannelURL:
    """A URL of a supported service. `scheme` names the service; the URL may be an https URL that the service prints."""

    line: int
    scheme: str
    url: str


def parse_lines(text: str) -> tuple[list[ChannelURL], list[InvalidChannelError]]:
    """Parse a value of a Secret: URLs, one per line. Blank lines and comments (#) are skipped.

    Returns:
        The URLs, and an error for each line that is not one: one typo must not disable the others.
    """
    urls: list[ChannelURL] = []
    errors: list[InvalidChannelError] = []
    size = 0
    for number, line in enumerate((line.strip() for line in text.splitlines()), start=1):
        size += len(line.encode()) + 1
        if size > MAX_BYTES:
            errors.append(InvalidChannelError(number, f"exceeds the limit of {MAX_BYTES} bytes per Secret key"))
            break
        if line and not line.startswith("#"):
            if len(urls) + len(errors) == MAX_LINES:
                errors.append(InvalidChannelError(number, f"exceeds the limit of {MAX_LINES} channels per route"))
                break
            problem = next(_problems(line), "")
            if problem:
                errors.append(InvalidChannelError(number, problem))
            else:
                urls.append(ChannelURL(number, _scheme(line), line))
    return urls, errors


def _scheme(url: str) -> str:
    scheme = url.partition("://")[0].lower()
    return native_scheme(url) if scheme == "https" else scheme


def _problems(url: str) -> Iterator[str]:
    """Yield what is wrong with a URL, without any part of it."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        yield "is not a URL; write one Apprise URL on each line"
    scheme = scheme.lower()
    if scheme in ("http", "https") and not native_scheme(url):
        yield advice(url)
    if scheme == "http":
        yield "is an http URL of a service that prints https URLs; write https"
    if scheme != "https" and scheme not in SCHEMES:
        yield f"is not one of the supported schemes: {REASONS.get(scheme, 'docs/services.md lists them')}"
    if _SEPARATED.search(rest):
        yield "contains more than one URL; write one URL on each line"
    if any(character.isspace() or not character.isprintable() for character in url):
        yield "contains a space or an invisible character; write a space as %20"
    if re.split(r"[/?#]", rest, maxsplit=1)[0].count("@") > 1:
        yield "contains more than one @ before the host; write an @ in a user name or password as %40"
    yield from _option_problems(url)


def _option_problems(url: str) -> Iterator[str]:
    files = file_options(url)
    if files:
        yield f"uses {', '.join(files)}; options that read files or URLs are refused"
    for name, value in options(url):
        if name == "verify" and value.lower() not in _TRUE:
            yield "uses verify; certificates are always verified. Add your CA to the operator's CA bundle"
        if name in ("to", "cc", "bcc") and ";" in value:
            yield f"uses ; between the recipients of {name}; separate them by commas"
        # Apprise ignores such a recipient without a word.
        if name in ("to", "cc", "bcc") and url.lower().startswith("mailto") and _is_no_mail(value):
            yield f"contains an invalid recipient in {name}; write mail addresses, separated by commas"


def _is_no_mail(value: str) -> bool:
    return any(entry.strip() and "@" not in entry for entry in value.split(","))


def options(url: str) -> list[tuple[str, str]]:
    """Return the options of a URL. Apprise also accepts a second question mark as their separator."""
    _, _, query = url.partition("?")
    pairs = parse_qsl(query.replace("?", "&"), keep_blank_values=True)
    return [(name.strip().lower(), value.strip()) for name, value in pairs]
