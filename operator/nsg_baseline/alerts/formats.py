"""The formats of the channels: markup, length, and an order that keeps the most important part when a text is cut."""

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nsg_baseline.alerts.markup import HTML, MARKDOWN, PLAIN, SLACK, markdown, slack, slack_code
from nsg_baseline.alerts.message import AlertMessage, ChangeLine
from nsg_baseline.alerts.next_steps import NextStep
from nsg_baseline.alerts.schemes import LENGTHS
from nsg_baseline.alerts.sender.protocol import TextFormat
from nsg_baseline.core.text.phrasing import cut

SMS_LENGTH = 160
TEAMS_LENGTH = LENGTHS["workflows"]
PAGER_LENGTH = 1024
SLACK_LENGTH = 3000
"""The longest text that Slack accepts in a section block."""
SLACK_TITLE_LENGTH = 150
MAIL_SUBJECT_LENGTH = 200
_COLOURS = {"failure": "#b00020", "warning": "#8a5a00", "success": "#1b6e2d"}
# These characters need two places in the alphabet of an SMS, or do not exist in it.
_SMS_CHARACTERS = str.maketrans(
    {"[": "", "]": "", "{": "(", "}": ")", "|": "/", "~": "-", "^": "-", "\\": "/", "`": "'"}
)


@dataclass(frozen=True, slots=True)
class Format:
    """A message in the format of one kind of channel."""

    title: str
    body: str
    format: TextFormat = "text"


def format_for(scheme: str) -> Callable[[AlertMessage], Format]:
    """Return the format for the channels of a URL scheme."""
    return _FORMATS.get(scheme, as_text)


def as_text(message: AlertMessage) -> Format:
    """Render the whole message as plain text."""
    return Format(message.title, plain(message))


def plain(message: AlertMessage) -> str:
    """Return the body of a message as plain text."""
    if message.text:
        return "\n".join([*PLAIN.lines(message.text), "", message.key])
    return "\n\n".join([*standard_paragraphs(message), message.key])


def standard_paragraphs(message: AlertMessage) -> list[str]:
    """Return the paragraphs of the built-in body of a message as plain text, without its key."""
    paragraphs = [
        list(message.news),
        list(message.exposure),
        list(message.facts),
        [line for change in message.changes for line in _plain_change(change)],
        [f"Operator: {action}" for action in message.actions],
        [step.line for step in message.next_steps],
        [f"Portal: {message.link}"] if message.link else [],
    ]
    return ["\n".join(lines) for lines in paragraphs if lines]


def _plain_change(change: ChangeLine) -> list[str]:
    return [f"- {change.summary}", *(f"    {f'{label}:':<9} {value}" for label, value in change.sides)]


def as_sms(message: AlertMessage) -> Format:
    """Render one SMS: 160 characters of the basic alphabet."""
    is_named = not message.place or message.place in message.title
    place = "" if is_named or message.text else f". {message.place}"
    written = (line.rstrip(".") for line in PLAIN.lines(message.text))
    lines = filter(None, written) if message.text else message.facts[:1]
    text = _in_sms_characters(". ".join([message.title, *lines]))
    length = SMS_LENGTH - len(_in_sms_characters(place))
    return Format("", (text if len(text) <= length else f"{text[: length - 3]}...") + _in_sms_characters(place))


def _in_sms_characters(text: str) -> str:
    start = " " if text.startswith(" ") else ""
    return start + " ".join(text.split()).encode("ascii", "replace").decode().translate(_SMS_CHARACTERS)


def as_page(message: AlertMessage) -> Format:
    """Render a pager's summary: what happened, what the operator did, which traffic, then where and why."""
    actions = [f"Operator: {action}" for action in message.actions[-1:]]
    lines = PLAIN.lines(message.text) or [*message.news, *actions, *message.exposure, *message.facts]
    return Format("", cut("\n".join([message.title, *lines]), PAGER_LENGTH))


def as_slack(message: AlertMessage) -> Format:
    """Render Slack's markup. Apprise turns two stars into bold text, and one into italics."""
    parts = SLACK.lines(message.text) or [
        *map(slack, message.news),
        *(f"• **{slack(line)}**" for line in message.exposure),
        *map(slack, message.facts),
        *(line for change in message.changes for line in _slack_change(change)),
        *(f"Operator: {slack(action)}" for action in message.actions),
        *map(_slack_step, message.next_steps),
        *([f"<{message.link}|Azure portal>"] if message.link else []),
    ]
    body = _with_key(message, parts, f"`{message.key}`", "\n", SLACK_LENGTH)
    return Format(cut(message.title, SLACK_TITLE_LENGTH), body, "markdown")


