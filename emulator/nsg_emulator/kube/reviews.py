"""Access reviews, which allow every request."""

from typing import Any

from aiohttp import web

from .bodies import read_body
from .errors import no_resource
from .replies import json_reply
from .shapes import Obj

_KINDS = {
    "selfsubjectaccessreviews": "SelfSubjectAccessReview",
    "subjectaccessreviews": "SubjectAccessReview",
    "selfsubjectrulesreviews": "SelfSubjectRulesReview",
}
_ALL: Obj = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}


def routes() -> list[web.RouteDef]:
    """Return the routes of the reviews."""
    return [
        web.post("/apis/authorization.k8s.io/v1/{review}", _review),
        web.get("/apis/authorization.k8s.io/v1", _resources),
    ]


async def _review(request: web.Request) -> web.Response:
    kind = _KINDS.get(request.match_info["review"])
    if kind is None:
        raise no_resource()
    # kubectl sends reviews in protobuf and accepts JSON
    body: Any = {} if "protobuf" in request.content_type else await read_body(request)
    status: Obj = {"allowed": True}
    if kind == "SelfSubjectRulesReview":
        everything = {"verbs": ["*"], "nonResourceURLs": ["*"]}
        status = {"resourceRules": [_ALL], "nonResourceRules": [everything], "incomplete": False}
    return json_reply({**body, "apiVersion": "authorization.k8s.io/v1", "kind": kind, "status": status}, 201)


async def _resources(_: web.Request) -> web.Response:
    listed = [
        {"name": name, "singularName": kind.lower(), "kind": kind, "namespaced": False, "verbs": ["create"]}
        for name, kind in _KINDS.items()
    ]
    body = {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "authorization.k8s.io/v1",
        "resources": listed,
    }
    return json_reply(body)
