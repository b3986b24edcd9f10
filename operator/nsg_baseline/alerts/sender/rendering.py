"""Renders templates in a process that can be killed. Import it only in a child of the sender."""

import resource
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from jinja2 import Template
from jinja2 import TemplateError as JinjaError
from jinja2.nodes import Template as Tree

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.alerts.sender.protocol import Render, Rendered
from nsg_baseline.alerts.sender.template_language import Language, parse
from nsg_baseline.alerts.sender.template_values import TemplateError
from nsg_baseline.core.text.phrasing import cut

TEXT_LENGTH = 8000
"""The longest result of a template. What follows is cut."""
PROBLEM_LENGTH = 200
CHUNK = 600
"""Characters of a part. In JSON it is shorter than what the kernel writes to a pipe at once, which is 4,096 bytes."""
_MAX_BLANK_LINES = 1
_WARM_UP = "{% for line in standard.lines %}{{ line | upper }}{% endfor %}"


def render(request: Render) -> Iterator[Rendered]:
    """Yield the result of each template in parts, or why it has none.

    Without an alert, the templates are only checked.
    """
    language = Language()
    _close(language)
    for name, source in request.templates.items():
        try:
            text = _result(language, source, request)
        except TemplateError as error:
            problem = f"line {error.line}: {error}" if error.line else str(error)
            yield Rendered(name, problem=cut(escape_controls(problem), PROBLEM_LENGTH))
            continue
        except MemoryError:
            # Jinja computes what is constant when it compiles a template, so that this can happen anywhere.
            yield Rendered(name, problem="needs more memory than a template may use")
            continue
        pieces = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)] or [""]
        for number, piece in enumerate(pieces, start=1):
            yield Rendered(name, piece, is_last=number == len(pieces))


def _close(language: Language) -> None:
    """Refuse each further file, socket and process. What Python loads at the first use is loaded before."""
    escape_controls("\n")
    tree = parse(language, _WARM_UP, frozenset())
    _text(_compiled(language, tree), {"standard": {"lines": ["\n"]}})
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC):
        resource.setrlimit(limit, (0, 0))


def _result(language: Language, source: str, request: Render) -> str:
    tree = parse(language, source, frozenset(request.fields))
    template = _compiled(language, tree)
    if request.alert is None:
        return ""
    incidents = request.alert.get("incidents") or [{}]
    text = _tidy(_text(template, {"alert": request.alert, "incident": incidents[0], "standard": request.standard}))
    if not text:
        raise TemplateError("the result is empty")
    return text


def _compiled(language: Language, tree: Tree) -> Template:
    try:
        return language.from_string(tree)
    except (SyntaxError, RecursionError):
        # Python allows 20 nested loops.
        raise TemplateError("is nested too deeply") from None


def _text(template: Template, values: Mapping[str, Any]) -> str:
    """Return the result of a template, which is not made further than it is used."""
    pieces, length = [], 0
    try:
        for piece in template.generate(values):
            pieces.append(piece)
            length += len(piece)
            if length > TEXT_LENGTH:
                break
    except TemplateError as error:
        raise TemplateError(str(error), _line(error.__traceback__)) from None
    except (JinjaError, ArithmeticError, TypeError, ValueError, LookupError, RecursionError) as error:
        raise TemplateError(str(error) or type(error).__name__, _line(error.__traceback__)) from None
    return cut("".join(pieces), TEXT_LENGTH)


def _line(traceback: TracebackType | None) -> int:
    """Return the line of the template at which an exception was raised; 0 if none is known."""
    line = 0
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            line = template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return line


def _tidy(text: str) -> str:
    """Remove spaces at the end of lines, and blank lines that conditions and loops leave."""
    lines: list[str] = []
    for line in (line.rstrip() for line in text.strip().split("\n")):
        if line or any(lines[-_MAX_BLANK_LINES:]):
            lines.append(line)
    return "\n".join(lines)
