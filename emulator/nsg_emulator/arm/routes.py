"""The routes of the emulator. Paths match without regard to case, as in ARM."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nsg_emulator.arm import (
    activity_query,
    errors,
    event_resources,
    groups,
    ids,
    metadata,
    nsgs,
    operations,
    permissions,
    rules,
)
from nsg_emulator.arm.activity import change_of
from nsg_emulator.arm.emulated_azure import EmulatedAzure
from nsg_emulator.arm.messages import ArmRequest, ArmResponse

Handler = Callable[[EmulatedAzure, ArmRequest], ArmResponse]

_SUB = r"/subscriptions/(?P<sub>[^/]+)"
_GROUP = rf"{_SUB}/resourceGroups/(?P<group>[^/]+)"
_NSG = rf"{_GROUP}/providers/Microsoft\.Network/networkSecurityGroups/(?P<nsg>[^/]+)"
_LOCATION = rf"{_SUB}/providers/Microsoft\.Network/locations/(?P<location>[^/]+)"
_EVENT_GRID = r"/providers/Microsoft\.EventGrid"
_TOPICS = rf"{_GROUP}{_EVENT_GRID}/systemTopics"
_TOPIC = rf"{_TOPICS}/(?P<topic>[^/]+)"
_READ = f"{ids.NSG_TYPE}/read"
_TENANT = r"/(?P<tenant>[^/]+)"


@dataclass(frozen=True, slots=True)
class Route:
    """A path and its methods.

    Attributes:
        open: Whether it is served without a token and without an api-version.
        changes: The name of the operation in the Activity Log, by method.
        reads: The action that a GET requires; empty if none.
    """

    pattern: re.Pattern[str]
    handlers: Mapping[str, Handler]
    open: bool = False
    changes: Mapping[str, str] | None = None
    reads: str = ""

    def action(self, method: str) -> str:
        """Return the action that a method requires; empty if none."""
        return self.reads if method in ("GET", "HEAD") else (self.changes or {}).get(method, "")


def _route(path: str, *, is_open: bool = False, changes: str = "", reads: str = "", **handlers: Handler) -> Route:
    writes = (
        {"PUT": f"{changes}/write", "PATCH": f"{changes}/write", "DELETE": f"{changes}/delete"} if changes else None
    )
    return Route(re.compile(f"{path}/?", re.IGNORECASE), handlers, is_open, writes, reads)


def _list_subscription(azure: EmulatedAzure, request: ArmRequest) -> ArmResponse:
    subscription = azure.store.subscription(request.params["sub"])
    return azure.listings.answer(
        request, f"/subscriptions/{subscription.id}", azure.settings.page_size, _omitted(azure, request)
    )


def _list_group(azure: EmulatedAzure, request: ArmRequest) -> ArmResponse:
    group = azure.store.group(request.params["sub"], request.params["group"])
    return azure.listings.answer(request, group.id, azure.settings.page_size, _omitted(azure, request))


def _omitted(azure: EmulatedAzure, request: ArmRequest) -> list[str]:
    return [ids.key(resource_id) for resource_id in azure.faults.omitted(request)]


def _permissions(azure: EmulatedAzure, request: ArmRequest) -> ArmResponse:
    return permissions.answer(azure.settings, request)


def _activity(azure: EmulatedAzure, request: ArmRequest) -> ArmResponse:
    azure.store.subscription(request.params["sub"])
    return activity_query.respond(azure.activity, request, azure.clock())


def _delete_group(azure: EmulatedAzure, request: ArmRequest) -> ArmResponse:
    """Delete a group. Each deleted NSG gets only an EndRequest row, with the correlation id of the group (recorded)."""
    response, gone = groups.delete(azure.store, request)
    for nsg in gone:
        change = change_of(request, f"{ids.NSG_TYPE}/delete", nsg.id)
        azure.activity.end_of(change, azure.clock(), azure.store.new_id(), 200)
    return response


def _event_route(path: str, resource_type: str, *, single: bool = False) -> Route:
    """Return the route of system topics or event subscriptions: of all of them below a scope, or of a single one."""
    read = f"{resource_type}/read"
    if not single:
        return _route(path, reads=read, GET=lambda w, c: event_resources.listing(w.store, c, resource_type))
    return _route(
        path,
        changes=resource_type,
        reads=read,
        GET=lambda w, c: event_resources.get(w.store, c),
        PUT=lambda w, c: event_resources.put(w.store, c, resource_type),
        DELETE=lambda w, c: event_resources.delete(w.store, c),
    )


ROUTES = (
    _route(
        f"{_TENANT}/v2\\.0/\\.well-known/openid-configuration",
        is_open=True,
        GET=lambda w, c: w.identity.openid_configuration(c),
    ),
    _route(
        f"{_TENANT}/\\.well-known/openid-configuration",
        is_open=True,
        GET=lambda w, c: w.identity.openid_configuration(c),
    ),
    _route(f"{_TENANT}/oauth2(/v2\\.0)?/token", is_open=True, POST=lambda w, c: w.identity.token(c, w.clock())),
    _route("/common/discovery/instance", is_open=True, GET=lambda w, c: w.identity.instance_discovery(c)),
    _route("/metadata/endpoints", is_open=True, GET=lambda _, c: metadata.endpoints(c)),
    _route("/tenants", GET=lambda w, _: groups.tenants(w.settings.tenant)),
    _route("/subscriptions", GET=lambda w, _: groups.subscriptions(w.store, w.settings.tenant)),
    _route(_SUB, GET=lambda w, c: groups.subscription(w.store, c, w.settings.tenant)),
    _route(f"{_SUB}/resourceGroups", GET=lambda w, c: groups.collection(w.store, c)),
    _route(
        _GROUP,
        changes="Microsoft.Resources/subscriptions/resourcegroups",
        GET=lambda w, c: groups.get(w.store, c),
        HEAD=lambda w, c: groups.head(w.store, c),
        PUT=lambda w, c: groups.put(w.store, c),
        DELETE=_delete_group,
    ),
    _route(f"{_SUB}/operationresults/(?P<operation>[^/]+)", GET=lambda _w, _c: ArmResponse(200)),
    _route(f"{_SUB}/providers/Microsoft\\.Network/networkSecurityGroups", reads=_READ, GET=_list_subscription),
    _route(f"{_GROUP}/providers/Microsoft\\.Network/networkSecurityGroups", reads=_READ, GET=_list_group),
    _route(f"{_SUB}/providers/Microsoft\\.Authorization/permissions", GET=_permissions),
    _route(f"{_GROUP}/providers/Microsoft\\.Authorization/permissions", GET=_permissions),
    _route(
        _NSG,
        changes=ids.NSG_TYPE,
        reads=_READ,
        GET=lambda w, c: nsgs.get(w.store, c),
        PUT=lambda w, c: nsgs.put(w.store, c, lambda: w.terms(c)),
        PATCH=lambda w, c: nsgs.patch(w.store, c),
        DELETE=lambda w, c: nsgs.delete(w.store, c, lambda: w.terms(c)),
    ),
    _route(f"{_NSG}/securityRules", GET=lambda w, c: rules.collection(w.store, c)),
    _route(
        f"{_NSG}/securityRules/(?P<rule>[^/]+)",
        changes=ids.RULE_TYPE,
        GET=lambda w, c: rules.get(w.store, c),
        PUT=lambda w, c: rules.put(w.store, c, lambda: w.terms(c)),
        DELETE=lambda w, c: rules.delete(w.store, c, lambda: w.terms(c)),
    ),
    _route(f"{_NSG}/defaultSecurityRules", GET=lambda w, c: rules.defaults(w.store, c)),
    _route(f"{_NSG}/defaultSecurityRules/(?P<rule>[^/]+)", GET=lambda w, c: rules.default(w.store, c)),
    _route(
        f"{_LOCATION}/operations/(?P<operation>[^/]+)",
        reads="Microsoft.Network/locations/operations/read",
        GET=lambda w, c: operations.status(w.store, c, w.settings.retry_after),
    ),
    _route(
        f"{_LOCATION}/operationResults/(?P<operation>[^/]+)",
        GET=lambda w, c: operations.result(w.store, c, w.settings.retry_after),
    ),
    *(
        _event_route(path, resource_type)
        for path, resource_type in (
            (f"{_SUB}{_EVENT_GRID}/systemTopics", event_resources.TOPIC_TYPE),
            (_TOPICS, event_resources.TOPIC_TYPE),
            (f"{_TOPIC}/eventSubscriptions", event_resources.NESTED_TYPE),
            (f"{_SUB}{_EVENT_GRID}/eventSubscriptions", event_resources.SUBSCRIPTION_TYPE),
            (f"{_GROUP}{_EVENT_GRID}/eventSubscriptions", event_resources.SUBSCRIPTION_TYPE),
        )
    ),
    *(
        _event_route(path, resource_type, single=True)
        for path, resource_type in (
            (_TOPIC, event_resources.TOPIC_TYPE),
            (f"{_TOPIC}/eventSubscriptions/[^/]+", event_resources.NESTED_TYPE),
            (f"{_SUB}{_EVENT_GRID}/eventSubscriptions/[^/]+", event_resources.SUBSCRIPTION_TYPE),
            (f"{_GROUP}{_EVENT_GRID}/eventSubscriptions/[^/]+", event_resources.SUBSCRIPTION_TYPE),
        )
    ),
    _route(
        f"{_SUB}/providers/Microsoft\\.Insights/eventtypes/management/values",
        reads="Microsoft.Insights/eventtypes/values/read",
        GET=_activity,
    ),
)


def find(method: str, path: str) -> tuple[Route, Handler, dict[str, str]]:
    """Return the route of a path, the handler of the method, and the parameters in the path.

    Raises:
        ArmError: 501 if the path is not emulated, 405 if the path does not support the method.
    """
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match is None:
            continue
        handler = route.handlers.get(method)
        if handler is None:
            raise errors.method_not_allowed(method, path)
        return route, handler, {name: value for name, value in match.groupdict().items() if value is not None}
    raise errors.not_emulated(method, path)
