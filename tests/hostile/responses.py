"""Wrong responses to the listing of a subscription's NSGs, with the outcome that the reader must have.

Each response is either an error with a reason, or a listing that skips what it could not read.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
PREFIX = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.Network/networkSecurityGroups"
LISTING = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network/networkSecurityGroups"
ENDPOINT, ELSEWHERE = "@ENDPOINT@", "@ELSEWHERE@"
"""Placeholders in bodies and headers: the address of the hostile server, and of a server that must get no request."""
Ending = str
"""How the server ends the response: `complete`, `truncate` (fewer bytes than announced) or `drip` (never)."""


@dataclass(frozen=True, slots=True)
class HostileResponse:
    """One wrong response and its outcome.

    Attributes:
        reason: the reason of the AzureError; empty if the listing succeeds.
        nsgs: how many NSGs the reader yields before it fails or ends.
        unreadable: how many elements it counts as unreadable.
        raw: the bytes of the whole response, in place of status, headers and body.
    """

    name: str
    reason: str
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Ending = "complete"
    nsgs: int = 0
    unreadable: int = 0
    raw: bytes | None = None


def nsg(name: str = "web", **properties: Any) -> dict[str, Any]:
    """Return an NSG as ARM lists it."""
    return {"id": f"{PREFIX}/{name}", "name": name, "location": "westeurope", "properties": properties}


def encode(document: Any) -> bytes:
    """Return a JSON body."""
    return json.dumps(document).encode()


def listing(*elements: Any, **more: Any) -> bytes:
    """Return a listing that ends with two valid NSGs."""
    return encode({"value": [*elements, nsg("web"), nsg("db")], **more})


def table() -> tuple[HostileResponse, ...]:
    """Return all wrong responses."""
    return (
        *_bodies(),
        *_elements(),
        *_links(),
        *_statuses(),
        *_error_bodies(),
        *_encodings(),
        *_headers(),
        *_connections(),
    )


def _bodies() -> Iterator[HostileResponse]:
    deep = b"[" * 100_000 + b"]" * 100_000
    bodies = {
        "empty": b"",
        "blank": b" \n",
        "html": b"<!DOCTYPE html><html><body>Sign in</body></html>",
        "text": b"OK",
        "byte order mark": b"\xef\xbb\xbf" + listing(),
        "utf-16": listing().decode().encode("utf-16"),
        "null": b"null",
        "number": b"1",
        "string": b'"value"',
        "true": b"true",
        "list": b"[]",
        "empty object": b"{}",
        "misspelled value": b'{"Value": []}',
        "error with status 200": encode({"error": {"code": "ResourceNotFound", "message": "gone"}}),
        "deep list": deep,
        "deep value": b'{"value": {"a": ' + deep + b"}}",
        "deep extra": b'{"extra": ' + deep + b', "value": []}',
        "json cut": listing()[:-30],
        "two documents": listing() + listing(),
        "trailing garbage": listing() + b"\x00\xff",
        "single quotes": listing().replace(b'"', b"'"),
        "nan": b'{"value": NaN}',
        "invalid utf-8 in a key": b'{"\xff": 1, "value": []}' * 2,
        "null bytes": b"\x00" * 1000,
        "random bytes": bytes(range(256)) * 8,
    }
    yield from (HostileResponse(f"body: {name}", "InvalidResponse", body) for name, body in bodies.items())
    values: dict[str, Any] = {"null": None, "number": 1, "string": "x", "object": {}, "false": False, "float": 1.5}
    for name, value in values.items():
        yield HostileResponse(f"value: {name}", "InvalidResponse", encode({"value": value}))
    for name, element in {
        "list": deep,
        "property": b'{"a": ' + deep + b', "id": "' + PREFIX.encode() + b'/odd"}',
    }.items():
        body = b'{"value": [' + element + b", " + encode(nsg()) + b'], "more": [{"value": []}]}'
        yield HostileResponse(f"deep element: {name}", "", body, nsgs=1, unreadable=1)
    duplicated = b'{"value": [], "value": ' + encode([nsg()]) + b"}"
    yield HostileResponse("value: duplicated key", "", duplicated, nsgs=1)


def _elements() -> Iterator[HostileResponse]:
    elements: dict[str, Any] = {
        "null": None,
        "number": 1,
        "huge number": 10**400,
        "string": "x",
        "list": [],
        "nested list": [[[nsg()]]],
        "empty object": {},
        "id null": {"id": None},
        "id number": {"id": 1},
        "id list": {"id": ["/subscriptions"]},
        "id object": {"id": {}},
        "id true": {"id": True},
        "id empty": {"id": ""},
        "id blank": {"id": " "},
        "id relative": {"id": PREFIX[1:] + "/x"},
        "id of a group": {"id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-web"},
        "id of a rule": {"id": f"{PREFIX}/web/securityRules/ssh"},
        "id of a network": {"id": f"{PREFIX}/x".replace("networkSecurityGroups", "virtualNetworks")},
        "id without a name": {"id": f"{PREFIX}/"},
        "id with a newline": {"id": f"{PREFIX}/we\nb"},
        "id with a null byte": {"id": f"{PREFIX}/we\x00b"},
        "id with an escape": {"id": f"{PREFIX}/we\x1b[2Jb"},
        "id right to left": {"id": f"{PREFIX}/we\u202eb"},
        "id with a lone surrogate": {"id": f"{PREFIX}/we\ud800b"},
        "id too long": {"id": f"{PREFIX}/" + "x" * 2000},
        "id of a megabyte": {"id": f"{PREFIX}/" + "x" * 1_000_000},
        "id misspelled": {"ID": f"{PREFIX}/x"},
    }
    for name, element in elements.items():
        yield HostileResponse(f"element: {name}", "", listing(element), nsgs=2, unreadable=1)
    bad_utf8 = listing(nsg("odd")).replace(b"/odd", b"/\xff\xfe", 1)
    yield HostileResponse("element: invalid utf-8 in the id", "", bad_utf8, nsgs=2, unreadable=1)
    yield HostileResponse("element: all unreadable", "", encode({"value": [None] * 1000}), unreadable=1000)
    yield HostileResponse("element: repeated", "", listing(nsg("web"), nsg("WEB")), nsgs=2)
    contents: dict[str, Any] = {
        "properties null": {**nsg("odd"), "properties": None},
        "properties list": {**nsg("odd"), "properties": []},
        "rules number": nsg("odd", securityRules=1),
        "priority null": nsg("odd", securityRules=[{"name": "a", "properties": {"priority": None}}]),
        "priority huge": nsg("odd", securityRules=[{"name": "a", "properties": {"priority": 10**400}}]),
        "tags list": {**nsg("odd"), "tags": []},
    }
    surrogate = listing({**nsg("odd"), "tags": {"a": "\ud800"}})
    yield HostileResponse("content: a lone surrogate", "", surrogate, nsgs=3)
    yield HostileResponse("content: nan", "", listing(nsg("odd", x=float("nan"))), nsgs=3)
    # The id is readable, so the element is that NSG's concern; the judgement reports it as unreadable.
    for name, element in contents.items():
        yield HostileResponse(f"content: {name}", "", listing(element), nsgs=3)


def _links() -> Iterator[HostileResponse]:
    links: dict[str, Any] = {
        "to another host": f"{ELSEWHERE}{LISTING}?page=2",
        "to another name of the host": f"{ENDPOINT}{LISTING}".replace(ENDPOINT, "http://localhost:1"),
        "to another scheme": f"https{ENDPOINT}{LISTING}",
        "to a user of the host": f"http://{ELSEWHERE}@{ENDPOINT}{LISTING}",
        "with a backslash": f"{ENDPOINT}\\@{ELSEWHERE}{LISTING}",
        "with a newline": f"{ENDPOINT}\n{ELSEWHERE}{LISTING}",
        "with a blank": f" {ENDPOINT}{LISTING}",
        "with a right-to-left mark": f"{ENDPOINT}/\u202e{LISTING}",
        "host as a prefix": f"{ENDPOINT}.example.com{LISTING}",
        "without a scheme": f"//example.com{LISTING}",
        "relative": f"{LISTING}?page=2",
        "to a file": "file:///etc/passwd",
        "to a script": "javascript:alert(1)",
        "to metadata": "http://169.254.169.254/metadata/identity/oauth2/token",
        "malformed": "http://[",
        "with a bad port": "http://127.0.0.1:99999999/",
        "too long": f"{ENDPOINT}{LISTING}?x=" + "y" * 9000,
        "to itself": f"{ENDPOINT}{LISTING}?page=1",
    }
    for name, link in links.items():
        count = 2
        yield HostileResponse(f"nextLink: {name}", "InvalidResponse", listing(nextLink=link), nsgs=count)
    for name, value in {"number": 1, "list": [], "object": {}, "true": True}.items():
        yield HostileResponse(f"nextLink: {name}", "InvalidResponse", listing(nextLink=value))
    yield HostileResponse("nextLink: empty", "", listing(nextLink=""), nsgs=2)


def _statuses() -> Iterator[HostileResponse]:
    for status in (201, 202, 203, 204, 205, 206, 207, 226, 299):
        body = b"" if status in (204, 205) else listing()
        yield HostileResponse(f"status: {status}", "InvalidResponse", body, status)
    for status in (300, 301, 302, 303, 304, 305, 307, 308, 399):
        location = {"Location": f"{ELSEWHERE}{LISTING}"}
        body = b"" if status == 304 else listing()
        yield HostileResponse(f"redirect: {status}", "InvalidResponse", body, status, location)
    yield HostileResponse(
        "redirect: to itself", "InvalidResponse", listing(), 302, {"Location": f"{ENDPOINT}{LISTING}"}
    )
    reasons = {400: "Invalid", 402: "Invalid", 403: "Forbidden", 404: "NotFound", 405: "Invalid", 409: "Conflict"}
    reasons |= {410: "Invalid", 412: "PreconditionFailed", 418: "Invalid", 451: "Invalid", 499: "Invalid"}
    reasons |= {500: "ServerError", 501: "ServerError", 502: "ServerError", 503: "ServerError", 504: "ServerError"}
    reasons |= {505: "ServerError", 599: "ServerError", 999: "ServerError", 401: "Unauthenticated"}
    for status, reason in reasons.items():
        # A valid listing with an error status is not a listing.
        yield HostileResponse(f"status: {status}", reason, listing(), status)


def _error_bodies() -> Iterator[HostileResponse]:
    bodies: dict[str, Any] = {
        "null": None,
        "number": 1,
        "list": [{"error": {}}],
        "string": "error",
        "error null": {"error": None},
        "error number": {"error": 1},
        "error list": {"error": ["ResourceNotFound"]},
        "error string": {"error": "ResourceNotFound"},
        "code number": {"error": {"code": 404, "message": "m"}},
        "code list": {"error": {"code": ["ResourceNotFound"]}},
        "message number": {"error": {"code": "X", "message": 1}},
        "message object": {"error": {"code": "X", "message": {"a": "b"}}},
        "message of a megabyte": {"error": {"code": "X", "message": "m" * 1_000_000}},
        "message with control characters": {"error": {"code": "X", "message": "a\x00b\x1b[2J\u202e\nc"}},
        "details number": {"error": {"code": "X", "details": 1}},
        "details string": {"error": {"code": "X", "details": "ResourceNotFound"}},
        "details object": {"error": {"code": "X", "details": {"code": "ResourceNotFound"}}},
        "details of nulls": {"error": {"code": "X", "details": [None, 1, "x", []]}},
        "details code number": {"error": {"code": "X", "details": [{"code": 1}]}},
        "nested error": {"error": {"error": {"code": "ResourceNotFound"}}},
        # Absence needs a status of 404: the code alone must not conclude that an NSG was deleted.
        "absence with another status": {"error": {"code": "ResourceNotFound", "message": "gone"}},
    }
    for name, body in bodies.items():
        yield HostileResponse(f"error body: {name}", "Conflict", encode(body), 409)
    for name, raw in {"html": b"<html>", "bad utf-8": b'{"error": "\xff"}', "deep": b"[" * 100_000}.items():
        yield HostileResponse(f"error body: {name}", "Forbidden", raw, 403)


def _encodings() -> Iterator[HostileResponse]:
    packed = gzip.compress(listing())
    bomb = gzip.compress(b'{"value": [' + b" " * (100 * 1024 * 1024) + b"]}")
    encodings = {
        "gzip of nothing": (b"\x1f\x8b", "gzip", "InvalidResponse"),
        "gzip that is text": (listing(), "gzip", "InvalidResponse"),
        "gzip cut": (packed[:-12], "gzip", "InvalidResponse"),
        "gzip with a bad checksum": (packed[:-8] + b"\x00" * 8, "gzip", "InvalidResponse"),
        "gzip bomb": (bomb, "gzip", "ResponseTooLarge"),
        "brotli": (packed, "br", "InvalidResponse"),
        "unknown": (listing(), "snappy", "InvalidResponse"),
        "gzip twice": (gzip.compress(packed), "gzip, gzip", "InvalidResponse"),
        "gzip not announced": (packed, "identity", "InvalidResponse"),
    }
    for name, (body, encoding, reason) in encodings.items():
        yield HostileResponse(f"encoding: {name}", reason, body, headers={"Content-Encoding": encoding})
    yield HostileResponse("size: 33 MiB", "ResponseTooLarge", b" " * (33 * 1024 * 1024))


def _headers() -> Iterator[HostileResponse]:
    pauses = ("inf", "-inf", "nan", "1000000000", "1e400", "61", "9" * 5000, "-5", "soon", "\xff")
    for pause in pauses:
        yield HostileResponse(f"Retry-After: {pause[:12]!r}", "Throttled", b"", 429, {"Retry-After": pause})
    challenges = (
        "",
        "Bearer",
        "Bearer claims=",
        'Bearer claims="!!!"',
        'Bearer claims="/////w=="',
        'Bearer claims="bnVsbA=="',
        'Bearer error="insufficient_claims", claims="' + "A" * 4000 + '"',
        f'Bearer authorization_uri="{ELSEWHERE}", claims="e30="',
        "Basic realm=x",
        "\x7f",
    )
    for challenge in challenges:
        yield HostileResponse(
            f"challenge: {challenge[:30]!r}", "Unauthenticated", b"", 401, {"WWW-Authenticate": challenge}
        )
    odd = {
        "remaining reads nan": {"x-ms-ratelimit-remaining-subscription-reads": "nan"},
        "remaining reads inf": {"x-ms-ratelimit-remaining-subscription-reads": "inf"},
        "region without end": {"x-ms-routing-request-id": "x" * 4000},
        "wrong content type": {"Content-Type": "image/png"},
        "wrong charset": {"Content-Type": "application/json; charset=nonsense"},
        "cookie": {"Set-Cookie": "a=b; Domain=.example.com"},
    }
    for name, values in odd.items():
        yield HostileResponse(f"header: {name}", "", listing(), headers=values, nsgs=2)


def _connections() -> Iterator[HostileResponse]:
    body = listing()
    raws = {
        "closed": b"",
        "no http": b"SSH-2.0-OpenSSH_9.6\r\n",
        "status line cut": b"HTTP/1.1 20",
        "status is text": b"HTTP/1.1 abc OK\r\n\r\n",
        "headers cut": b"HTTP/1.1 200 OK\r\nContent-Type: appl",
        "header of 100 KiB": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n" + body,
        "content length is text": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + body,
        "content length negative": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + body,
        "chunk size is text": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n" + body,
        "chunks cut": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{",
    }
    for name, raw in raws.items():
        yield HostileResponse(f"connection: {name}", "Unreachable", raw=raw)
    yield HostileResponse("connection: body cut", "Unreachable", body, ending="truncate")
    yield HostileResponse("connection: body without end", "Timeout", body, ending="drip")
    yield HostileResponse("connection: error body without end", "Timeout", b"{", 500, ending="drip")
