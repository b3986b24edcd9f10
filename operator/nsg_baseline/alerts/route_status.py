"""A route's channels, read from its Secret, and its Ready condition."""

from collections.abc import Sequence
from datetime import datetime

from nsg_baseline.alerts.channels import Channel, parse_channels
from nsg_baseline.alerts.ports import Outbox
from nsg_baseline.api.common import Condition
from nsg_baseline.api.route import Message, NSGAlertRoute, RouteStatus
from nsg_baseline.core.text.phrasing import counted

DELIVERING = "Delivering"


class RouteUnusableError(Exception):
    """A route has no usable channel. `reason` is that of its condition."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


async def read_channels(
    outbox: Outbox, route: NSGAlertRoute, *, allow_local: bool
) -> tuple[list[Channel], tuple[str, str] | None]:
    """Return a route's channels, and the reason and message of its condition if a line is not a channel.

    Raises:
        RouteUnusableError: The Secret or its key is missing, or it holds no usable channel.
        OutboxError: The API server is unavailable.
    """
    source = route.spec.urls_from
    values = await outbox.secret(route.metadata.namespace, source.name)
    if values is None:
        raise RouteUnusableError("SecretNotFound", f"Secret {source.name} does not exist in this namespace")
    if source.key not in values:
        raise RouteUnusableError("KeyNotFound", f"Secret {source.name} has no key {source.key}")
    channels, errors = parse_channels(values[source.key], allow_local=allow_local)
    problem = "InvalidURL", f"Secret {source.name}, key {source.key}, {'; '.join(map(str, errors))}"
    if errors and not channels:
        raise RouteUnusableError(*problem)
    if not channels:
        raise RouteUnusableError("NoChannels", f"Secret {source.name}, key {source.key} has no channel URL")
    return list({channel.id: channel for channel in channels}.values()), problem if errors else None


def delivery_condition(failing: Sequence[Channel], undelivered: int) -> tuple[str, str]:
    """Return reason and message of a route's condition; `undelivered` counts the notifications that are retried."""
    if not failing or not undelivered:
        return DELIVERING, "all messages are delivered"
    lines = ", ".join(str(channel.line) for channel in failing)
    return (
        "Undelivered",
        f"{counted(undelivered, 'message')} not delivered to line {lines} of the Secret; retried for 24 h",
    )


def next_status(
    route: NSGAlertRoute, reason: str, message: str, channels: int | None, messages: tuple[Message, ...], now: datetime
) -> RouteStatus:
    """Return a route's status; the time of its condition changes only with the condition's status."""
    stored = next((condition for condition in route.status.conditions if condition.type == "Ready"), None)
    status = "True" if reason == DELIVERING else "False"
    is_unchanged = stored is not None and stored.status == status
    condition = Condition(
        type="Ready",
        status="True" if reason == DELIVERING else "False",
        reason=reason,
        message=message,
        observed_generation=route.metadata.generation,
        last_transition_time=stored.last_transition_time if stored is not None and is_unchanged else now,
    )
    return RouteStatus(
        observed_generation=route.metadata.generation,
        conditions=(condition,),
        channels=channels or 0,
        in_flight=messages,
    )
