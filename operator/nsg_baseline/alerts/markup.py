"""The markup of the formats of channels: how a text is escaped, and how parts of a written text are shown."""

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nsg_baseline.alerts.written_text import Line, Span


@dataclass(frozen=True, slots=True)
class Markup:
    """A format: how it escapes a text, and shows a text in bold, as code, and with a link."""

    escape: Callable[[str], str]
    bold: Callable[[str], str]
    code: Callable[[str], str]
    link: Callable[[str, str], str]

    def lines(self, lines: Iterable[Line]) -> list[str]:
        """Return lines in this format."""
        return ["".join(map(self._span, line)) for line in lines]

    def _span(self, span: Span) -> str:
        match span.kind:
            case "":
                return self.escape(span.text)
            case "b":
                return self.bold(span.text)
            case "c":
                return self.code(span.text)
            case "l":
                return self.link(span.text, span.url)


# Apprise reads CommonMark and writes Slack's markup, which has no escapes. A backslash prevents what Apprise would
# change, a space without width a pair of Slack's characters, and thin spaces a pair of stars, which both would change.
_SLACK = str.maketrans(
    {
        **{character: f"\\{character}" for character in "<>[]#"},
        **{character: f"{character}\u200b" for character in "_~\\"},
        "*": "\u200a*\u200a",
        "`": "'",
    }
)


def slack(text: str) -> str:
    """Escape a text for Slack."""
    return text.translate(_SLACK)


def slack_code(text: str) -> str:
    """Return a text as code in Slack. Apprise escapes it."""
    return f"`{text.replace('`', chr(39))}`" if text else ""


def markdown(text: str) -> str:
    """Escape a text for Markdown."""
    return "".join(f"\\{character}" if character in "\\`*_[]<>" else character for character in text)


def _text(text: str) -> str:
    return text


PLAIN = Markup(_text, _text, _text, lambda text, url: f"{text}: {url}")
SLACK = Markup(
    slack,
    lambda text: f"**{slack(text)}**",
    slack_code,
    lambda text, url: f"[{slack(text)}](<{url}>)",
)
# The Markdown of an Adaptive Card has no code.
MARKDOWN = Markup(
    markdown, lambda text: f"**{markdown(text)}**", markdown, lambda text, url: f"[{markdown(text)}]({url})"
)
HTML = Markup(
    html.escape,
    lambda text: f"<b>{html.escape(text)}</b>",
    lambda text: f"<code>{html.escape(text)}</code>",
    lambda text, url: f'<a href="{html.escape(url)}">{html.escape(text)}</a>',
)
