"""String formats and patterns, as the Go libraries of the API server define them."""

import base64
import binascii
import datetime as dt
import ipaddress
import re
import uuid
from collections.abc import Callable
from functools import lru_cache

_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)",
)
_HOST = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*")
_DURATION = re.compile(r"[+-]?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+|0")


@lru_cache(maxsize=1024)
def pattern(text: str) -> re.Pattern[str]:
    r"""Compile a Go regular expression, in which `$` matches only at the end of the text."""
    return re.compile(_END.sub(_absolute, text))


def is_format(name: str, value: str) -> bool:
    """Return whether a string has a format; formats unknown to the server are ignored."""
    check = _CHECKS.get(name)
    return check is None or check(value)


_END = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$")


def _absolute(match: re.Match[str]) -> str:
    return {"$": r"\Z", r"\z": r"\Z"}.get(match[0], match[0])


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            parse(value)
        except (ValueError, binascii.Error):
            return False
        return True

    return check


def _date_time(value: str) -> dt.datetime:
    if not _DATE_TIME.fullmatch(value):
        raise ValueError(value)
    # fromisoformat reads at most six digits of a second
    return dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.upper()))


_CHECKS: dict[str, Callable[[str], bool]] = {
    "date-time": _parses(_date_time),
    "datetime": _parses(_date_time),
    "date": _parses(dt.date.fromisoformat),
    "duration": lambda value: _DURATION.fullmatch(value) is not None,
    "byte": _parses(lambda value: base64.b64decode(value, validate=True)),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "cidr": _parses(lambda value: ipaddress.ip_network(value, strict=False)),
    "hostname": lambda value: _HOST.fullmatch(value) is not None,
    "uuid": _parses(uuid.UUID),
    "email": lambda value: re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None,
}
