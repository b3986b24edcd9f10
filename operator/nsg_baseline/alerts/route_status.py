"""A route's channels, read from its Secret, and its Ready condition."""

from collections.abc import Sequence
from datetime import datetime

from nsg_baseline.alerts.channels import Channel, Permissions
from nsg_baseline.alerts.ports import Outbox
from nsg_baseline.alerts.resolving import resolve_channels
from nsg_baseline.alerts.selection import next_selection
from nsg_baseline.api.heartbeat import HeartbeatStatus
from nsg_baseline.api.route import Message, NSGAlertRoute, RouteStatus
from nsg_baseline.core.conditions import ConditionState, delivering, not_ready, undelivered, update_conditions


class RouteUnusableError(Exception):
    """A route has no usable channel. `condition` is its Ready condition."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.condition = not_ready(reason, message)


async def read_channels(
    outbox: Outbox, route: NSGAlertRoute, permissions: Permissions
) -> tuple[list[Channel], ConditionState | None]:
    """Return a route's channels, and its Ready condition if a line is not a channel.

    Raises:
        RouteUnusableError: The Secret or its key is missing, or it contains no usable channel.
        OutboxError: The API server is unavailable.
    """
    source = route.spec.urls_from
    if source is None:
        raise RouteUnusableError("NoChannels", "neither spec.urlsFrom nor spec.channels is set")
    values = await outbox.secret(route.metadata.namespace, source.name)
    if values is None:
        raise RouteUnusableError(
            "SecretNotFound",
            f"Secret {source.name} does not exist in this namespace; create it or change spec.urlsFrom",
        )
    if source.key not in values:
        raise RouteUnusableError(
            "KeyNotFound", f"Secret {source.name} has no key {source.key}; add it or change spec.urlsFrom"
        )
    channels, errors = await resolve_channels(values[source.key], permissions)
    problem = "InvalidURL", f"Secret {source.name}, key {source.key}, {'; '.join(map(str, errors))}"
    if errors and not channels:
        raise RouteUnusableError(*problem)
    if not channels:
        raise RouteUnusableError(
            "NoChannels",
            f"Secret {source.name}, key {source.key} contains no channel URL; add one Apprise URL on each line",
        )
    return list({channel.id: channel for channel in channels}.values()), not_ready(*problem) if errors else None


def delivery_condition(
    failing: Sequence[Channel], messages: int, templates: ConditionState | None = None
) -> ConditionState:
    """Return a route's Ready condition.

    Args:
        failing: The channels that did not accept a message.
        messages: The number of notifications being retried.
        templates: The condition of a route whose templates failed.
    """
    # A line with several recipients has several channels.
    lines = sorted({channel.line for channel in failing})
    return undelivered(messages, lines) if failing and messages else templates or delivering()


def next_status(
    route: NSGAlertRoute,
    state: ConditionState,
    channels: int,
    messages: tuple[Message, ...],
    now: datetime,
    undelivered: int = 0,
    heartbeat: tuple[HeartbeatStatus | None, ConditionState | None] = (None, None),
) -> RouteStatus:
    """Return a route's status after a delivery. `heartbeat` is its last daily message, and its condition."""
    last, beating = heartbeat
    states = [state, beating] if beating is not None else [state]
    generation = route.metadata.generation
    return RouteStatus(
        observed_generation=generation,
        conditions=update_conditions(route.status.conditions, states, generation, now),
        channels=channels,
        undelivered=undelivered,
        heartbeat=last,
        selection=next_selection(route, now),
        in_flight=messages,
    )
