"""The API server: a store behind HTTP, with a request log, injected faults, and helpers for in-process use."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler

from . import reviews
from .discovery import Discovery
from .errors import ApiError, no_resource, not_allowed
from .interference import Interference
from .openapi import OpenApi
from .patching import MERGE_PATCH
from .replies import json_reply
from .request_log import Logged, RequestLog
from .resource import Resource, Write
from .routes import Objects
from .shapes import Obj, Validator, clone
from .store import Store

_LARGEST_BODY = 8 << 20
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

Where: TypeAlias = tuple[str, str, str]
"""apiVersion, kind and namespace (empty for cluster-scoped kinds)."""


class KubeApi:
    """The state of an API server, and its web application."""

    def __init__(self, validators: Sequence[Validator] = (), history: int = 1000) -> None:
        """Create an API server with the built-in kinds.

        Args:
            validators: further validation of custom resources, such as CEL rules.
            history: number of changes of each resource that are kept for watches and continue tokens.
        """
        self.store = Store(validators, history)
        self.requests = RequestLog()
        self.interference = Interference()

    def app(self) -> web.Application:
        """Return a new web application for this state."""
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[self._answer])
        app.add_routes(
            [
                web.get("/_emulator/requests", self._show_requests),
                web.delete("/_emulator/requests", self._reset_requests),
                *OpenApi(self.store).routes(),
                *reviews.routes(),
                *Discovery(self.store).routes(),
                *Objects(self.store, self.interference).routes(),
            ]
        )
        return app

    def apply(self, obj: Obj) -> Obj:
        """Create an object or merge it into the existing object (server-side apply, with force)."""
        resource, key = self._locate(obj)
        if resource.kind.namespaced:
            self.store.require_namespace(key[0], resource.kind, key[1])
        return clone(resource.apply(key, clone(obj), Write("in-process", force=True))[0])

    def create(self, obj: Obj) -> Obj:
        """Create an object."""
        resource, key = self._locate(obj)
        if resource.kind.namespaced:
            self.store.require_namespace(key[0], resource.kind, key[1])
        return clone(resource.create(key[0], clone(obj), Write("in-process")))

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Obj:
        """Return a copy of an object."""
        return clone(self.store.find_kind(api_version, kind).get((namespace, name)))

    def list(self, api_version: str, kind: str, namespace: str = "") -> list[Obj]:
        """Return copies of all objects of a kind, in all namespaces or in one."""
        resource = self.store.find_kind(api_version, kind)
        pairs = resource.collection.in_order()
        return [clone(resource.read(obj)) for key, obj in pairs if not namespace or key[0] == namespace]

    def patch(
        self, api_version: str, kind: str, name: str, patch: Any, namespace: str = "", *, subresource: str = ""
    ) -> Obj:
        """Apply a merge patch to an object or its status."""
        write = Write("in-process", subresource=subresource)
        resource = self.store.find_kind(api_version, kind)
        return clone(resource.patch((namespace, name), clone(patch), MERGE_PATCH, write))

    def delete(self, api_version: str, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object."""
        self.store.find_kind(api_version, kind).delete((namespace, name))

    def _locate(self, obj: Obj) -> tuple[Resource, tuple[str, str]]:
        resource = self.store.find_kind(obj["apiVersion"], obj["kind"])
        metadata = obj["metadata"]
        namespace = metadata.get("namespace", "default") if resource.kind.namespaced else ""
        return resource, (namespace, metadata.get("name", ""))

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Log a request, apply injected faults, and turn errors into Status objects."""
        if request.path.startswith("/_emulator"):
            return await handler(request)
        trouble = self.interference.meet(request)
        if trouble is not None and trouble.error is None:
            self._log(request, 0)
            return _cut(request)
        if trouble is not None and trouble.error is not None:
            response: web.StreamResponse = _troubled(trouble.error, trouble.retry_after)
        elif _is_watch(request):
            self._log(request, 0)
            return await self._handled(request, handler)
        else:
            response = await self._handled(request, handler)
        self._log(request, response.status)
        return response

    async def _handled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return _troubled(error)
        except web.HTTPNotFound:
            return _troubled(no_resource())
        except web.HTTPMethodNotAllowed:
            return _troubled(not_allowed())

    def _log(self, request: web.Request, status: int) -> None:
        agent = request.headers.get("User-Agent", "")
        self.requests.add(Logged(request.method, request.path, request.query_string, agent, status, _verb(request)))

    async def _show_requests(self, _: web.Request) -> web.Response:
        return json_reply(self.requests.as_json())

    async def _reset_requests(self, _: web.Request) -> web.Response:
        self.requests.reset()
        return json_reply(self.requests.as_json())


def _troubled(error: ApiError, retry_after: int | None = None) -> web.Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if not error.reason:
        return web.Response(text=error.message, status=error.code, headers=headers)
    return json_reply(error.status(), error.code, headers)


def _cut(request: web.Request) -> web.Response:
    """Close the connection without a response."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _is_watch(request: web.Request) -> bool:
    return request.method == "GET" and request.query.get("watch") in ("1", "true")


def _verb(request: web.Request) -> str:
    if request.method == "GET":
        return "watch" if _is_watch(request) else "get" if "name" in request.match_info else "list"
    if request.method == "DELETE" and "name" not in request.match_info:
        return "deletecollection"
    return _VERBS.get(request.method, request.method.lower())
