"""The loops of all routes: one for each, woken only by what concerns the route."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from nsg_baseline.alerts.changes import Changes
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.pending import route_name
from nsg_baseline.alerts.ports import Outbox
from nsg_baseline.alerts.route_limit import refused_routes
from nsg_baseline.alerts.route_loop import RouteLoop
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.route import NSGAlertRoute


@dataclass(slots=True)
class RouteLoops:
    """The running loops, by namespace and key of their routes.

    Attributes:
        new_dispatcher: Returns the dispatcher of a route.
    """

    outbox: Outbox
    operator_namespace: str
    new_dispatcher: Callable[[NSGAlertRoute], Dispatcher]
    _loops: dict[str, dict[ObjectKey, tuple[RouteLoop, "asyncio.Task[None]"]]] = field(default_factory=dict)

    def start_missing(self) -> None:
        """Start a loop for each route that has none."""
        self._follow(route.key for route in self.outbox.routes())

    def apply(self, changes: Changes) -> None:
        """Start the loops of new routes, and wake those that a change concerns."""
        self._follow(changes.routes)
        for key in changes.routes:
            for loop in self._named(key):
                loop.touch()
        for incident, names in changes.incidents.items():
            for loop in self._concerned(incident, names):
                loop.concern(incident)

    def stop(self) -> list["asyncio.Task[None]"]:
        """Start no further message; return the tasks that finish those under way."""
        running = [entry for members in self._loops.values() for entry in members.values()]
        for loop, _ in running:
            loop.stop()
        return [task for _, task in running]

    def _follow(self, keys: Iterable[ObjectKey]) -> None:
        """Start the loops of routes that have none, and forget those that have ended."""
        wanted = tuple(keys)
        routes = [route for route in map(self.outbox.route, wanted) if route is not None]
        namespaces = {key.namespace for key in wanted}
        for namespace in namespaces:
            members = self._loops.get(namespace, {})
            self._loops[namespace] = {key: entry for key, entry in members.items() if not entry[1].done()}
        for route in routes:
            if route.key not in self._loops[route.metadata.namespace]:
                self._start(route)
        for namespace in namespaces:
            self._refuse(namespace)

    def _start(self, route: NSGAlertRoute) -> None:
        loop = RouteLoop(route.key, self.operator_namespace, self.new_dispatcher(route))
        task = asyncio.create_task(loop.run(), name=f"route {route_name(route)}")
        self._loops[route.metadata.namespace][route.key] = loop, task

    def _refuse(self, namespace: str) -> None:
        members = self._loops[namespace]
        if not members:
            del self._loops[namespace]
        routes = [route for route in map(self.outbox.route, members) if route is not None]
        refused = {route.key for route in refused_routes(routes, self.operator_namespace)}
        for key, (loop, _) in members.items():
            loop.refuse(refused=key in refused)

    def _named(self, key: ObjectKey) -> list[RouteLoop]:
        entry = self._loops.get(key.namespace, {}).get(key)
        return [entry[0]] if entry is not None else []

    def _concerned(self, incident: ObjectKey, names: frozenset[str] | None) -> list[RouteLoop]:
        """Return the loops of the incident's namespace and of the operator's, or of certain routes."""
        if names is not None:
            keys = (ObjectKey(*name.split("/", 1)) for name in names if "/" in name)
            return [loop for key in keys for loop in self._named(key)]
        namespaces = {incident.namespace, self.operator_namespace}
        return [loop for namespace in namespaces for loop, _ in self._loops.get(namespace, {}).values()]
