"""The HTTP routes of collections, objects and their status."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from .admission import Strictness
from .bodies import read_body, read_options
from .errors import bad_request, invalid_options, no_resource, not_allowed, not_found
from .interference import Interference
from .listing import ListQuery, list_page
from .patching import APPLY_PATCH
from .replies import json_reply, shown_list, shown_object, warnings
from .resource import Resource, Write
from .schema import faults
from .selectors import field_test, label_test
from .shapes import Key, Obj
from .store import Store
from .watching import Watch

_OPTIONS = {"PUT": "UpdateOptions", "PATCH": "PatchOptions", "DELETE": "DeleteOptions"}
_MODES = ("Ignore", "Strict", "Warn")
_MATCHES = ("Exact", "NotOlderThan", "")
_POLICIES = ("Foreground", "Background", "Orphan")


class Objects:
    """Serves the objects of a store over HTTP."""

    def __init__(self, store: Store, interference: Interference) -> None:
        """Create the routes of a store. `interference` injects faults into watches."""
        self._store, self._interference = store, interference

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of collections and objects. Routes of namespaces precede those of the objects in them."""
        routes = []
        for base in ("/api/{version}", "/apis/{group}/{version}"):
            for scope in ("", "/namespaces/{namespace}"):
                path = f"{base}{scope}/{{plural}}"
                routes += [web.route("*", path, self.collection), web.route("*", f"{path}/{{name}}", self.item)]
            routes.append(
                web.route("*", f"{base}/namespaces/{{namespace}}/{{plural}}/{{name}}/{{sub:status}}", self.item)
            )
            routes.append(web.route("*", f"{base}/{{plural}}/{{name}}/{{sub:status}}", self.item))
        return routes

    async def collection(self, request: web.Request) -> web.StreamResponse:
        """List, watch or delete the objects of a collection, or create an object."""
        resource, namespace = self._target(request)
        match request.method:
            case "GET" if request.query.get("watch") in ("1", "true"):
                watch = Watch(request, resource, _list_query(request, resource, namespace), lambda: self._store.version)
                return await watch.run(self._interference)
            case "GET":
                page = list_page(resource, _list_query(request, resource, namespace), self._store.version)
                return json_reply(shown_list(request, resource.kind, page.objects, page.metadata))
            case "POST":
                return await self._create(request, resource, namespace)
            case "DELETE":
                return await self._delete_many(request, resource, namespace)
            case _:
                raise not_allowed()

    async def item(self, request: web.Request) -> web.StreamResponse:
        """Read, replace, patch, apply or delete one object, or its status."""
        resource, namespace = self._target(request)
        key = (namespace, request.match_info["name"])
        write, created = _write(request), False
        match request.method:
            case "GET" if request.query.get("watch") in ("1", "true"):
                return await self._watch_one(request, resource, key)
            case "GET":
                obj = resource.get(key)
            case "PUT":
                obj = resource.replace(key, await read_body(request), write)
            case "PATCH" if request.content_type == APPLY_PATCH:
                obj, created = resource.apply(key, await self._applied(request, resource, key), write)
            case "PATCH":
                obj = resource.patch(key, await read_body(request), request.content_type, write)
            case "DELETE" if "sub" not in request.match_info:
                return await self._delete(request, resource, key)
            case _:
                raise not_allowed()
        headers = warnings(write.strictness.warnings)
        return json_reply(shown_object(request, resource.kind, obj), 201 if created else 200, headers)

    def _target(self, request: web.Request) -> tuple[Resource, str]:
        """Return the resource of a path (a copy for a dry run) and the namespace; empty if the path has none."""
        info = request.match_info
        resource = self._store.find(info.get("group", ""), info["version"], info["plural"])
        namespace = info.get("namespace", "")
        inside = "namespace" in info
        if inside != resource.kind.namespaced and (inside or "name" in info or request.method != "GET"):
            raise no_resource()
        if "sub" in info and not resource.kind.status:
            raise not_found(resource.kind, info["name"])
        return (resource.rehearsal() if "dryRun" in request.query else resource), namespace

    async def _create(self, request: web.Request, resource: Resource, namespace: str) -> web.Response:
        body, write = await read_body(request), _write(request)
        if resource.kind.namespaced:
            self._store.require_namespace(namespace, resource.kind, _name_in(body))
        obj = resource.create(namespace, body, write)
        return json_reply(shown_object(request, resource.kind, obj), 201, warnings(write.strictness.warnings))

    async def _applied(self, request: web.Request, resource: Resource, key: Key) -> Obj:
        body: Obj = await read_body(request)
        if resource.kind.namespaced and resource.collection.get(key) is None:
            self._store.require_namespace(key[0], resource.kind, key[1])
        return body

    async def _watch_one(self, request: web.Request, resource: Resource, key: Key) -> web.StreamResponse:
        query = ListQuery(lambda obj: obj["metadata"]["name"] == key[1], namespace=key[0])
        return await Watch(request, resource, query, lambda: self._store.version).run(self._interference)

    async def _delete(self, request: web.Request, resource: Resource, key: Key) -> web.Response:
        options = await read_options(request)
        obj = self._remove(request, resource, key, options)
        if resource.collection.get(key) is not None or resource.kind.holds is not None:
            return json_reply(shown_object(request, resource.kind, obj))
        details = {
            "name": key[1],
            "group": resource.kind.group,
            "kind": resource.kind.plural,
            "uid": obj["metadata"]["uid"],
        }
        return json_reply(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        )

    async def _delete_many(self, request: web.Request, resource: Resource, namespace: str) -> web.Response:
        options = await read_options(request)
        page = list_page(resource, _list_query(request, resource, namespace), self._store.version)
        keys = [(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]) for obj in page.objects]
        gone = [self._remove(request, resource, key, options) for key in keys if resource.collection.get(key)]
        return json_reply(shown_list(request, resource.kind, gone, page.metadata))

    def _remove(self, request: web.Request, resource: Resource, key: Key, options: Obj) -> Obj:
        policy = options.get("propagationPolicy") or request.query.get("propagationPolicy")
        if policy and policy not in _POLICIES:
            fault = faults.unsupported("propagationPolicy", policy, [*_POLICIES, "nil"])
            raise invalid_options("DeleteOptions", fault)
        if (policy == "Orphan" or options.get("orphanDependents")) and "dryRun" not in request.query:
            self._store.orphan(resource.get(key))
        return resource.delete(key, options.get("preconditions"))[0]


