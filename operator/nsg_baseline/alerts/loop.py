"""The alert loops: one per route, woken when something concerns it."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from nsg_baseline.alerts.acknowledgement_polls import AcknowledgementPolls
from nsg_baseline.alerts.azure_links import PUBLIC, AzureLinks
from nsg_baseline.alerts.channels import SEND_SECONDS, SENDER, Permissions, disable_url_logging
from nsg_baseline.alerts.dead_man_switch import DeadManSwitches
from nsg_baseline.alerts.deduplication import DeliveredKeys
from nsg_baseline.alerts.dispatcher import Dispatcher
from nsg_baseline.alerts.namespace_turns import NamespaceTurns
from nsg_baseline.alerts.ports import Outbox
from nsg_baseline.alerts.route_groups import GroupedOutbox
from nsg_baseline.alerts.route_loop import INTERVAL_SECONDS
from nsg_baseline.alerts.route_loops import RouteLoops
from nsg_baseline.alerts.watch import WatchSource
from nsg_baseline.api.route import NSGAlertRoute

STOP_SECONDS = SEND_SECONDS + 5.0
"""How long an orderly stop waits for messages under way. Their results are recorded, so that none is repeated."""


async def run(  # noqa: PLR0913 - each is a setting of the process
    outbox: Outbox,
    operator_namespace: str,
    clock: Callable[[], datetime],
    *,
    allow_local: bool = False,
    allow_private: bool = False,
    channel_key: bytes = b"",
    watch: WatchSource | None = None,
    links: AzureLinks = PUBLIC,
) -> None:
    """Run the loops of all routes until cancelled. Then finish the messages under way.

    Args:
        outbox: The stored incidents and routes.
        operator_namespace: The namespace whose routes cover all namespaces.
        clock: Returns the current time.
        allow_local: Allow channels to connect to loopback and link-local addresses.
        allow_private: Allow private networks for routes in all namespaces.
        channel_key: The key of the ids of channels that are stored; empty for none.
        watch: The scopes; None for no heartbeats.
        links: The portal and the CLI of the cloud, for messages.
    """
    disable_url_logging()
    outbox = GroupedOutbox(outbox, clock)
    delivered_keys, turns = DeliveredKeys(), NamespaceTurns()
    private = Permissions(operator_namespace, is_operator=True, local=allow_local, private=True)
    switches = DeadManSwitches(outbox, watch, clock, private) if watch is not None else None
    calling = asyncio.create_task(switches.run(), name="switches") if switches is not None else None

    def new_dispatcher(route: NSGAlertRoute) -> Dispatcher:
        return Dispatcher(
            outbox,
            clock,
            delivered_keys,
            allow_local=allow_local,
            allow_private=allow_private,
            operator_namespace=operator_namespace,
            channel_key=channel_key,
            turns=turns,
            watch=watch if route.metadata.namespace == operator_namespace else None,
            switches=switches,
            links=links,
        )

    def permissions_of(route: NSGAlertRoute) -> Permissions:
        return new_dispatcher(route).permissions(route)

    loops = RouteLoops(outbox, operator_namespace, new_dispatcher)
    polls = AcknowledgementPolls(outbox, operator_namespace, clock, permissions_of, turns)
    polling = asyncio.create_task(polls.run(), name="acknowledgements")
    try:
        loops.start_missing()
        while True:
            changes = await outbox.changed(INTERVAL_SECONDS)
            loops.apply(changes)
            if not changes:
                # A loop that ended by a defect starts again.
                loops.start_missing()
    finally:
        tasks = loops.stop()
        polling.cancel()
        if calling is not None:
            calling.cancel()
        await _ended([*tasks, polling])
        SENDER.close()


async def _ended(tasks: list["asyncio.Task[None]"]) -> None:
    """Wait for messages under way, then cancel what is left."""
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
