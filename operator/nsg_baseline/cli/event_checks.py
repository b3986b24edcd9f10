"""The checks of `nsgb events check`, from the queue back to Event Grid."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.event_queue import BATCH, POISON_SUFFIX, EventQueue
from nsg_baseline.azure.services import ArmServices
from nsg_baseline.cli.live_sources import asked
from nsg_baseline.core.event_subscription import QueueAddress, to_queue

TEST_SECONDS = 60.0
_POLL_SECONDS = 1.0
_DOCS = "see docs/events.md"
_ROLES = {
    "queue": "Storage Queue Data Message Processor",
    "poison queue": "Storage Queue Data Message Sender and Storage Queue Data Reader",
    "test": "Storage Queue Data Message Sender",
}


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked, the result, and what to do about it; `fix` is empty if nothing is to be done."""

    name: str
    result: Literal["Passed", "Failed", "Unknown"]
    message: str
    fix: str = ""


def checks(subscription: str, url: str, queue: QueueAddress, *, is_tested: bool) -> list[Check]:
    """Check the delivery of a subscription's events to a queue.

    Raises:
        Failure: there are no valid credentials or settings.
    """

    async def gather(arm: ArmServices) -> list[Check]:
        try:
            client = arm.event_queue(url)
        except AzureError as error:
            return [Check("queue", "Failed", error.message, "correct spec.events.queueUrl, or NSGB_AZURE_CLOUD")]
        results = [
            await _reached("queue", url, queue.name, _read(client)),
            await _reached("poison queue", url + POISON_SUFFIX, queue.name + POISON_SUFFIX, client.check_poison()),
            *await _subscriptions(arm, subscription, queue),
        ]
        if is_tested:
            results.append(await _tested(client))
        return results

    return asked(gather)


async def _read(queue: EventQueue) -> None:
    await queue.peek()


async def _reached(name: str, url: str, queue: str, request: Awaitable[None]) -> Check:
    try:
        await request
    except AzureError as error:
        return Check(name, "Failed", f"{url}: {error}", _fix(name, queue, error))
    return Check(name, "Passed", f"{url} can be read")


def _fix(name: str, queue: str, error: AzureError) -> str:
    if error.reason in ("Forbidden", "Unauthenticated"):
        return f"assign the role {_ROLES[name]} on the queue to the identity of the operator; {_DOCS}"
    if error.reason.endswith("NotFound"):
        return f"create the queue {queue}; {_DOCS}"
    return "check the URL, the network rules of the storage account, and DNS"


async def _subscriptions(arm: ArmServices, subscription: str, queue: QueueAddress) -> list[Check]:
    name = "event subscription"
    try:
        documents = await arm.event_grid.event_subscriptions(subscription)
    except AzureError as error:
        fix = "assign the role EventGrid EventSubscription Reader on the subscription to your identity"
        return [Check(name, "Unknown", f"the event subscriptions cannot be read: {error}", fix)]
    delivering = to_queue(documents, queue)
    if not delivering:
        text = f"none of {len(documents)} event subscriptions delivers to {queue.account}/{queue.name}"
        return [Check(name, "Failed", text, f"create one in subscription {subscription}; {_DOCS}")]
    now = datetime.now(UTC)
    faults = {item.name: list(item.faults(subscription, now)) for item in delivering}
    whole = [item for item, reasons in faults.items() if not reasons]
    if whole:
        return [Check(name, "Passed", f"{whole[0]} delivers all events that the operator needs")]
    return list(_faulty(name, faults))


def _faulty(name: str, faults: dict[str, list[str]]) -> Iterator[Check]:
    for item, reasons in faults.items():
        yield Check(name, "Failed", f"{item}: {'; '.join(reasons)}", f"correct the event subscription {item}; {_DOCS}")


async def _tested(queue: EventQueue) -> Check:
    """Add a message that concerns no NSG, and wait until another receiver has it."""
    event = {
        "id": str(uuid.uuid4()),
        "eventType": "nsgb.events.check",
        "eventTime": datetime.now(UTC).isoformat(),
        "subject": "/nsgb/events/check",
        "data": {"operationName": "nsgb/events/check"},
    }
    started = time.monotonic()
    try:
        message = await queue.send(json.dumps(event))
        while time.monotonic() - started < TEST_SECONDS:
            await asyncio.sleep(_POLL_SECONDS)
            waiting = await queue.peek()
            if message.id not in waiting and len(waiting) < BATCH:
                return Check("test", "Passed", f"a test message was received after {time.monotonic() - started:.0f} s")
    except AzureError as error:
        return Check("test", "Failed", f"the test message: {error}", _fix("test", "", error))
    fix = "check that the operator runs, that a scope has this queue, and its condition EventsReady"
    return Check("test", "Failed", f"nobody received a test message within {TEST_SECONDS:g} s", fix)
