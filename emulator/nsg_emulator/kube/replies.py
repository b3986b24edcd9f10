"""Responses in the requested format: the object, a Table, or metadata only."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from .kinds import Kind
from .shapes import Obj
from .tables import metadata_only, table


def json_reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a JSON response."""
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json", headers=headers)


def shown_object(request: web.Request, kind: Kind, obj: Obj, *, headed: bool = True) -> Obj:
    """Render one object in the format of the `Accept` header; a table has column definitions if `headed`."""
    accept = request.headers.get("Accept", "")
    if "as=Table" in accept:
        version = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        return table(kind, [obj], version, request.query.get("includeObject", "Metadata"), _now(), headed=headed)
    return metadata_only(obj) if "as=PartialObjectMetadata;" in accept else obj


def shown_list(request: web.Request, kind: Kind, objects: Sequence[Obj], metadata: Obj) -> Obj:
    """Render a list in the format of the `Accept` header."""
    accept = request.headers.get("Accept", "")
    if "as=Table" in accept:
        return table(kind, objects, metadata, request.query.get("includeObject", "Metadata"), _now())
    if "as=PartialObjectMetadataList" in accept:
        items = [metadata_only(obj) for obj in objects]
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "items": items,
        }
    return {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata, "items": objects}


def warnings(texts: Sequence[str]) -> dict[str, str]:
    """Return the Warning headers for some texts."""
    if not texts:
        return {}
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    return {"Warning": ", ".join(f'299 - "{text}"' for text in quoted)}


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
