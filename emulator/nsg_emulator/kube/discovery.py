"""API discovery."""

from aiohttp import web

from .builtin import NAMESPACE
from .errors import no_resource
from .kinds import Kind
from .replies import json_reply
from .shapes import Obj
from .store import Store

GIT_VERSION = "v1.32.0+embedded"
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_STATUS_VERBS = ["get", "patch", "update"]


class Discovery:
    """Serves the version, the groups and the resources of a store."""

    def __init__(self, store: Store) -> None:
        """Create the discovery of a store."""
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of discovery."""
        return [
            *(web.get(path, self.health) for path in ("/healthz", "/readyz", "/livez")),
            web.get("/version", self.version),
            web.get("/api", self.core),
            web.get("/apis", self.groups),
            web.get("/apis/{group}", self.group),
            web.get("/api/{version}", self.resources),
            web.get("/apis/{group}/{version}", self.resources),
        ]

    async def health(self, _: web.Request) -> web.Response:
        """Respond to a health probe."""
        return web.Response(text="ok")

    async def version(self, _: web.Request) -> web.Response:
        """Return the emulated release."""
        return json_reply({"major": "1", "minor": "32", "gitVersion": GIT_VERSION, "platform": "emulator"})

    async def core(self, _: web.Request) -> web.Response:
        """Return the versions of the core group."""
        return json_reply({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})

    async def groups(self, _: web.Request) -> web.Response:
        """Return the API groups."""
        return json_reply({"kind": "APIGroupList", "apiVersion": "v1", "groups": self._groups()})

    async def group(self, request: web.Request) -> web.Response:
        """Return one API group."""
        for group in self._groups():
            if group["name"] == request.match_info["group"]:
                return json_reply({"kind": "APIGroup", "apiVersion": "v1", **group})
        raise no_resource()

    async def resources(self, request: web.Request) -> web.Response:
        """Return the resources of one group version."""
        kinds = kinds_in(self._store, request.match_info.get("group", ""), request.match_info["version"])
        listed = [entry for kind in kinds for entry in _entries(kind)]
        body = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": kinds[0].api_version,
            "resources": listed,
        }
        return json_reply(body)

    def _groups(self) -> list[Obj]:
        versions_by_group: dict[str, list[str]] = {"authorization.k8s.io": ["v1"]}
        for group, version, _ in self._store.resources:
            if group and version not in versions_by_group.setdefault(group, []):
                versions_by_group[group].append(version)
        return [
            {"name": group, "versions": versions, "preferredVersion": versions[0]}
            for group, names in versions_by_group.items()
            for versions in [[{"groupVersion": f"{group}/{name}", "version": name} for name in names]]
        ]


def kinds_in(store: Store, group: str, version: str) -> list[Kind]:
    """Return the kinds of a group version.

    Raises:
        ApiError: 404 if there are none.
    """
    kinds = [resource.kind for (g, v, _), resource in store.resources.items() if (g, v) == (group, version)]
    if not kinds:
        raise no_resource()
    return kinds


def _entries(kind: Kind) -> list[Obj]:
    shared = {"kind": kind.kind, "namespaced": kind.namespaced}
    main_entry: Obj = {
        "name": kind.plural,
        "singularName": kind.singular or kind.kind.lower(),
        **shared,
        "verbs": _VERBS if kind is not NAMESPACE else [verb for verb in _VERBS if verb != "deletecollection"],
        **({"shortNames": list(kind.short)} if kind.short else {}),
        **({"categories": list(kind.categories)} if kind.categories else {}),
    }
    status: Obj = {"name": f"{kind.plural}/status", "singularName": "", **shared, "verbs": _STATUS_VERBS}
    return [main_entry, status] if kind.status else [main_entry]
