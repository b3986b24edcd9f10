"""Listings of NSGs in pages. Encoded pages are cached, because clients list unchanged NSGs repeatedly."""

import gzip
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from nsg_emulator.arm import paging, render
from nsg_emulator.arm.messages import ArmRequest, ArmResponse
from nsg_emulator.arm.model import Nsg
from nsg_emulator.arm.store import Store

_REMEMBERED_PAGES = 512


@dataclass(frozen=True, slots=True)
class _Page:
    """The content of a page. NSGs are immutable, so a page with the same objects has the same bytes."""

    nsgs: tuple[Nsg, ...]
    next_token: str

    def same_as(self, other: "_Page") -> bool:
        if self.next_token != other.next_token or len(self.nsgs) != len(other.nsgs):
            return False
        return all(nsg is other_nsg for nsg, other_nsg in zip(self.nsgs, other.nsgs, strict=True))


class Listings:
    """Responds to listings of NSGs."""

    def __init__(self, store: Store) -> None:
        """Create the listings of a store."""
        self._store = store
        self._remembered: OrderedDict[tuple[str, bool], tuple[_Page, bytes]] = OrderedDict()

    def answer(self, request: ArmRequest, prefix: str, size: int, omitted: Iterable[str] = ()) -> ArmResponse:
        """Return one page of the NSGs below an id.

        Args:
            request: The request; its `$skipToken` selects the page.
            prefix: The id of a subscription or a resource group.
            size: The number of NSGs per page.
            omitted: Keys of existing NSGs that this listing omits.
        """
        page = self._page(request, prefix, size, frozenset(omitted))
        compressed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"Content-Encoding": "gzip"} if compressed else {}
        body = self._body(request, page, compressed=compressed)
        return ArmResponse(
            200, body, {"Content-Type": "application/json; charset=utf-8", "Vary": "Accept-Encoding", **headers}
        )

    def _page(self, request: ArmRequest, prefix: str, size: int, omitted: frozenset[str]) -> _Page:
        items = [item for item in self._store.keys_below(prefix) if item[1] not in omitted]
        page = paging.cut(items, paging.read_token(paging.token_of(request.query)), size)
        return _Page(tuple(self._store.nsgs[key] for key in page.keys), page.next_token)

    def _body(self, request: ArmRequest, page: _Page, *, compressed: bool) -> bytes:
        url = f"{request.origin}{request.path}?{request.api_version}&{paging.token_of(request.query)}"
        cached = self._remembered.get((url, compressed))
        if cached is not None and cached[0].same_as(page):
            return cached[1]
        plain = _encoded(request, page)
        body = gzip.compress(plain, 1) if compressed else plain
        self._remembered[url, compressed] = (page, body)
        while len(self._remembered) > _REMEMBERED_PAGES:
            self._remembered.popitem(last=False)
        return body


def _encoded(request: ArmRequest, page: _Page) -> bytes:
    body: dict[str, object] = {"value": [render.nsg_document(nsg, request.api_version) for nsg in page.nsgs]}
    if page.next_token:
        query = f"api-version={request.api_version}&%24skipToken={quote(page.next_token)}"
        body["nextLink"] = f"{request.origin}{quote(request.path)}?{query}"
    return msgspec.json.encode(body)
