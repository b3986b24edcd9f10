"""How many routes of a namespace are honoured: each incident records the deliveries of all routes that cover it."""

from collections.abc import Iterable

from nsg_baseline.api.route import NSGAlertRoute

MAX_ROUTES = 60
"""Routes of one namespace."""
MAX_OPERATOR_ROUTES = 120
"""Routes of the operator's namespace, which cover all namespaces. Both together fit into an incident's status."""


def refused_routes(routes: Iterable[NSGAlertRoute], operator_namespace: str) -> list[NSGAlertRoute]:
    """Return the routes above the limit of their namespace: the youngest."""
    by_namespace: dict[str, list[NSGAlertRoute]] = {}
    for route in routes:
        by_namespace.setdefault(route.metadata.namespace, []).append(route)
    refused: list[NSGAlertRoute] = []
    for namespace, members in by_namespace.items():
        limit = MAX_OPERATOR_ROUTES if namespace == operator_namespace else MAX_ROUTES
        refused += sorted(members, key=_age)[limit:]
    return refused


def _age(route: NSGAlertRoute) -> tuple[bool, float, str]:
    created_at = route.metadata.creation_timestamp
    return created_at is None, created_at.timestamp() if created_at is not None else 0.0, route.metadata.name
