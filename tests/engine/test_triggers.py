"""What makes a scope list before its interval is over, and what tenants cannot make it do."""

import asyncio

from nsg_baseline.engine.triggers import Trigger

LONG = 3600.0


async def test_a_request_at_once_ends_the_wait() -> None:
    trigger = Trigger()
    trigger.ring()
    assert await trigger.wait(LONG, LONG)
    assert not await trigger.wait(0, 0), "a request counts once"


async def test_a_request_of_a_tenant_waits_for_the_pause() -> None:
    # A tenant that creates and deletes a baseline in turn would make the scope list without end.
    trigger = Trigger()
    trigger.ring_soon()
    assert not await trigger.wait(0, LONG), "the pause is not over"
    assert await trigger.wait(LONG, 0), "and the request is not lost"
    assert not await trigger.wait(0, 0)


async def test_a_request_of_an_event_waits_for_its_own_pause() -> None:
    # An NSG without a baseline must be reported within seconds, whatever the tenants edit.
    trigger = Trigger()
    trigger.ring_soon()
    trigger.ring_for_event()
    assert not await trigger.wait(0, LONG, LONG), "no pause is over"
    assert await trigger.wait(LONG, LONG, 0)
    assert not await trigger.wait(0, 0, 0), "one listing answers both requests"
    trigger.ring_soon()
    assert not await trigger.wait(0, LONG, 0), "the pause of a tenant's request is another one"


async def test_requests_during_the_wait_are_heard() -> None:
    trigger = Trigger()
    waiting = asyncio.create_task(trigger.wait(LONG, LONG))
    await asyncio.sleep(0)
    trigger.ring_soon()
    await asyncio.sleep(0)
    assert not waiting.done()
    trigger.ring()
    assert await asyncio.wait_for(waiting, 60)


async def test_a_new_time_before_the_wait_ends_it_too() -> None:
    # The loop computes its times and may store a status before it waits. What is new since must not be lost.
    trigger = Trigger()
    trigger.recompute()
    assert not await asyncio.wait_for(trigger.wait(LONG, LONG), 60)


async def test_a_new_time_ends_the_wait_without_a_listing() -> None:
    # An exception that ends in five seconds must not wait for the listing of the next day.
    trigger = Trigger()
    waiting = asyncio.create_task(trigger.wait(LONG, LONG))
    await asyncio.sleep(0)
    trigger.recompute()
    assert not await asyncio.wait_for(waiting, 60)
    trigger.recompute()
    trigger.ring()
    assert await trigger.wait(LONG, LONG)
