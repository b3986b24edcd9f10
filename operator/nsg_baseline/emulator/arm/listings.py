"""Listings of NSGs: paged, and remembered, since a client lists an unchanged world again and again."""

import gzip
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from nsg_baseline.emulator.arm import paging, render
from nsg_baseline.emulator.arm.calls import Call, Reply
from nsg_baseline.emulator.arm.store import Store

_REMEMBERED_PAGES = 512


@dataclass(frozen=True, slots=True)
class _Key:
    revision: int
    url: str
    size: int
    compressed: bool


class Listings:
    """Answers listings of NSGs."""

    def __init__(self, store: Store) -> None:
        """List what is in the store."""
        self._store = store
        self._pages: OrderedDict[_Key, bytes] = OrderedDict()

    def answer(self, call: Call, prefix: str, size: int, omitted: Iterable[str] = ()) -> Reply:
        """One page of the NSGs below an id.

        Args:
            call: The request; its `$skipToken` says which page.
            prefix: A subscription's or a resource group's id.
            size: NSGs a page.
            omitted: Keys that this listing leaves out although they exist.
        """
        compressed = "gzip" in call.headers.get("accept-encoding", "")
        omitted = frozenset(omitted)
        body = (
            self._page(call, prefix, size, omitted)
            if omitted
            else self._remembered(call, prefix, size, compressed=compressed)
        )
        if omitted and compressed:
            body = gzip.compress(body, 1)
        headers = {"Vary": "Accept-Encoding", **({"Content-Encoding": "gzip"} if compressed else {})}
        return Reply(200, body, {"Content-Type": "application/json; charset=utf-8", **headers})

    def _remembered(self, call: Call, prefix: str, size: int, *, compressed: bool) -> bytes:
        token = paging.token_of(call.query)
        url = f"{call.origin}{call.path}?{call.api_version}&{token}"
        key = _Key(self._store.revision, url, size, compressed)
        body = self._pages.get(key)
        if body is None:
            plain = self._page(call, prefix, size, frozenset())
            body = self._pages[key] = gzip.compress(plain, 1) if compressed else plain
            while len(self._pages) > _REMEMBERED_PAGES:
                self._pages.popitem(last=False)
        return body

    def _page(self, call: Call, prefix: str, size: int, omitted: frozenset[str]) -> bytes:
        items = [item for item in self._store.keys_below(prefix) if item[1] not in omitted]
        page = paging.cut(items, paging.read_token(paging.token_of(call.query)), size)
        body: dict[str, object] = {
            "value": [render.nsg_document(self._store.nsgs[key], call.api_version) for key in page.keys]
        }
        if page.next_token:
            body["nextLink"] = (
                f"{call.origin}{quote(call.path)}?api-version={call.api_version}&%24skipToken={quote(page.next_token)}"
            )
        return msgspec.json.encode(body)
