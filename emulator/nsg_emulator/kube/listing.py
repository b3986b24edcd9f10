"""Lists: selection, order, and pages of one consistent state."""

import base64
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from .errors import ApiError, bad_request, expired
from .resource import Resource
from .shapes import Key, Obj

_BEGINNING: Key = ("", "")
_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You can start a new list without the continue parameter."
)


class _Token(msgspec.Struct, frozen=True):
    """The content of a continue token: the version of the first page and the last key of the previous page."""

    version: int
    after: Key


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The parameters of a list request.

    If `narrow`, `test` can exclude objects, and the response does not contain the number of remaining objects.
    """

    test: Callable[[Obj], bool]
    narrow: bool = False
    namespace: str = ""
    limit: int = 0
    token: str = ""
    version: str = ""
    match: str = ""
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Objects of one version, and the list metadata with the continue token."""

    objects: list[Obj]
    metadata: Obj


def list_page(resource: Resource, query: ListQuery, now: int) -> Page:
    """Return one page.

    Args:
        resource: the resource to list.
        query: selection and paging.
        now: the store's current version.

    Raises:
        ApiError: 400 for an invalid token, 410 for a token that is older than the history.
    """
    token = _read_token(query.token) if query.token else _start(query, now)
    then = _objects_at(resource, token, now)
    matching = [
        (key, obj)
        for key, stored in resource.collection.in_order(then.items())
        if key > token.after
        and (not query.namespace or key[0] == query.namespace)
        and query.test(obj := resource.read(stored))
    ]
    limit = 0 if query.version == "0" else query.limit  # such a list comes from the cache, which has no pages
    page, remaining = (matching[:limit], matching[limit:]) if limit else (matching, [])
    metadata: Obj = {"resourceVersion": str(token.version)}
    if remaining:
        metadata["continue"] = _spell_token(_Token(token.version, page[-1][0]))
        if not query.narrow:
            metadata["remainingItemCount"] = len(remaining)
    return Page([obj for _, obj in page], metadata)


def _objects_at(resource: Resource, token: _Token, now: int) -> dict[Key, Obj]:
    collection = resource.collection
    if token.version >= now:
        return collection.objects
    try:
        return collection.history.undo(collection.objects, token.version)
    except ApiError:
        if token.after == _BEGINNING:
            raise
        raise expired(_EXPIRED) from None


def parse_version(text: str) -> int:
    """Parse a resourceVersion.

    Raises:
        ApiError: 400 if it is not a number.
    """
    if not text:
        return 0
    if not text.isascii() or not text.isdigit():
        words = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise bad_request(f"invalid resource version: {words}")
    return int(text)


def _start(query: ListQuery, now: int) -> _Token:
    version = parse_version(query.version)
    if version > now:
        words = f"Timeout: Too large resource version: {version}, current: {now}"
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        raise ApiError(504, "Timeout", words, {"causes": [cause], "retryAfterSeconds": 1})
    exact = query.match == "Exact" and version
    return _Token(version if exact else now, _BEGINNING)


def _read_token(text: str) -> _Token:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text), type=_Token)
    except ValueError as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from None


def _spell_token(token: _Token) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode()