def _write(request: web.Request) -> Write:
    """Parse the parameters of a write.

    Raises:
        ApiError: 422 for invalid parameters.
    """
    query, agent = request.query, request.headers.get("User-Agent", "unknown").split("/", 1)[0]
    options = _OPTIONS.get(request.method, "CreateOptions")
    mode, applied = query.get("fieldValidation") or "Warn", request.content_type == APPLY_PATCH
    if mode not in _MODES:
        raise invalid_options(options, faults.unsupported("fieldValidation", mode, ["", *_MODES]))
    if query.get("dryRun", "All") != "All":
        raise invalid_options(options, faults.unsupported("dryRun", query.getall("dryRun"), ["All"]))
    if applied and not query.get("fieldManager"):
        raise invalid_options(options, faults.required("fieldManager", "is required for apply patch"))
    if "force" in query and not applied and request.method == "PATCH":
        raise invalid_options(options, faults.forbidden("force", "may not be specified for non-apply patch"))
    return Write(
        manager=query.get("fieldManager", agent),
        subresource=request.match_info.get("sub", ""),
        force=query.get("force") == "true",
        strictness=Strictness(mode),
    )


def _list_query(request: web.Request, resource: Resource, namespace: str) -> ListQuery:
    query = request.query
    labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
    return ListQuery(
        test=_both(label_test(labels), field_test(resource.kind, fields)),
        narrow=bool(labels or fields),
        namespace=namespace,
        limit=_number(query.get("limit", "")),
        token=query.get("continue", ""),
        version=query.get("resourceVersion", ""),
        match=_match(query),
        seconds=_number(query.get("timeoutSeconds", "")),
    )


def _name_in(body: Any) -> str:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""


def _number(text: str) -> int:
    if text and not text.removeprefix("-").isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return max(0, int(text or 0))


def _match(query: Mapping[str, str]) -> str:
    """Parse `resourceVersionMatch`, which is valid only with certain other parameters.

    Raises:
        ApiError: 422 for other combinations.
    """
    match, version = query.get("resourceVersionMatch", ""), query.get("resourceVersion", "")
    initial, watched = "sendInitialEvents" in query, query.get("watch") in ("1", "true")
    words = ""
    if initial and match != "NotOlderThan":
        words = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    elif match and watched and not initial:
        words = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    elif match and not version and not watched:
        words = "resourceVersionMatch is forbidden unless resourceVersion is provided"
    elif match == "Exact" and version == "0":
        words = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
    if words:
        raise invalid_options("ListOptions", faults.forbidden("resourceVersionMatch", words))
    if match not in _MATCHES:
        raise invalid_options("ListOptions", faults.unsupported("resourceVersionMatch", match, _MATCHES))
    return match


def _both(first: Callable[[Obj], bool], second: Callable[[Obj], bool]) -> Callable[[Obj], bool]:
    return lambda obj: first(obj) and second(obj)
