"""Laws of the markup of each format: no text from outside becomes markup, a link or a mention, and none is lost."""

import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from apprise import NotifyFormat
from hypothesis import example, given
from hypothesis import strategies as st
from typing_extensions import override

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.alerts.markup import HTML, MARKDOWN, PLAIN, SLACK
from nsg_baseline.alerts.providers import service
from nsg_baseline.alerts.written_text import Span

URL = "https://wiki.example.com/nsg?scope=a&team=b"
HOSTILE = st.text(st.sampled_from("ab *_~`[]()<>&!#@\\|:/.-\"'{}=+1$"), min_size=1, max_size=30)
# Bold text does not begin or end with a space, as in no text of this product.
TEXTS = (HOSTILE | st.text(min_size=1, max_size=30)).map(escape_controls).map(str.strip).filter(bool)
LINK = "[free coffee](https://evil.example.com)"


def slack_wire(span: Span) -> str:
    """Return what Slack gets for a part of a text. Apprise reads CommonMark and writes Slack's markup."""
    plugin: Any = service("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts")
    body = f"- {SLACK.lines([(span,)])[0]} end"
    return str(plugin.dialect_convert(body, NotifyFormat.MARKDOWN))


def slack_shown(text: str) -> str:
    return html.unescape(text).replace("\u200b", "").replace("\u200a", "")


def as_slack_shows(text: str) -> str:
    return text.replace("`", "'").replace("\u200a", "")


@given(TEXTS)
@example(LINK)
@example("<!channel> <@U123> <https://evil.example.com|good>")
@example("from * to * or **bold** or \\*")
@example("\\<!here>")
def test_slack_shows_a_text_as_it_is(text: str) -> None:
    wire = slack_wire(Span(text))
    assert slack_shown(wire) == f"- {as_slack_shows(text)} end"
    assert not set("<>") & set(wire)
    # Slack pairs these with the same character on the other side of a text.
    assert not re.search("[_~](?!\u200b)|(?<!\u200a)[*]|[*](?!\u200a)|`", wire)


@given(TEXTS)
@example(LINK)
@example("a|b>c")
def test_slack_shows_marked_texts_with_exactly_one_mark(text: str) -> None:
    shown = as_slack_shows(text)
    code = slack_wire(Span(text, "c"))
    assert slack_shown(code) == f"- `{shown}` end"
    assert code.count("`") == 2
    link = slack_wire(Span(text, "l", URL))
    assert slack_shown(link) == f"- <{URL}|{shown}> end"
    assert link.count("<") == link.count(">") == 1


@given(st.text(st.sampled_from("ab cd<>[]&|()_~`"), min_size=1).map(lambda text: f"a{text}b"))
def test_slack_shows_a_bold_text_in_bold(text: str) -> None:
    assert slack_shown(slack_wire(Span(text, "b"))) == f"- *{as_slack_shows(text)}* end"


class _Reader(HTMLParser):
    """The text, the tags and the addresses of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.tags, self.links = "", list[str](), list[str]()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for _, value in attrs]

    @override
    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(("kind", "tags"), [("", []), ("b", ["b"]), ("c", ["code"]), ("l", ["a"])])
@given(text=TEXTS)
@example(text='"><script>alert(1)</script>')
@example(text="&lt;b&gt; ' onclick=")
def test_html_shows_a_text_as_it_is(kind: Any, tags: list[str], text: str) -> None:
    reader = _Reader()
    reader.feed(HTML.lines([(Span(text, kind, URL if kind == "l" else ""),)])[0])
    reader.close()
    assert (reader.text, reader.tags) == (text, tags)
    assert reader.links == ([URL] if kind == "l" else [])


@given(TEXTS)
@example(LINK)
def test_markdown_escapes_each_character_with_a_meaning(text: str) -> None:
    written = MARKDOWN.lines([(Span(text),)])[0]
    assert re.sub(r"\\(.)", r"\1", written) == text
    assert not re.search(r"[`*_\[\]<>]", re.sub(r"\\.", "", written))
    link = MARKDOWN.lines([(Span(text, "l", URL),)])[0]
    assert link == f"[{written}]({URL})"


def test_the_parts_of_a_line_in_each_format() -> None:
    line = (Span("a ("), Span("b", "b"), Span(") "), Span("c", "c"), Span(" "), Span("d", "l", URL))
    assert PLAIN.lines([line]) == [f"a (b) c d: {URL}"]
    assert SLACK.lines([line]) == [f"a (**b**) `c` [d](<{URL}>)"]
    assert MARKDOWN.lines([line]) == [f"a (**b**) c [d]({URL})"]
    assert HTML.lines([line]) == [f'a (<b>b</b>) <code>c</code> <a href="{html.escape(URL)}">d</a>']
