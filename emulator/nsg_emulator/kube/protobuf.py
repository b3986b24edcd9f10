"""Decodes the protobuf that `kubectl create` always sends for built-in kinds.

Only the fields that its subcommands set are read: names, labels, annotations, and the data of config maps and secrets.
Responses are JSON, which kubectl accepts. Source: the `generated.proto` files of `k8s.io/api/core/v1` and apimachinery.
"""

import base64
from collections.abc import Iterator
from typing import Any, TypeAlias

from .errors import unsupported_media
from .shapes import Obj

_MAGIC = b"k8s\x00"
_VARINT, _BYTES = 0, 2

_Fields: TypeAlias = dict[int, str]
_METADATA: _Fields = {1: "name", 2: "generateName", 3: "namespace"}
_MAPS: _Fields = {11: "labels", 12: "annotations"}
# kind -> its maps of text, its maps of bytes, its texts
_KINDS: dict[tuple[str, str], tuple[_Fields, _Fields, _Fields]] = {
    ("v1", "Namespace"): ({}, {}, {}),
    ("v1", "ServiceAccount"): ({}, {}, {}),
    ("v1", "ConfigMap"): ({2: "data"}, {3: "binaryData"}, {}),
    ("v1", "Secret"): ({4: "stringData"}, {2: "data"}, {3: "type"}),
}


def read_object(content: bytes) -> Obj:
    """Decode an object in the protobuf envelope of Kubernetes.

    Raises:
        ApiError: 415 for kinds that are not supported.
        ValueError: the content has no such envelope, or is not valid.
    """
    if not content.startswith(_MAGIC):
        raise ValueError("the body has no protobuf envelope")
    envelope = dict(_fields(content[len(_MAGIC) :]))
    named = {1: "apiVersion", 2: "kind"}
    typed = {named[number]: text.decode() for number, text in _fields(envelope.get(1, b"")) if number in named}
    layout = _KINDS.get((typed.get("apiVersion", ""), typed.get("kind", "")))
    if layout is None:
        raise unsupported_media(["application/json", "application/yaml"])
    return {**typed, **_body(envelope.get(2, b""), *layout)}


def _body(raw: bytes, texts: _Fields, blobs: _Fields, plain: _Fields) -> Obj:
    obj: Obj = {"metadata": {}}
    for number, value in _fields(raw):
        if number == 1:
            obj["metadata"] = _metadata(value)
        elif number in texts:
            key, part = _entry(value)
            obj.setdefault(texts[number], {})[key] = part.decode()
        elif number in blobs:
            key, part = _entry(value)
            obj.setdefault(blobs[number], {})[key] = base64.b64encode(part).decode()
        elif number in plain:
            obj[plain[number]] = value.decode()
    return obj


def _metadata(raw: bytes) -> Obj:
    metadata: Obj = {}
    for number, value in _fields(raw):
        if number in _METADATA and value:
            metadata[_METADATA[number]] = value.decode()
        elif number in _MAPS:
            key, part = _entry(value)
            metadata.setdefault(_MAPS[number], {})[key] = part.decode()
    return metadata


def _entry(raw: bytes) -> tuple[str, bytes]:
    """Read one entry of a map."""
    pair = dict(_fields(raw))
    return pair.get(1, b"").decode(), pair.get(2, b"")


def _fields(raw: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and bytes of each length-delimited field. Numeric fields are not needed and skipped."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        size, at = _varint(raw, at)  # for a number this is the value
        if tag & 7 == _BYTES and at + size > len(raw):
            raise ValueError("protobuf ends within a field")
        if tag & 7 == _BYTES:
            yield tag >> 3, raw[at : at + size]
            at += size
        elif tag & 7 != _VARINT:
            raise ValueError(f"protobuf wire type {tag & 7} is not supported")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(raw):
        value |= (raw[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if raw[at - 1] < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, at
    raise ValueError("protobuf ends within a number")
