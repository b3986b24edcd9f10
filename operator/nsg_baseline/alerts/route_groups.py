"""Groups of channels: each group of a route is delivered like a separate route, and they share one status.

A route with the groups `pager` and `chat` becomes the routes `NAME/pager` and `NAME/chat`: no group waits for another
one, and each has its own record in an incident. A slash is in no name of an object.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from weakref import WeakValueDictionary

from nsg_baseline.alerts.changes import Changes
from nsg_baseline.alerts.ports import Outbox
from nsg_baseline.alerts.selection import next_selection, selected_since, selection_of
from nsg_baseline.api.common import Condition, ObjectKey
from nsg_baseline.api.incident import Acknowledged, Delivery, NSGIncident
from nsg_baseline.api.message_templates import merged
from nsg_baseline.api.route import NSGAlertRoute, RouteStatus
from nsg_baseline.api.route_match import ChannelGroup
from nsg_baseline.core.conditions import ConditionState, find_condition, update_conditions


def members(route: NSGAlertRoute) -> tuple[NSGAlertRoute, ...]:
    """Return the routes of which a route consists: that of `urlsFrom`, then one for each group.

    The first one has the heartbeat.
    """
    if not route.spec.channels:
        return (route,)
    main = [_member(route, None)] if route.spec.urls_from is not None else []
    parts = [*main, *(_member(route, group) for group in route.spec.channels)]
    return (parts[0], *map(_without_heartbeat, parts[1:]))


def _member(route: NSGAlertRoute, group: ChannelGroup | None) -> NSGAlertRoute:
    name = group.name if group is not None else ""
    source = group.urls_from if group is not None else route.spec.urls_from
    templates = merged(route.spec.templates, group.templates if group is not None else None)
    parts = {"urls_from": source, "channels": (group,) if group is not None else (), "templates": templates}
    spec = route.spec.model_copy(update=parts)
    meta = route.metadata.model_copy(update={"name": f"{route.metadata.name}/{name}" if name else route.metadata.name})
    own = tuple(message for message in route.status.in_flight if message.group == name)
    # The common Ready condition is not that of a group.
    conditions = tuple(condition for condition in route.status.conditions if condition.type == "Heartbeat")
    update = {"in_flight": own, "conditions": conditions}
    member = route.model_copy(update={"metadata": meta, "spec": spec, "status": route.status.model_copy(update=update)})
    selection = selection_of(member, selected_since(route))
    return member.model_copy(update={"status": member.status.model_copy(update={"selection": selection})})


def _without_heartbeat(member: NSGAlertRoute) -> NSGAlertRoute:
    status = member.status.model_copy(update={"heartbeat": None, "conditions": ()})
    return member.model_copy(update={"spec": member.spec.model_copy(update={"heartbeat": None}), "status": status})


def composed_status(
    route: NSGAlertRoute, statuses: Mapping[str, RouteStatus], groups: Sequence[str], now: datetime
) -> RouteStatus:
    """Return the status of a route with groups.

    Args:
        route: The route as stored.
        statuses: The statuses of its groups that were delivered in this process, by name; empty for `urlsFrom`.
        groups: The names of all its groups, in order.
        now: The current time.
    """
    current = {name: statuses[name] for name in groups if name in statuses}
    generation = route.metadata.generation
    others = tuple(item for item in route.status.in_flight if item.group in groups and item.group not in current)
    own = (item.model_copy(update={"group": name}) for name, status in current.items() for item in status.in_flight)
    ready = _ready(route, current, len(groups))
    beating = [find_condition(status.conditions, "Heartbeat") for status in current.values()]
    states = [ready] if ready is not None else []
    states += [_state(condition) for condition in beating if condition is not None]
    first = current.get(groups[0])
    return RouteStatus(
        observed_generation=generation,
        conditions=update_conditions(route.status.conditions, states, generation, now),
        channels=sum(status.channels for status in current.values()),
        undelivered=sum(status.undelivered for status in current.values()),
        selection=next_selection(route, now),
        heartbeat=first.heartbeat if first is not None else route.status.heartbeat,
        in_flight=(*others, *own),
    )


def _ready(route: NSGAlertRoute, statuses: Mapping[str, RouteStatus], groups: int) -> ConditionState | None:
    """Return the worst Ready condition of the groups, and name them. It is not True before all groups are."""
    stored = {name: find_condition(status.conditions, "Ready") for name, status in statuses.items()}
    conditions = {name: condition for name, condition in stored.items() if condition is not None}
    bad = {name: condition for name, condition in conditions.items() if condition.status != "True"}
    if bad:
        texts = [f"channels {name}: {item.message}" if name else item.message for name, item in bad.items()]
        worst = next(iter(bad.values()))
        return ConditionState("Ready", worst.status, worst.reason, "; ".join(texts))
    before = find_condition(route.status.conditions, "Ready")
    if len(conditions) < groups:
        return _state(before) if before is not None else None
    return _state(next(iter(conditions.values())))


def _state(condition: Condition) -> ConditionState:
    return ConditionState(condition.type, condition.status, condition.reason, condition.message)


@dataclass(slots=True)
class GroupedOutbox:
    """An outbox whose routes are the groups of the stored routes."""

    inner: Outbox
    clock: Callable[[], datetime]
    _members: dict[ObjectKey, tuple[NSGAlertRoute, tuple[NSGAlertRoute, ...]]] = field(default_factory=dict)
    _statuses: dict[ObjectKey, dict[str, RouteStatus]] = field(default_factory=dict)
    _locks: "WeakValueDictionary[ObjectKey, asyncio.Lock]" = field(default_factory=WeakValueDictionary)

    def incidents(self, namespace: str | None = None) -> Iterable[NSGIncident]:
        """Return the incidents of a namespace, or all."""
        return self.inner.incidents(namespace)

    def incident(self, key: ObjectKey) -> NSGIncident | None:
        """Return one incident; None if there is none."""
        return self.inner.incident(key)

    def notified(self, route: str) -> Iterable[NSGIncident]:
        """Return the incidents that contain a record of a group."""
        return self.inner.notified(route)

    def routes(self) -> Iterable[NSGAlertRoute]:
        """Return the groups of all valid routes."""
        routes = {route.key: route for route in self.inner.routes()}
        self._members = {key: self._of(route) for key, route in routes.items()}
        self._statuses = {key: statuses for key, statuses in self._statuses.items() if key in routes}
        return [self._current(key, member) for key, (_, parts) in self._members.items() for member in parts]

    def route(self, key: ObjectKey) -> NSGAlertRoute | None:
        """Return one group; None if there is none."""
        stored = self.inner.route(_stored_key(key))
        if stored is None:
            return None
        self._members[stored.key] = self._of(stored)
        parts = self._members[stored.key][1]
        return next((self._current(stored.key, member) for member in parts if member.key == key), None)

    async def changed(self, seconds: float) -> Changes:
        """Return what has changed since the last call. The groups of a route change together."""
        changes = await self.inner.changed(seconds)
        return replace(changes, routes=frozenset(group for key in changes.routes for group in self._groups(key)))

    async def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Return the values of a Secret; None if it does not exist."""
        return await self.inner.secret(namespace, name)

    async def record(self, incident: NSGIncident, delivery: Delivery) -> None:
        """Store the deliveries of a group about an incident."""
        await self.inner.record(incident, delivery)

    async def acknowledge(self, incident: NSGIncident, given: Acknowledged) -> None:
        """Store an acknowledgement of an incident."""
        await self.inner.acknowledge(incident, given)

    def approved_tags(self, incident: NSGIncident) -> Mapping[str, str]:
        """Return the tags that the baseline of an incident approves."""
        return self.inner.approved_tags(incident)

    async def report(self, route: NSGAlertRoute, status: RouteStatus) -> None:
        """Store a group's status as a part of its route's."""
        key, group = _place(route)
        stored = self.inner.route(key)
        if stored is None or not stored.spec.channels:
            await self.inner.report(route, status)
            return
        names = [_place(member)[1] for member in members(stored)]
        self._statuses.setdefault(key, {})[group] = status
        # Of two reports at the same time, the older one must not replace the newer one.
        async with self._locks.setdefault(key, asyncio.Lock()):
            await self.inner.report(stored, composed_status(stored, self._statuses[key], names, self.clock()))

    def _groups(self, key: ObjectKey) -> set[ObjectKey]:
        """Return the keys of the groups that a route has, and of those that it had."""
        _, before = self._members.pop(key, (None, ()))
        stored = self.inner.route(key)
        if stored is None:
            self._statuses.pop(key, None)
        return {key, *(member.key for member in (*before, *(members(stored) if stored is not None else ())))}

    def _of(self, route: NSGAlertRoute) -> tuple[NSGAlertRoute, tuple[NSGAlertRoute, ...]]:
        cached = self._members.get(route.key)
        return cached if cached is not None and cached[0] is route else (route, members(route))

    def _current(self, key: ObjectKey, member: NSGAlertRoute) -> NSGAlertRoute:
        """Return a group with its own status, which the common status does not contain as a whole."""
        status = self._statuses.get(key, {}).get(_place(member)[1])
        return member.model_copy(update={"status": status}) if status is not None else member


def _stored_key(key: ObjectKey) -> ObjectKey:
    return ObjectKey(key.namespace, key.name.partition("/")[0])


def _place(route: NSGAlertRoute) -> tuple[ObjectKey, str]:
    """Return the key of the stored route, and the name of the group; empty for `urlsFrom`."""
    name, _, group = route.metadata.name.partition("/")
    return ObjectKey(route.metadata.namespace, name), group
