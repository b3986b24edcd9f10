"""Compares a recorded answer with the emulator's, up to ids and times, and names each difference."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.emulator.arm.recordings import Pair

GUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
ORIGIN = re.compile(r"https?://[^/]+")
QUERY_OF_AN_OPERATION = re.compile(r"&[tcsh]=[^&]*")

# Of the connection, of Azure's edge, or ids: nothing that a client of ARM could rely on.
UNCOMPARED = frozenset(
    (
        "connection",
        "content-encoding",
        "content-length",
        "date",
        "server",
        "transfer-encoding",
        "vary",
        "x-cache",
        "x-msedge-ref",
        "x-ms-arm-service-request-id",
        "x-ms-client-request-id",
        "x-ms-correlation-request-id",
        "x-ms-operation-identifier",
        "x-ms-original-request-ids",
        "x-ms-request-id",
        "x-ms-routing-request-id",
        "x-ms-throttle-levels",
    )
)


def differences(pair: Pair, status: int, headers: Mapping[str, str], body: Any) -> set[str]:
    """Every difference as `status`, `header NAME` or `body PATH`."""
    aspects = set() if status == pair.status else {"status"}
    aspects |= {f"header {name}" for name in _header_differences(pair.answer_headers, headers)}
    return aspects | {f"body {path}" for path in _body_differences(_masked(pair.answer), _masked(body), "")}


def _header_differences(recorded: Mapping[str, Any], emulated: Mapping[str, str]) -> Iterator[str]:
    recorded_headers = {name.lower(): _header(value) for name, value in recorded.items()}
    right = {name.lower(): _header(value) for name, value in emulated.items()}
    for name in sorted((recorded_headers.keys() | right.keys()) - UNCOMPARED):
        if recorded_headers.get(name) != right.get(name):
            yield name


def _header(value: Any) -> str:
    """Numbers are seconds to wait (0, 1, 2, 10 and 20 are recorded for alike things) or requests left."""
    text = value if isinstance(value, str) else str(value[0])
    if text.isdigit():
        return "N"
    text = re.sub(r"/subscriptions/[^/]+", "/subscriptions/S", text)
    return GUID.sub("GUID", ORIGIN.sub("", QUERY_OF_AN_OPERATION.sub("", text)))


def _masked(value: Any) -> Any:
    """GUIDs, etags and the subscription's name in ids differ at each run."""
    return json.loads(GUID.sub("GUID", json.dumps(value)))


def _body_differences(recorded: Any, emulated: Any, path: str) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(emulated, dict):
        yield from _object_differences(recorded, emulated, path)
    elif isinstance(recorded, list) and isinstance(emulated, list):
        if len(recorded) != len(emulated):
            yield f"{path}[#]"
        for first, second in zip(recorded, emulated, strict=False):
            yield from _body_differences(first, second, f"{path}[]")
    elif recorded != emulated:
        yield path or "/"


def _object_differences(recorded: dict[str, Any], emulated: dict[str, Any], path: str) -> Iterator[str]:
    if list(recorded) != list(emulated) and recorded.keys() == emulated.keys():
        yield f"{path or '/'} (order)"
    for name in recorded.keys() | emulated.keys():
        if (name in recorded) != (name in emulated):
            yield f"{path}/{name} ({'absent' if name in recorded else 'extra'})"
        else:
            yield from _body_differences(recorded[name], emulated[name], f"{path}/{name}")
