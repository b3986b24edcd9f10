"""Shares of the sender: no number of tenants and no number of slow channels delays the messages of others."""

import asyncio

import pytest

from nsg_baseline.alerts.sender.slots import PER_NAMESPACE, RESERVED, SHARED, Slot, Slots

OPERATOR = "nsg-baseline-system"


class SlotEnvironment:
    """Slots, and the order in which namespaces get them."""

    def __init__(self) -> None:
        self.slots = Slots()
        self.granted: list[Slot] = []
        self.tasks: list[asyncio.Task[None]] = []

    def ask(self, namespace: str, *, urgent: bool = False) -> "asyncio.Task[None]":
        return asyncio.create_task(self._ask(namespace, urgent=urgent))

    async def _ask(self, namespace: str, *, urgent: bool) -> None:
        is_operator = namespace == OPERATOR
        self.granted.append(await self.slots.acquire(namespace, is_operator=is_operator, urgent=urgent))

    async def fill(self, *namespaces: str) -> None:
        """Let namespaces use their shares, and ask for more than that."""
        for namespace in namespaces:
            for _ in range(PER_NAMESPACE * 5):
                self.tasks.append(self.ask(namespace))
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def names(self) -> list[str]:
        return [slot.namespace for slot in self.granted]


@pytest.fixture
async def environment() -> SlotEnvironment:
    return SlotEnvironment()


async def test_a_namespace_uses_only_its_share(environment: SlotEnvironment) -> None:
    await environment.fill("evil")
    assert environment.names == ["evil"] * PER_NAMESPACE
    await environment.ask("team-web")
    assert environment.names[-1] == "team-web"


async def test_all_tenants_together_leave_the_reserve_to_the_operator(environment: SlotEnvironment) -> None:
    # Three hostile namespaces use up the shared slots. The platform's alert must not wait for their deadlines.
    await environment.fill("evil-1", "evil-2", "evil-3", "evil-4")
    assert len(environment.granted) == SHARED
    for _ in range(RESERVED):
        await environment.ask(OPERATOR)
    assert [slot.is_reserved for slot in environment.granted[SHARED:]] == [True] * RESERVED
    waiting = environment.ask(OPERATOR)
    await environment.settle()
    assert not waiting.done()
    environment.slots.release(environment.granted[-1])
    await waiting


async def test_a_free_slot_goes_to_the_namespace_that_waits_longest_and_not_to_the_longest_queue(
    environment: SlotEnvironment,
) -> None:
    await environment.fill("evil-1", "evil-2", "evil-3")
    waiting = environment.ask("team-web")
    await environment.settle()
    environment.slots.release(environment.granted[0])
    environment.slots.release(environment.granted[1])
    await waiting
    assert "team-web" in environment.names[SHARED:]


async def test_an_urgent_message_goes_before_the_others_of_its_namespace(environment: SlotEnvironment) -> None:
    await environment.fill("team-web")
    waiting = environment.ask("team-web", urgent=True)
    await environment.settle()
    assert not waiting.done()
    environment.slots.release(environment.granted[0])
    await waiting


async def test_a_cancelled_request_keeps_no_slot(environment: SlotEnvironment) -> None:
    # A route that is deleted while it waits, or in the moment in which it gets a slot, must not use one up.
    await environment.fill("team-web")
    for task in environment.tasks:
        task.cancel()
    await asyncio.gather(*environment.tasks, return_exceptions=True)
    late = environment.ask("team-web")
    await environment.settle()
    environment.slots.release(environment.granted[0])
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    await environment.ask("team-web")
    assert len(environment.granted) == PER_NAMESPACE + 1
