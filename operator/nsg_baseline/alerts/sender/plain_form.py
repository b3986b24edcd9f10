"""The form of a message for services without their own: text within the limits of the service, in a format it keeps."""

import html
from dataclasses import dataclass

from apprise import NotifyBase, NotifyFormat

from nsg_baseline.alerts.sender.protocol import TextFormat
from nsg_baseline.core.text.phrasing import cut

SHORT_LENGTH = 640
"""Services with a shorter limit, such as SMS, get title and beginning on one line, in the basic alphabet: with other
characters, 160 characters would be three SMS."""

# The whole text is one block of code. Nothing in it may end the block.
_FENCE, _NO_FENCE = "```", "'''"


@dataclass(frozen=True, slots=True)
class PlainForm:
    """A message as the service gets it."""

    title: str
    body: str
    format: TextFormat


def plain_form(target: NotifyBase, title: str, body: str) -> PlainForm:
    """Return a message within the limits of a service, whose plugin computes them."""
    length, title_length = int(target.body_maxlen), int(target.title_maxlen)
    if length < SHORT_LENGTH:
        return PlainForm("", _short(title, body, length), "text")
    format_ = _format(target)
    if not title_length:
        # Apprise would put the title into the body, as markup, and then exceed the limit.
        title, body = "", f"{title}\n\n{body}"
    return PlainForm(cut(title, title_length) if title else "", _marked_up(body, length, format_), format_)


def _short(title: str, body: str, length: int) -> str:
    text = " ".join(f"{title}. {body}".split()).encode("ascii", "replace").decode()
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _format(target: NotifyBase) -> TextFormat:
    """Return the format in which a command arrives unchanged, and in which names have no markup.

    From text, Apprise makes HTML in which spaces do not break: a command that is copied from it fails in a shell. A
    service that knows Markdown may also read it in text: a star of a name would be emphasis, and @everyone a mention.
    """
    if getattr(target, "notify_format", None) == NotifyFormat.HTML:
        return "html"
    formats = target._formats()  # noqa: SLF001 - the declaration may be a list, a text or a member
    if NotifyFormat.HTML in formats:
        return "text" if NotifyFormat.TEXT in formats else "html"
    return "markdown" if NotifyFormat.MARKDOWN in formats else "text"


def _marked_up(body: str, length: int, format_: TextFormat) -> str:
    if format_ == "text":
        return cut(body, length)
    if format_ == "markdown":
        return f"{_FENCE}\n{cut(body.replace(_FENCE, _NO_FENCE), length - 2 * len(_FENCE) - 2)}\n{_FENCE}"
    shorter = cut(body, length)
    while len(marked := f"<pre>{html.escape(shorter, quote=False)}</pre>") > length:
        # An escaped character has at most five characters, so that this does not cut more than it must.
        shorter = cut(shorter, len(shorter) - 1 - (len(marked) - length) // 5)
    return marked
