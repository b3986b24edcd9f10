"""Kills and stops at random moments while rules change: each route receives every incident.

A kill repeats a message at most once, with the same key. An orderly stop repeats none.
"""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nsg_baseline.cli.demo.environment import objects
from nsg_baseline.cli.demo.receiver import Receiver, receiving
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.engine.operator_lives import OperatorLives
from tests.engine.operator_process import IDS, OperatorProcess, delivered_routes
from tests.support.seed import Seed

KILLS, STOPS = 8, 2
MANY_KILLS, MANY_STOPS = int(os.environ.get("NSGB_KILLS", "40")), int(os.environ.get("NSGB_STOPS", "10"))
MOST_REQUESTS, MOST_WRITES, LONGEST_LIFE = 40, 12, 30.0
"""An operator makes about 25 requests at its start, and sends between its writes."""
WRITES_SHARE = 0.7
PAUSES = (0.0, 0.05, 0.2)
"""Seconds between a request and the signal: a message has arrived or has not."""


async def _write_random_rules(operator_process: OperatorProcess, rng: random.Random, ended: asyncio.Event) -> None:
    """Create, change and delete rules in all NSGs, in a random order, until `ended` is set, and request reconciles."""
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
        operator_process.request_reconcile()
        await asyncio.sleep(rng.uniform(0, 0.4))


ROUTES = {"nsg-baseline-system/chat", "nsg-baseline-system/pager"}


def _last_states(alerts: list[dict[str, Any]]) -> dict[str, tuple[int, str]]:
    """Return the revision and the state that the last message about each incident contains.

    Whatever tells a revision again has the same key.
    """
    first_keys: dict[tuple[str, int], str] = {}
    states: dict[str, tuple[int, str]] = {}
    for alert in alerts:
        for incident in alert["alert"]["incidents"]:
            name, revision = incident["name"], incident["revision"]
            assert first_keys.setdefault((name, revision), alert["key"]) == alert["key"]
            states[name] = max(states.get(name, (0, "")), (revision, incident["state"]))
    return states


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
    ("kills", "stops"),
    [
        pytest.param(KILLS, STOPS, id="a few"),
        pytest.param(MANY_KILLS, MANY_STOPS, id="many", marks=pytest.mark.slow),
    ],
)
async def test_every_incident_is_notified_and_repeats_have_the_same_key(
    operator_process: OperatorProcess, pager: Receiver, kills: int, stops: int, seed: Seed
) -> None:
    # On-call relies on it: a crash at any moment neither loses an incident nor repeats a message without its key.
    rng, ended = seed.rng, asyncio.Event()
    writer = asyncio.create_task(_write_random_rules(operator_process, rng, ended))
    lives = OperatorLives(operator_process, (operator_process.environment.receiver, pager))
    signals = [signal.SIGKILL] * kills + [signal.SIGTERM] * stops
    rng.shuffle(signals)
    for how in signals:
        writes_only = rng.random() < WRITES_SHARE
        await lives.live(
            rng.randrange(MOST_WRITES if writes_only else MOST_REQUESTS), LONGEST_LIFE, writes_only=writes_only
        )
        await asyncio.sleep(rng.choice(PAUSES))
        await lives.end(how)
    ended.set()
    await writer
    await operator_process.wait_until_delivered()
    incidents = operator_process.incidents()
    assert incidents
    assert all(delivered_routes(incident) == ROUTES for incident in incidents), str(seed)
    open_about = [incident["spec"]["baseline"] for incident in incidents if incident["status"]["state"] == "Open"]
    assert len(open_about) == len(set(open_about)), "two open incidents for one baseline"
    received = (operator_process.environment.receiver.alerts, pager.alerts)
    states = {
        incident["metadata"]["name"]: (incident["status"]["revision"], incident["status"]["state"])
        for incident in incidents
    }
    for alerts in received:
        assert _last_states(alerts) == states, str(seed)
    assert [key for key, after_kill in lives.repeats() if not after_kill] == [], str(seed)
    before = [len(alerts) for alerts in received]
    await operator_process.environment.stop_operator()
    operator_process.start()
    await operator_process.wait_until_delivered()
    assert [len(alerts) for alerts in received] == before, "a calm restart repeated a notification"
