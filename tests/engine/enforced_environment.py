"""Three NSGs on two pages of one scope, all enforced, between the emulators of Azure and Kubernetes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.chaos.environment import API, TEAM, ChaosEnvironment, chaos_environment, shorten_pauses
from tests.chaos.objects import BEGINNING, SUBSCRIPTION, Actor, baseline, document

NSGS = {name: Actor(name, "rg-prod") for name in ("web", "db", "cache")}


@asynccontextmanager
async def enforced_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, interval: str
) -> AsyncIterator[ChaosEnvironment]:
    """Serve both emulators, with NSGs that match their baselines."""
    shorten_pauses(monkeypatch)
    spec = {
        "subscriptionId": SUBSCRIPTION,
        "interval": interval,
        "maxMode": "Enforce",
        "allowedNamespaces": {"names": [TEAM]},
    }
    scope = {"apiVersion": API, "kind": "NSGScope", "metadata": {"name": "production"}, "spec": spec}
    objects = [scope, *(baseline(actor, BEGINNING) for actor in NSGS.values())]
    nsgs = [document(actor, BEGINNING) for actor in NSGS.values()]
    async with chaos_environment(folder, monkeypatch, nsgs, objects) as environment:
        yield environment
