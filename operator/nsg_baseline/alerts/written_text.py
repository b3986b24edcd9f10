"""The text that a template has made, as lines of parts. Nothing in it is trusted: the operator reads and escapes it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.alerts.sender.marks import END, LINK_STARTS, SEPARATOR, START, URL_CHARACTERS, Kind

TITLE_LENGTH = 300
_PART = re.compile(f"{START}(?:([bc])|l([^{START}{END}{SEPARATOR}]*){SEPARATOR})([^{START}{END}{SEPARATOR}]*){END}")
_MARKS = str.maketrans("", "", START + END + SEPARATOR)
_URL = re.compile(rf"(?:{'|'.join(LINK_STARTS)})[A-Za-z0-9{re.escape(URL_CHARACTERS)}]+")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a line without control characters: plain, bold, code or a link."""

    text: str
    kind: Kind = ""
    url: str = ""


Line = tuple[Span, ...]


def written_lines(result: str) -> tuple[Line, ...]:
    """Return the lines of the result of a template."""
    return tuple(tuple(_spans(line)) for line in result.split("\n"))


def written_title(result: str) -> str:
    """Return the result of a template as a title: one line without marks."""
    texts = ("".join(span.text for span in _spans(line)) for line in result.split("\n"))
    return " ".join(" ".join(texts).split())


def _spans(line: str) -> Iterator[Span]:
    end = 0
    for match in _PART.finditer(line):
        yield from _plain(line[end : match.start()])
        yield _span(match)
        end = match.end()
    yield from _plain(line[end:])


def _plain(text: str) -> Iterator[Span]:
    # A mark that was cut has no end.
    if text := text.translate(_MARKS):
        yield Span(escape_controls(text))


def _span(match: re.Match[str]) -> Span:
    kind, url, text = match[1], match[2], escape_controls(match[3])
    if kind == "b":
        return Span(text, "b")
    if kind == "c":
        return Span(text, "c")
    return Span(text, "l", url) if _URL.fullmatch(url) else Span(text)
