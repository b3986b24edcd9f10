"""The time fields of built-in kinds, which the real server parses and formats."""

import datetime as dt
import re
from collections.abc import Callable, Mapping

from .errors import bad_request
from .shapes import Obj

_MICRO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})(Z|[+-]\d\d:\d\d)")
_SECONDS = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")


def micro_time(text: str) -> str:
    """Parse a `MicroTime`, which has exactly six fractional digits, and format it in UTC.

    Raises:
        ValueError: the text is not such a time.
    """
    return _read(text, _MICRO, "2006-01-02T15:04:05.000000Z07:00").strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def time(text: str) -> str:
    """Parse a `Time` and format it in UTC, in whole seconds.

    Raises:
        ValueError: the text is not such a time.
    """
    return _read(text, _SECONDS, "2006-01-02T15:04:05Z07:00").strftime("%Y-%m-%dT%H:%M:%SZ")


def timestamp() -> str:
    """Return the current time in the server's format, in whole seconds."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def respelled(kind: str, fields: Obj, spellings: Mapping[str, Callable[[str], str]]) -> Obj:
    """Return fields with their times in the server's format.

    Raises:
        ApiError: 400 if a time cannot be parsed.
    """
    new = dict(fields)
    for name, spell in spellings.items():
        if isinstance(new.get(name), str):
            try:
                new[name] = spell(new[name])
            except ValueError as error:
                raise bad_request(f'{kind} in version "v1" cannot be handled as a {kind}: {error}') from None
    return new


def _read(text: str, pattern: re.Pattern[str], layout: str) -> dt.datetime:
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError(f'parsing time "{text}" as "{layout}": cannot parse "{text}"')
    return dt.datetime.fromisoformat(match[1] + match[2]).astimezone(dt.UTC)
