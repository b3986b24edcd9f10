"""Kills at random moments while rules change: each route receives every incident, and repeats have the same key."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nsg_baseline.cli.demo.environment import objects
from nsg_baseline.cli.demo.receiver import Receiver, receiving
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.operator_process import IDS, OperatorProcess, delivered_routes
from tests.support.seed import Seed

KILLS = 20
MANY_KILLS = 200
LONGEST_LIFE = 1.0


async def _write_random_rules(operator_process: OperatorProcess, rng: random.Random, ended: asyncio.Event) -> None:
    """Create, change and delete rules in all NSGs, in a random order, until `ended` is set."""
    rogue, there = operator_process.environment.rogue, set[tuple[str, str]]()
    while not ended.is_set():
        nsg, name = rng.choice(list(IDS.values())), f"rogue-{rng.randrange(6)}"
        if (nsg, name) in there and rng.random() < 0.5:
            there.discard((nsg, name))
            await rogue.delete_rule(nsg, name)
        else:
            there.add((nsg, name))
            fields = {**OPEN_SSH, "priority": 3000 + int(name[-1]), "destinationPortRange": str(rng.randrange(1, 9999))}
            await rogue.put_rule(nsg, name, **fields)
        await asyncio.sleep(rng.uniform(0, 0.4))


ROUTES = {"nsg-baseline-system/chat", "nsg-baseline-system/pager"}


def _repeats(alerts: list[dict[str, Any]]) -> int:
    """Return how many alerts were received before; whatever tells an incident's revision again has the same key."""
    first_keys: dict[tuple[str, int], str] = {}
    for alert in alerts:
        for incident in alert["alert"]["incidents"]:
            assert first_keys.setdefault((incident["name"], incident["revision"]), alert["key"]) == alert["key"]
    return sum(count - 1 for count in Counter(alert["key"] for alert in alerts).values())


@pytest.fixture
async def pager(operator_process: OperatorProcess) -> AsyncIterator[Receiver]:
    """A second route, to another receiver."""
    async with receiving() as receiver:
        for resource in objects(receiver):
            if resource["kind"] in ("Secret", "NSGAlertRoute"):
                resource["metadata"]["name"] = "pager"
                if resource["kind"] == "NSGAlertRoute":
                    resource["spec"]["urlsFrom"]["name"] = "pager"
                operator_process.environment.cluster.api.apply(resource)
        yield receiver


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(KILLS, id="a few"),
        pytest.param(MANY_KILLS, id="many", marks=pytest.mark.slow),
    ],
)
async def test_every_incident_is_notified_and_repeats_have_the_same_key(
    operator_process: OperatorProcess, pager: Receiver, kills: int, seed: Seed
) -> None:
    # On-call relies on it: a crash at any moment neither loses an incident nor repeats a message without its key.
    rng, ended = seed.rng, asyncio.Event()
    writer = asyncio.create_task(_write_random_rules(operator_process, rng, ended))
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(0, LONGEST_LIFE))
        await operator_process.environment.stop_operator(signal.SIGKILL)
        operator_process.start()
    ended.set()
    await writer
    await operator_process.wait_until_delivered()
    incidents = operator_process.incidents()
    assert incidents
    assert all(delivered_routes(incident) == ROUTES for incident in incidents), str(seed)
    open_about = [incident["spec"]["baseline"] for incident in incidents if incident["status"]["state"] == "Open"]
    assert len(open_about) == len(set(open_about)), "two open incidents for one baseline"
    received = (operator_process.environment.receiver.alerts, pager.alerts)
    for alerts in received:
        assert {incident["name"] for alert in alerts for incident in alert["alert"]["incidents"]} == {
            incident["metadata"]["name"] for incident in incidents
        }, str(seed)
        assert _repeats(alerts) <= kills, str(seed)
    before = [len(alerts) for alerts in received]
    await operator_process.environment.stop_operator()
    operator_process.start()
    await operator_process.wait_until_delivered()
    assert [len(alerts) for alerts in received] == before, "a calm restart repeated a notification"
