"""Messages that reached nobody stay visible, and routes of one namespace do not crowd out those of another."""

import asyncio
from datetime import timedelta

from nsg_baseline.alerts import loop
from nsg_baseline.alerts.route_limit import MAX_OPERATOR_ROUTES, MAX_ROUTES, refused_routes
from nsg_baseline.engine.outbox import MAX_DELIVERIES
from tests.alerts.test_grouping_and_limits import RouteEnvironment
from tests.support.alerts import OPERATOR, START, Clock, MemoryOutbox, incident, route
from tests.support.chats import Chats


async def test_an_alert_that_reached_nobody_is_never_recorded_as_delivered(chats: Chats) -> None:
    # After a day of failures the route said that all is delivered.
    environment = RouteEnvironment(chats)
    to = environment.routes[0]
    chats.answers["a"] = 503
    environment.outbox.put(incident(severity="critical"))
    for _ in range(30):
        await environment.deliver()
        environment.clock.advance(hours=1)
    assert environment.outbox.delivery(incident(), to) is None
    condition = environment.outbox.condition(to)
    assert (condition.status, condition.reason) == ("False", "Undelivered")
    assert environment.outbox.stored_routes[to.key].status.undelivered == 1
    chats.answers.clear()
    environment.clock.advance(hours=1)
    await environment.deliver()
    assert environment.outbox.delivered_revision(incident(), to) == 1
    assert environment.outbox.condition(to).status == "True"
    assert environment.outbox.stored_routes[to.key].status.undelivered == 0


async def test_a_digest_and_single_messages_to_one_channel_say_nothing_twice(chats: Chats) -> None:
    # The platform's route sees six incidents and sends a digest; the team's route sees three of them.
    environment = RouteEnvironment(chats, route("team", namespace="team-web"), route("all"))
    environment.outbox.put(
        *(incident(f"web-{number}") for number in range(3)),
        *(incident(f"db-{number}", namespace="team-db") for number in range(3)),
    )
    await environment.deliver()
    assert len(environment.titles) == 4
    assert "3 incidents" in environment.titles[-1]
    texts = "\n".join(body["message"] for _, body in chats.bodies)
    assert texts.count("incident team-web/web-1 revision 1") == 1
    for key in ("web-0", "web-1", "web-2", "db-0", "db-1", "db-2"):
        records = next(item for (_, name), item in environment.outbox.stored.items() if name == key).status.deliveries
        assert len(records) == (2 if key.startswith("web") else 1)


async def test_the_rest_of_a_digest_is_a_whole_message(chats: Chats) -> None:
    # A digest of one incident would have no command and no link.
    environment = RouteEnvironment(chats, route("team", namespace="team-web"), route("all"))
    environment.outbox.put(*(incident(f"web-{number}") for number in range(3)), incident("db", namespace="team-db"))
    await environment.deliver()
    assert len(environment.titles) == 4
    assert "incidents" not in environment.titles[-1]


def test_the_youngest_routes_above_the_limit_of_their_namespace_are_refused() -> None:
    # Otherwise the routes of a tenant fill the record of an incident, and the platform's alert repeats at each restart.
    assert MAX_ROUTES + MAX_OPERATOR_ROUTES < MAX_DELIVERIES
    old = [route(f"r-{number:03}", "team-web") for number in range(MAX_ROUTES)]
    young = [route(f"a-{number}", "team-web", START + timedelta(seconds=1)) for number in range(3)]
    platform = [route(f"p-{number}") for number in range(MAX_OPERATOR_ROUTES)]
    assert refused_routes([*young, *platform, *old], OPERATOR) == young
    assert refused_routes([*platform, *old], OPERATOR) == []


async def test_a_refused_route_says_so() -> None:
    outbox = MemoryOutbox()
    outbox.put(*(route(f"r-{number:03}", "team-web") for number in range(MAX_ROUTES)))
    young = route("young", "team-web", START + timedelta(seconds=1))
    outbox.put(young)
    running = asyncio.create_task(loop.run(outbox, OPERATOR, Clock()))
    try:
        async with asyncio.timeout(60):
            while not outbox.stored_routes[young.key].status.conditions:
                await outbox.reported.wait()
                outbox.reported.clear()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    condition = outbox.condition(young)
    assert (condition.status, condition.reason) == ("False", "TooManyRoutes")
