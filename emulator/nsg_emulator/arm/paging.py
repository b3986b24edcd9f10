"""Listings in pages. A token is opaque to clients: the place after which the next page starts, and its number."""

import base64
import bisect
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from nsg_emulator.arm.errors import gateway

TOKEN = "$skipToken"  # noqa: S105 - a place in a listing, no secret


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page starts: after which item's place, and how many pages came before."""

    after: int = 0
    page: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of keys, and the token of the next (`""` at the end)."""

    keys: list[str]
    next_token: str


def cut(items: list[tuple[int, str]], place: Place, size: int) -> Page:
    """The page at a place of items sorted by theirs. Items that come or go meanwhile move nothing else."""
    start = bisect.bisect_right(items, place.after, key=lambda item: item[0])
    page_items = items[start : start + size]
    keys = [key for _, key in page_items]
    if start + size >= len(items):
        return Page(keys, "")
    return Page(keys, write_token(Place(page_items[-1][0], place.page + 1)))


def write_token(place: Place) -> str:
    """The token of a place."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_token(token: str) -> Place:
    """The place of a token; the start for `""`.

    Raises:
        ArmError: 400 when nobody here wrote it (wording `?`).
    """
    if not token:
        return Place()
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=Place)
    except (ValueError, msgspec.DecodeError) as error:
        raise gateway(400, "InvalidSkipToken", f"The skip token '{token}' is invalid.") from error


def token_of(query: Mapping[str, str]) -> str:
    """The page token of a query, whatever its case."""
    return next((value for name, value in query.items() if name.lower() == TOKEN.lower()), "")
