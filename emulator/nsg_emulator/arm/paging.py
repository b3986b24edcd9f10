"""Listings in pages. A token, opaque to clients, contains the place after which the next page starts and its number."""

import base64
import bisect
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from nsg_emulator.arm.errors import gateway

TOKEN = "$skipToken"  # noqa: S105 - a place in a listing, not a secret


@dataclass(frozen=True, slots=True)
class Place:
    """The start of a page: the place of the item before it, and the number of previous pages."""

    after: int = 0
    page: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of keys, and the token of the next page (empty at the end)."""

    keys: list[str]
    next_token: str


def cut(items: list[tuple[int, str]], place: Place, size: int) -> Page:
    """Return the page at a place, from items sorted by place. New and deleted items do not shift the others."""
    start = bisect.bisect_right(items, place.after, key=lambda item: item[0])
    page_items = items[start : start + size]
    keys = [key for _, key in page_items]
    if start + size >= len(items):
        return Page(keys, "")
    return Page(keys, write_token(Place(page_items[-1][0], place.page + 1)))


def write_token(place: Place) -> str:
    """Return the token of a place."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_token(token: str) -> Place:
    """Return the place of a token; the start for an empty token.

    Raises:
        ArmError: 400 if the token is not valid (wording `?`).
    """
    if not token:
        return Place()
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=Place)
    except (ValueError, msgspec.DecodeError) as error:
        raise gateway(400, "InvalidSkipToken", f"The skip token '{token}' is invalid.") from error


def token_of(query: Mapping[str, str]) -> str:
    """Return the page token of a query; the parameter name is case-insensitive."""
    return next((value for name, value in query.items() if name.lower() == TOKEN.lower()), "")
