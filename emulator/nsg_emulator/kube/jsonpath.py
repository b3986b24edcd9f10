"""The JSONPath of printer columns: `.a.b`, `.a['b']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`, escaped dots."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeAlias

Select: TypeAlias = Callable[[Any], Iterator[Any]]

_STEP = re.compile(
    r"\.(?P<name>(?:\\.|[^.\[\]\\])+)"
    r"|\[(?P<quote>['\"])(?P<quoted>.*?)(?P=quote)\]"
    r"|\[(?P<index>-?\d+)\]"
    r"|(?P<all>\[\*\])"
    r"|\[\?\(@\.(?P<field>[\w.-]+)\s*==\s*(?P<mark>[\"'])(?P<value>.*?)(?P=mark)\)\]"
)


def find(obj: Any, path: str) -> list[Any]:
    """Return all values at a path; empty if the path does not exist.

    Raises:
        ValueError: the path uses an unsupported expression.
    """
    values = [obj]
    for select in _compile(path):
        values = [value for parent in values for value in select(parent)]
    return values


def first(obj: Any, path: str) -> Any:
    """Return the first value at a path; None if the path does not exist."""
    values = find(obj, path)
    return values[0] if values else None


@lru_cache(maxsize=512)
def _compile(path: str) -> tuple[Select, ...]:
    steps, at = [], 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(f"JSONPath {path!r} is not supported from {path[at:]!r} on")
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Select:
    if match["name"] is not None:
        return _field(re.sub(r"\\(.)", r"\1", match["name"]))
    if match["quoted"] is not None:
        return _field(match["quoted"])
    if match["index"] is not None:
        return _index(int(match["index"]))
    return _every if match["all"] else _where(match["field"], match["value"])


def _field(name: str) -> Select:
    return lambda value: iter([value[name]] if isinstance(value, dict) and name in value else [])


def _index(at: int) -> Select:
    return lambda value: iter([value[at]] if isinstance(value, list) and -len(value) <= at < len(value) else [])


def _every(value: Any) -> Iterator[Any]:
    return iter(value.values() if isinstance(value, dict) else value if isinstance(value, list) else [])


def _where(field: str, expected: str) -> Select:
    path = f".{field}"
    return lambda value: iter([x for x in value if first(x, path) == expected] if isinstance(value, list) else [])
