"""OpenAPI v3 documents, which kubectl uses for validation and for `kubectl explain`."""

from aiohttp import web

from .discovery import kinds_in
from .kinds import Kind
from .replies import json_reply
from .shapes import Obj
from .store import Store

_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_OBJECT_META: Obj = {
    "type": "object",
    "description": "ObjectMeta is metadata that all persisted resources must have.",
    "properties": {
        "name": {"type": "string", "description": "Name must be unique within a namespace."},
        "namespace": {
            "type": "string",
            "description": "Namespace defines the space within which each name must be unique.",
        },
        "labels": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Map of string keys and values.",
        },
        "annotations": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Unstructured map.",
        },
    },
    "x-kubernetes-preserve-unknown-fields": True,
}
_TYPE_FIELDS: Obj = {
    "apiVersion": {
        "type": "string",
        "description": "APIVersion defines the versioned schema of this representation of an object.",
    },
    "kind": {
        "type": "string",
        "description": "Kind is a string value representing the REST resource this object represents.",
    },
}
_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
]


# gnostic's openapi.v2.Document: swagger = "2.0", info = {title: "Kubernetes", version: "emulator"}
_OLD = b"\x0a\x032.0\x12\x16\x0a\x0aKubernetes\x12\x08emulator"
_OLD_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


class OpenApi:
    """The OpenAPI documents of a store, one for each group version."""

    def __init__(self, store: Store) -> None:
        """Create the documents of a store."""
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of the documents."""
        return [
            web.get("/openapi/v2", self.old),
            web.get("/openapi/v3", self.index),
            web.get("/openapi/v3/{root:.+}", self.document),
        ]

    async def old(self, _: web.Request) -> web.Response:
        """Return an empty OpenAPI v2 document in protobuf, the only encoding that kubectl accepts.

        kubectl requests it before it applies a `kind: List`, to validate the described kinds. The server validates each
        object in any case.
        """
        return web.Response(body=_OLD, content_type=_OLD_TYPE)

    async def index(self, _: web.Request) -> web.Response:
        """Return the path of each document; the hash changes with the store, so that clients reload."""
        roots = sorted({resource.kind.root for resource in self._store.resources.values()})
        version = self._store.version
        return json_reply(
            {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}?hash={version}"} for root in roots}}
        )

    async def document(self, request: web.Request) -> web.Response:
        """Return the document of one group version."""
        root = request.match_info["root"].split("/")
        kinds = kinds_in(self._store, root[1] if root[0] == "apis" else "", root[-1])
        schemas: Obj = {_METADATA: _OBJECT_META, **{_name(kind): _schema(kind) for kind in kinds}}
        paths: Obj = {path: item for kind in kinds for path, item in _paths(kind).items()}
        info = {"title": "Kubernetes", "version": "emulator"}
        return json_reply({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}})


def _name(kind: Kind) -> str:
    group = ".".join(reversed(kind.group.split("."))) if kind.group else "io.k8s.api.core"
    return f"{group}.{kind.version}.{kind.kind}"


def _gvk(kind: Kind) -> Obj:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _schema(kind: Kind) -> Obj:
    schema = kind.schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    metadata = {"description": "Standard object's metadata.", "allOf": [{"$ref": f"#/components/schemas/{_METADATA}"}]}
    properties = {**schema.get("properties", {}), **_TYPE_FIELDS, "metadata": metadata}
    return {**schema, "properties": properties, "x-kubernetes-group-version-kind": [_gvk(kind)]}


def _paths(kind: Kind) -> dict[str, Obj]:
    base = f"/{kind.root}{'/namespaces/{namespace}' if kind.namespaced else ''}/{kind.plural}"
    item = {
        method: _operation(kind, action)
        for method, action in (("get", "get"), ("put", "put"), ("patch", "patch"), ("delete", "delete"))
    }
    return {base: {"get": _operation(kind, "list"), "post": _operation(kind, "post")}, f"{base}/{{name}}": item}


def _operation(kind: Kind, action: str) -> Obj:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_name(kind)}"}}}
    return {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _gvk(kind),
        "parameters": _PARAMETERS,
        "responses": {"200": {"description": "OK", "content": content}},
    }
