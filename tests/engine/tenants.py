"""A real `nsgb run` that watches a platform's NSGs beside a tenant that does all it may."""

import asyncio
import base64
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nsg_baseline.api.common import API_VERSION, REQUESTED_AT
from nsg_baseline.cli.demo.environment import (
    OPERATOR_NAMESPACE,
    TEAM_NAMESPACE,
    DemoEnvironment,
    demo_environment,
    objects,
    operator_environment,
)
from nsg_baseline.cli.demo.scenario import OPEN_SSH
from tests.chaos.objects import BEGINNING, Actor, baseline, document
from tests.support.rule_shorthand import arm_rule

TENANT = "team-tenant"
SAMPLES = 3
PLATFORM = [Actor(f"platform-{number}", "rg-platform", TEAM_NAMESPACE) for number in range(2 * SAMPLES)]
LARGE = [Actor(f"large-{number}", "rg-tenant", TENANT, mode="Alert") for number in range(10)]
DRIFTING = [Actor(f"drifting-{number}", "rg-tenant", TENANT, mode="Alert") for number in range(3)]
ABSENT = [Actor(f"absent-{number}", "rg-none", TENANT, mode="Alert") for number in range(2000)]
UNBASELINED = [Actor(f"open-{number}", "rg-tenant", None) for number in range(10)]
ROUTES = 300
SSH = arm_rule("105 open-ssh allow tcp Internet -> *:22")
ANNOTATE_EVERY_SECONDS = 10.0


def many_rules(count: int, first_port: int) -> list[dict[str, Any]]:
    return [
        arm_rule(f"{100 + number} rule-{number} allow tcp 10.{number % 250}.0.0/16 -> *:{first_port + number}")
        for number in range(count)
    ]


@asynccontextmanager
async def platform_environment(folder: Path) -> AsyncIterator[DemoEnvironment]:
    """Run an operator that watches the NSGs of the platform; the stalls of its loop are in the file `stalls`."""
    nsgs = [document(actor, BEGINNING) for actor in PLATFORM]
    async with demo_environment(folder, nsgs) as started:
        for resource in objects(started.receiver, nsgs=nsgs):
            started.cluster.api.apply(resource)
        command = (sys.executable, "-m", "tests.engine.measured_operator", str(folder / "stalls"))
        variables = operator_environment(folder, started.azure, started.kubeconfig, OPERATOR_NAMESPACE)
        root = Path(__file__).parents[2]
        with (folder / "operator.log").open("ab") as log:
            started.process = await asyncio.create_subprocess_exec(
                *command, cwd=root, env=variables, stdout=log, stderr=log
            )
        yield started


def is_judged(environment: DemoEnvironment, actor: Actor) -> bool:
    status = environment.custom("NSGBaseline", actor.name, str(actor.namespace)).get("status") or {}
    return any(entry["type"] == "Compliant" and entry["status"] != "Unknown" for entry in status.get("conditions", ()))


async def latencies(environment: DemoEnvironment, actors: list[Actor]) -> list[float]:
    """Open SSH on one NSG after the other, request a reconcile, and return the seconds until each alert arrives."""
    measured = []
    for actor in actors:
        await asyncio.sleep(1)
        name = f"ssh-{actor.name}"
        await environment.rogue.put_rule(actor.id, name, **{**OPEN_SSH, "priority": 105})
        started = time.monotonic()
        patch = {"metadata": {"annotations": {REQUESTED_AT: name}}}
        environment.cluster.api.patch(API_VERSION, "NSGScope", "demo", patch)
        await environment.receiver.next(name, seconds=120)
        measured.append(time.monotonic() - started)
    return measured


def awaited(actor: Actor) -> dict[str, Any]:
    """Return a baseline of an NSG that never existed, which the operator awaits during the grace period."""
    resource = baseline(actor, BEGINNING)
    return {**resource, "spec": {**resource["spec"], "rolloutGrace": "1h"}}


def add_tenant(environment: DemoEnvironment, absent: Sequence[Actor] = ABSENT, routes: int = ROUTES) -> None:
    """Add a namespace with routes that nobody receives, and with baselines of large, drifting and absent NSGs."""
    api = environment.cluster.api
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TENANT}})
    allowed = {"names": [TEAM_NAMESPACE, TENANT]}
    api.patch(API_VERSION, "NSGScope", "demo", {"spec": {"allowedNamespaces": allowed}})
    urls = base64.b64encode(b"json://127.0.0.1:9\n").decode()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chat", "namespace": TENANT}}
    api.apply({**secret, "data": {"urls": urls}})
    for number in range(routes):
        meta = {"name": f"route-{number}", "namespace": TENANT}
        spec = {"urlsFrom": {"name": "chat", "key": "urls"}, "groupWait": "0s"}
        api.apply({"apiVersion": API_VERSION, "kind": "NSGAlertRoute", "metadata": meta, "spec": spec})
    emulator = environment.azure.emulator
    for actor in UNBASELINED:
        emulator.add_nsg(document(actor, many_rules(200, 1000)))
    for actor in LARGE:
        emulator.add_nsg(document(actor, many_rules(600, 1000)))
        api.apply(baseline(actor, many_rules(600, 1000)))
    for actor in DRIFTING:
        emulator.add_nsg(document(actor, [*BEGINNING, SSH]))
        api.apply(baseline(actor, BEGINNING))
    for actor in absent:
        api.apply(awaited(actor))


async def annotate(environment: DemoEnvironment, absent: Sequence[Actor] = ABSENT) -> None:
    """Annotate every baseline of the tenant, again and again."""
    number = 0
    while True:
        number += 1
        for actor in (*absent, *LARGE):
            patch = {"metadata": {"annotations": {REQUESTED_AT: str(number)}}}
            environment.cluster.api.patch(API_VERSION, "NSGBaseline", actor.name, patch, TENANT)
            # Spread over the period, as the requests of a client are.
            await asyncio.sleep(ANNOTATE_EVERY_SECONDS / (len(absent) + len(LARGE)))
