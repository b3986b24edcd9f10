"""Each kind of channel's own form of a story: its markup, its length, and what comes before the cut."""

import html
from collections.abc import Callable
from dataclasses import dataclass

from apprise import NotifyFormat

from nsg_baseline.alerts.message import AlertMessage, plain
from nsg_baseline.core.text.phrasing import cut

SMS_LENGTH = 160
TEAMS_LENGTH = 1000
PAGER_LENGTH = 1024
CHAT_LENGTH = 3000
"""A section of Slack's blocks takes so much; longer text is refused there."""
MAIL_SUBJECT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Format:
    """A message as one kind of channel takes it."""

    title: str
    body: str
    format: NotifyFormat = NotifyFormat.TEXT


def format_for(scheme: str) -> Callable[[AlertMessage], Format]:
    """Return how the channels of a scheme are written to."""
    return _FORMS.get(scheme, as_text)


def as_text(story: AlertMessage) -> Format:
    """Write it in full."""
    return Format(story.title, plain(story))


def as_sms(story: AlertMessage) -> Format:
    """Write it in 160 characters of GSM 03.38, so that it is one SMS: what weighs, where, which rule, what is open."""
    text = " ".join(story.short.split()).encode("ascii", "replace").decode()
    # Brackets and the like take two places there.
    text = text.translate({ord("["): "(", ord("]"): ")", ord("|"): "/", ord("~"): "-", ord("^"): "-", ord("\\"): "/"})
    return Format("", text if len(text) <= SMS_LENGTH else f"{text[: SMS_LENGTH - 3]}...")


def as_page(story: AlertMessage) -> Format:
    """Write it for a pager: what happened, what is open, then where and why."""
    return Format("", cut("\n".join([story.title, *story.traffic, *story.facts]), PAGER_LENGTH))


def as_slack(story: AlertMessage) -> Format:
    """Write it in Slack's own markup, but for what is bold: Apprise turns two stars into one, and one into italics."""
    parts = [
        *map(_slack, story.facts),
        "",
        *(f"• **{_slack(text)}**" for text in story.traffic),
        *(line for change in story.changes for line in _slack_change(change.head, change.sides)),
        *(f"_operator: {_slack(text)}_" for text in story.actions),
        *(_slack_link(text) for text in story.next_steps),
        f"`{story.key}`",
    ]
    return Format(story.title[:150], cut("\n".join(parts), CHAT_LENGTH), NotifyFormat.MARKDOWN)


def _slack(text: str) -> str:
    # Its markup has no escape; a zero-width space keeps * and _ from pairing up.
    return "".join(f"{sign}\u200b" if sign in "*_~`" else sign for sign in _slack_escaped(text))


def _slack_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _slack_change(head: str, sides: tuple[tuple[str, str], ...]) -> list[str]:
    shown = [f"    {name}: `{text.replace('`', chr(39))}`" for name, text in sides]
    return [f"• {_slack(head)}", *map(_slack_escaped, shown)]


def _slack_link(text: str) -> str:
    label, _, url = text.partition(": https://")
    return f"<https://{url}|{_slack(label)}>" if url else _slack(text)


def as_teams(story: AlertMessage) -> Format:
    """Write it for an Adaptive Card's text: a blank line parts paragraphs, and what comes first is what is read."""
    parts = [*story.traffic, *story.facts, *(change.head for change in story.changes), story.key]
    return Format(story.title, cut("\n\n".join(map(_markdown, parts)), TEAMS_LENGTH), NotifyFormat.MARKDOWN)


def _markdown(text: str) -> str:
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>" else sign for sign in text)


def as_mail(story: AlertMessage) -> Format:
    """Write it as HTML; the plain part is made of it. Nothing in it is loaded from elsewhere."""
    rows = "".join(
        f"<tr><td>{html.escape(change.head)}</td></tr>"
        + "".join(
            f"<tr><td style='padding-left:2em'>{name}: <code>{html.escape(text)}</code></td></tr>"
            for name, text in change.sides
        )
        for change in story.changes
    )
    body = [
        f"<p style='color:{_COLOURS.get(story.level)};font-weight:bold'>{html.escape(story.title)}</p>",
        _paragraph(story.facts),
        f"<ul>{''.join(f'<li>{html.escape(text)}</li>' for text in story.traffic)}</ul>" if story.traffic else "",
        f"<table>{rows}</table>" if rows else "",
        _paragraph(tuple(f"operator: {text}" for text in story.actions)),
        _paragraph(story.next_steps),
        f"<p style='color:#666'>{html.escape(story.key)}</p>",
    ]
    return Format(cut(story.title, MAIL_SUBJECT_LENGTH), "\n".join(filter(None, body)), NotifyFormat.HTML)


def _paragraph(lines: tuple[str, ...]) -> str:
    return f"<p>{'<br/>'.join(map(_linked, lines))}</p>" if lines else ""


def _linked(text: str) -> str:
    label, _, url = text.partition(": https://")
    if not url:
        return html.escape(text)
    return f'{html.escape(label)}: <a href="https://{html.escape(url, quote=True)}">https://{html.escape(url)}</a>'


_COLOURS = {"failure": "#b00020", "warning": "#8a5a00", "success": "#1b6e2d"}
_FORMS: dict[str, Callable[[AlertMessage], Format]] = {
    **dict.fromkeys(("twilio", "vonage", "sinch", "plivo", "sns"), as_sms),
    **dict.fromkeys(("mailto", "mailtos"), as_mail),
    **dict.fromkeys(("workflow", "workflows"), as_teams),
    "pagerduty": as_page,
    "slack": as_slack,
}
