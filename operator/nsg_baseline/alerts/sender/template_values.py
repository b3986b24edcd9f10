"""How values appear in a rendered template. Import it only in a child of the sender."""

from collections.abc import Iterator, Sequence
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import UndefinedError
from typing_extensions import override

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.alerts.sender.marks import END, SEPARATOR, START, Kind


class TemplateError(Exception):
    """A template cannot be used, or fails. `line` is 0 if it is not known."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.line = line


class Absent(Undefined):
    """A field that a value does not have. It can be tested, but not printed."""

    __slots__ = ()

    @override
    def __str__(self) -> str:
        raise UndefinedError(f"{self._undefined_name or 'a value'} is undefined; test it with if, or use default()")

    @override
    def __iter__(self) -> Iterator[Any]:
        raise UndefinedError(f"{self._undefined_name or 'a value'} is undefined; test it with if")


class Marked:
    """A text with a mark."""

    __slots__ = ("text",)

    def __init__(self, kind: Kind, text: object, url: str = "") -> None:
        target = f"{url}{SEPARATOR}" if url else ""
        self.text = f"{START}{kind}{target}{printed(text)}{END}"


def printed(value: Any) -> str:
    """Return a value as text on one line. Jinja calls this for each value that a template prints.

    Raises:
        TemplateError: The value is not a text, a number or a truth value.
    """
    if isinstance(value, Marked):
        return value.text
    if isinstance(value, str | Undefined):
        return escape_controls(str(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if value is None:
        return ""
    kind = "a list" if isinstance(value, Sequence) else "an object"
    raise TemplateError(f"{kind} cannot be printed; print its fields")
