"""Each bound of the Azure edge, at the bound and one beyond it."""

import gzip
import zlib
from collections.abc import AsyncIterator, Callable

import pytest
from azure.core.exceptions import HttpResponseError, IncompleteReadError, ServiceRequestError
from typing_extensions import override

from nsg_baseline.azure import bounded_response, client, paging, read
from nsg_baseline.azure.bounded_response import read_bounded
from nsg_baseline.azure.client import MAX_LINK_LENGTH, ArmClient
from nsg_baseline.azure.endpoint_policy import has_same_origin
from nsg_baseline.azure.errors import (
    MAX_MESSAGE_LENGTH,
    MAX_RETRY_AFTER_SECONDS,
    AzureError,
    error_from_response,
    parse_number,
    translate_errors,
)
from nsg_baseline.azure.json_elements import split_elements
from nsg_baseline.azure.paging import list_all
from nsg_baseline.azure.permissions import PermissionReader
from nsg_baseline.azure.read import ArmReader
from tests.hostile.responses import ENDPOINT, PREFIX, SUBSCRIPTION, encode, nsg


class ScriptedClient(ArmClient):
    """A client without a network: each path or link has its body."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = list(bodies)
        self.links: list[str] = []

    @override
    async def get(self, path: str, version: str = "", **query: str) -> bytes:
        del path, version, query
        return self.bodies.pop(0)

    @override
    async def follow(self, link: str) -> bytes:
        self.links.append(link)
        return self.bodies.pop(0)


async def chunked(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def count_pages(arm: ArmClient) -> int:
    return len([page async for page in ArmReader(arm).pages(SUBSCRIPTION)])


def page(number: int, total: int) -> bytes:
    """Return page `number` of a listing of `total` pages, with one NSG on each."""
    next_page = {"nextLink": f"{ENDPOINT}/{number}"} if number < total else {}
    return encode({"value": [nsg(f"n{number}")], **next_page})


def listing_pages(total: int) -> list[bytes]:
    return [page(number, total) for number in range(1, total + 1)]


@pytest.mark.parametrize("encoding", ["", "identity"])
async def test_a_response_may_have_the_maximum_size_as_received(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.setattr(bounded_response, "MAX_RECEIVED_BYTES", 10)
    assert await read_bounded(chunked(b"01234", b"56789"), encoding) == b"0123456789"
    with pytest.raises(AzureError, match="ResponseTooLarge: the response exceeds 10 bytes"):
        await read_bounded(chunked(b"01234", b"567890"), encoding)


@pytest.mark.parametrize("encoding", ["gzip", " GZIP ", "deflate", ""])
async def test_a_response_may_have_the_maximum_size_after_decompression(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(bounded_response, "MAX_BODY_BYTES", 1000)
    packers: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "": bytes}
    pack = packers[encoding.strip().lower()]
    packed = pack(b"x" * 1000)
    assert await read_bounded(chunked(packed[:7], packed[7:]), encoding) == b"x" * 1000
    with pytest.raises(AzureError, match="ResponseTooLarge: the decompressed response exceeds 1000 bytes"):
        await read_bounded(chunked(pack(b"x" * 1001)), encoding)


async def test_a_compressed_response_must_be_complete() -> None:
    # Half a listing would conclude that the other half was deleted.
    packed = gzip.compress(b"x" * 1000)
    with pytest.raises(AzureError, match="truncated"):
        await read_bounded(chunked(packed[:-1]), "gzip")
    assert await read_bounded(chunked(), "gzip") == b"", "a response without a body has nothing to decompress"


async def test_the_limits_are_those_of_the_documentation() -> None:
    assert (bounded_response.MAX_RECEIVED_BYTES, bounded_response.MAX_BODY_BYTES) == (32 << 20, 64 << 20)
    assert (read.MAX_PAGES, paging.MAX_PAGES, MAX_LINK_LENGTH) == (2000, 20, 8192)
    assert (client.REQUEST_DEADLINE_SECONDS, read.LISTING_DEADLINE_SECONDS, MAX_RETRY_AFTER_SECONDS) == (180, 600, 900)


async def test_a_listing_may_have_the_maximum_number_of_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    # An endless chain of nextLinks would be a reconcile that never ends.
    monkeypatch.setattr(read, "MAX_PAGES", 3)
    assert await count_pages(ScriptedClient(*listing_pages(3))) == 3
    arm = ScriptedClient(*listing_pages(4))
    with pytest.raises(AzureError, match="InvalidResponse: the listing exceeds 3 pages"):
        await count_pages(arm)
    assert len(arm.bodies) == 1, "the fourth page is not requested"


async def test_a_listing_has_a_deadline() -> None:
    # Each request may be fast enough, and all of them together not. Judging a page does not count.
    seconds = iter([0.0, 300.0, 1000.0, 1300.0, 2000.0, 2000.5])
    reader = ArmReader(ScriptedClient(*listing_pages(9)), lambda: next(seconds))
    pages = reader.pages(SUBSCRIPTION)
    for _ in range(3):
        await anext(pages)  # 600 s are allowed
    with pytest.raises(AzureError, match="Timeout: the listing did not end within 600 s"):
        await anext(pages)


async def test_a_cycle_of_links_ends_the_listing() -> None:
    first, second = (encode({"value": [nsg(name)], "nextLink": f"{ENDPOINT}/{name}"}) for name in ("a", "b"))
    arm = ScriptedClient(first, second, first, second)
    with pytest.raises(AzureError, match="InvalidResponse: the nextLinks of the listing form a cycle"):
        await count_pages(arm)
    assert arm.links == [f"{ENDPOINT}/a", f"{ENDPOINT}/b"]


async def test_an_nsg_that_is_listed_twice_is_returned_once() -> None:
    first = encode({"value": [nsg("web")], "nextLink": f"{ENDPOINT}/2"})
    second = encode({"value": [nsg("WEB"), nsg("db")]})
    pages = [page async for page in ArmReader(ScriptedClient(first, second)).pages(SUBSCRIPTION)]
    assert [[item.id.rpartition("/")[2] for item in page.nsgs] for page in pages] == [["web"], ["db"]]


async def test_an_id_may_have_the_maximum_length() -> None:
    fitting = "x" * (read.MAX_ID_LENGTH - len(PREFIX) - 1)
    (parsed,) = [
        page
        async for page in ArmReader(ScriptedClient(encode({"value": [nsg(fitting), nsg(f"{fitting}x")]}))).pages("s")
    ]
    assert (len(parsed.nsgs), parsed.unreadable) == (1, 1)


async def test_a_large_listing_is_not_parsed_leniently(monkeypatch: pytest.MonkeyPatch) -> None:
    body = encode({"value": [nsg("web", note="\ud800")]})
    monkeypatch.setattr(read, "MAX_LENIENT_BYTES", len(body))
    assert await count_pages(ScriptedClient(body)) == 1
    monkeypatch.setattr(read, "MAX_LENIENT_BYTES", len(body) - 1)
    with pytest.raises(AzureError, match="InvalidResponse"):
        await count_pages(ScriptedClient(body))


@pytest.mark.parametrize(
    "elements",
    [
        [],
        [b"1"],
        [b'"]"', b'"\\"[{"', b"[[1, 2], {}]", b'{"value": [3]}', b'{"a": "\\\\"}', b"null"],
        [b"[" * 100_000 + b"]" * 100_000, b'{"\xff": 1}'],
    ],
    ids=["none", "single", "brackets in strings", "deep"],
)
@pytest.mark.parametrize("before", [b"", b'"a": "value", "b": {"value": [7]}, '])
def test_elements_are_split_without_recursion(elements: list[bytes], before: bytes) -> None:
    # A decoder that recurses fails for the whole page: the NSGs beside the deep one would not be watched.
    after = b', "nextLink": "x"}'
    body = b"{" + before + b'"value" : [ ' + b",".join(elements) + b"]" + after
    parts, listing = split_elements(body)
    assert [part.strip() for part in parts] == elements
    assert listing == b"{" + before + b'"value" : []' + after


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"value": {}}', b'{"value": [}', b'{"value": [1]', b'{"value": [{]}]}', b'"value": []]'],
)
def test_a_body_without_elements_is_refused(body: bytes) -> None:
    # Half a listing would conclude that the other half was deleted.
    with pytest.raises(ValueError, match=r"brackets do not match|not a complete listing"):
        split_elements(body)


async def test_a_get_returns_the_nsg_that_was_requested() -> None:
    # Another NSG's rules would be judged, and written, as this one's.
    arm = ScriptedClient(encode(nsg("WEB")), encode(nsg("db")), encode({"name": "web"}))
    document = await ArmReader(arm).get(f"{PREFIX}/web")
    assert document is not None
    assert document["name"] == "WEB"
    for _ in range(2):
        with pytest.raises(AzureError, match="InvalidResponse: the response is not the NSG that was requested"):
            await ArmReader(arm).get(f"{PREFIX}/web")


async def test_a_short_list_may_have_the_maximum_number_of_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_PAGES", 2)
    items, complete = await list_all(ScriptedClient(*listing_pages(2)), "/path", "v")
    assert ([item["name"] for item in items], complete) == (["n1", "n2"], True)
    items, complete = await list_all(ScriptedClient(*listing_pages(3)), "/path", "v")
    assert ([item["name"] for item in items], complete) == (["n1", "n2"], False)


@pytest.mark.parametrize("value", [None, 1, "text", {}])
async def test_a_short_list_must_be_a_list(value: object) -> None:
    with pytest.raises(AzureError, match="InvalidResponse: the response from Azure could not be parsed"):
        await list_all(ScriptedClient(encode({"value": value})), "/path", "v")


async def test_short_lists_skip_what_is_not_an_object() -> None:
    body = encode({"value": [1, None, [], {"a": 1}]})
    assert await list_all(ScriptedClient(body), "/path", "v") == ([{"a": 1}], True)


@pytest.mark.parametrize("actions", ["*", 1, [1], {}])
async def test_permissions_of_a_wrong_type_grant_nothing(actions: object) -> None:
    # The text "*" must not read as the list of its characters.
    body = encode({"value": [{"actions": actions}]})
    with pytest.raises(AzureError, match="InvalidResponse: the permissions could not be parsed"):
        await PermissionReader(ScriptedClient(body)).grants(SUBSCRIPTION)


async def test_permissions_must_be_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_PAGES", 1)
    with pytest.raises(AzureError, match="TooManyPages"):
        await PermissionReader(ScriptedClient(*listing_pages(2))).grants(SUBSCRIPTION)
    body = encode({"value": [{"actions": ["a"], "notActions": ["b"]}, {}]})
    grants = await PermissionReader(ScriptedClient(body)).grants(SUBSCRIPTION)
    assert [(grant.actions, grant.not_actions) for grant in grants] == [(("a",), ("b",)), ((), ())]


@pytest.mark.parametrize(
    ("text", "number"),
    [(None, 0), ("", 0), ("17", 17), ("1.5", 1.5), ("-3", 0), ("soon", 0), ("nan", 0), ("inf", float("inf"))],
)
def test_numbers_in_headers(text: str | None, number: float) -> None:
    assert parse_number(text) == number


def test_retry_after_is_limited_and_the_error_says_so() -> None:
    # One response with 1000000000 would stop the watch permanently.
    at = error_from_response(429, {"Retry-After": "900"}, None)
    assert (at.retry_after, at.message) == (900, "HTTP 429")
    beyond = error_from_response(429, {"Retry-After": "901"}, {"error": {"code": "X", "message": "m" * 900}})
    assert beyond.retry_after == MAX_RETRY_AFTER_SECONDS
    assert beyond.message.endswith("m (Azure asked to wait 901 s; the limit is 900 s)")
    assert len(beyond.message) == MAX_MESSAGE_LENGTH


def test_a_message_is_one_line_of_limited_length() -> None:
    error = AzureError("Invalid", "a\nb\x1b\u202e" + "c" * 600)
    assert error.message.startswith("a b  c")
    assert len(error.message) == MAX_MESSAGE_LENGTH
    assert str(error) == f"Invalid: {error.message}"


def test_only_a_404_concludes_absence() -> None:
    body = {"error": {"code": "ResourceNotFound", "message": "m"}}
    assert error_from_response(404, {}, body).reason == "ResourceNotFound"
    assert error_from_response(400, {}, body).reason == "Invalid"
    assert error_from_response(404, {}, {"error": {"code": "X", "message": "m"}}).message == "X: m"


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (TimeoutError("t"), "Timeout"),
        (OSError("o"), "Unreachable"),
        (ServiceRequestError("s"), "Unreachable"),
        (IncompleteReadError("i"), "Unreachable"),
        (HttpResponseError("h"), "Unreachable"),
        (RecursionError("r"), "InvalidResponse"),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "u"), "InvalidResponse"),
        (AzureError("Throttled", "t", 5), "Throttled"),
        (RuntimeError("CANARY"), "Unexpected"),
        (KeyError("CANARY"), "Unexpected"),
    ],
)
def test_every_exception_becomes_an_azure_error(raised: Exception, reason: str) -> None:
    # An unexpected exception must neither end the reconciles nor reveal a secret.
    with pytest.raises(AzureError) as caught, translate_errors():
        raise raised
    assert caught.value.reason == reason
    assert "CANARY" not in str(caught.value)
    if reason == "Unexpected":
        assert type(raised).__name__ in caught.value.message


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://management.azure.com/a?b", True),
        ("https://MANAGEMENT.azure.com:443/a", True),
        ("https://management.azure.com", True),
        ("http://management.azure.com/a", False),
        ("https://management.azure.com:8443/a", False),
        ("https://management.azure.com.example.com/a", False),
        ("https://example.com/management.azure.com", False),
        ("https://user@management.azure.com/a", False),
        ("https://management.azure.com\\@example.com/a", False),
        ("https://management.azure.com /a", False),
        ("https://management.azure.com/\u202e", False),
        ("https://management.azure.com:port/a", False),
        ("https://[", False),
        ("/subscriptions", False),
        ("", False),
    ],
)
def test_tokens_go_to_the_endpoint_only(url: str, *, same: bool) -> None:
    assert has_same_origin(url, "https://management.azure.com") is same