def _slack_change(change: ChangeLine) -> list[str]:
    sides = [f"    {label}: {slack_code(value)}" for label, value in change.sides]
    return [f"• {slack(change.summary)}", *sides]


def _slack_step(step: NextStep) -> str:
    # A command is shown as code and unchanged, so that it can be pasted into a shell.
    is_code = step.kind == "Command" and "`" not in step.text
    return f"{step.label}: {slack_code(step.text)}" if is_code else slack(step.line)


def as_teams(message: AlertMessage) -> Format:
    """Render the text of an Adaptive Card: a blank line separates paragraphs.

    The title is the first one: a title that Apprise sends apart is cut to one line of the screen.
    """
    parts = [
        *message.news,
        *message.exposure,
        *message.facts,
        *(f"Operator: {action}" for action in message.actions[-1:]),
        *(step.line for step in message.next_steps),
        *(line for change in message.changes for line in _plain_change(change)),
        *([f"Portal: {message.link}"] if message.link else []),
    ]
    lines = [line for line in MARKDOWN.lines(message.text) if line] or map(markdown, parts)
    title = f"**{markdown(message.title)}**"
    body = _with_key(message, [title, *lines], markdown(message.key), "\n\n", TEAMS_LENGTH)
    return Format("", body, "markdown")


def _with_key(message: AlertMessage, parts: list[str], key: str, separator: str, length: int) -> str:
    """Join the parts that fit and the key. A template, which may be long, must not remove the key."""
    if not message.text:
        return _whole([*parts, key], separator, length)
    return f"{_whole(parts, separator, length - len(separator) - len(key))}{separator}{key}"


def _whole(parts: Iterable[str], separator: str, length: int) -> str:
    """Join the parts that fit, each as a whole: half a command must not be pasted into a shell."""
    joined = ""
    for part in parts:
        longer = f"{joined}{separator}{part}" if joined else cut(part, length)
        if len(longer) > length - len(separator) - 1:
            return f"{joined}{separator}…" if joined else longer
        joined = longer
    return joined


def as_mail(message: AlertMessage) -> Format:
    """Render HTML without external resources. Apprise derives the plain text from it."""
    colour = _COLOURS[message.level]
    body = [
        f"<p style='color:{colour};font-weight:bold'>{html.escape(message.title)}</p>",
        _paragraph(HTML.lines(message.text)) if message.text else _standard_mail(message),
        f"<p style='color:#666'>{html.escape(message.key)}</p>",
    ]
    return Format(cut(message.title, MAIL_SUBJECT_LENGTH), "\n".join(body), "html")


def _standard_mail(message: AlertMessage) -> str:
    link = html.escape(message.link or "", quote=True)
    parts = [
        _list(message.news),
        _list(message.exposure),
        _paragraph(map(html.escape, message.facts)),
        _table(message.changes),
        _paragraph(html.escape(f"Operator: {action}") for action in message.actions),
        _paragraph(map(_mail_step, message.next_steps)),
        f'<p>Portal: <a href="{link}">{link}</a></p>' if link else "",
    ]
    return "\n".join(filter(None, parts))


def _paragraph(lines: Iterable[str]) -> str:
    text = "<br/>".join(lines)
    return f"<p>{text}</p>" if text else ""


def _list(lines: tuple[str, ...]) -> str:
    return f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _table(changes: tuple[ChangeLine, ...]) -> str:
    rows: list[str] = []
    for change in changes:
        rows.append(f"<tr><td>{html.escape(change.summary)}</td></tr>")
        for label, value in change.sides:
            cell = f"{label}: <code>{html.escape(value)}</code>"
            rows.append(f"<tr><td style='padding-left:2em'>{cell}</td></tr>")
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _mail_step(step: NextStep) -> str:
    text = html.escape(step.text)
    return f"{html.escape(step.label)}: " + (f"<code>{text}</code>" if step.kind == "Command" else text)


_FORMATS: dict[str, Callable[[AlertMessage], Format]] = {
    **dict.fromkeys(("twilio", "vonage", "nexmo", "sinch", "plivo", "sns"), as_sms),
    **dict.fromkeys(("mailto", "mailtos"), as_mail),
    **dict.fromkeys(("workflow", "workflows"), as_teams),
    "pagerduty": as_page,
    "slack": as_slack,
}
