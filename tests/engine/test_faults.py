"""What goes wrong with Azure or Kubernetes: said with its reason, nothing concluded, and over by itself."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.azure import client
from nsg_baseline.kube.errors import KubeError
from nsg_emulator.arm import Fault
from nsg_emulator.arm.faults import (
    ARM,
    LISTING,
    Answer,
    Delay,
    Drop,
    OmitFromListing,
    StickOperation,
    broken_listing,
    busy,
    forbidden,
    scope_locked,
    throttled,
    unauthorized,
    unavailable,
)
from tests.chaos.environment import API, TEAM, Life, Stage, hurry, staged
from tests.chaos.objects import BEGINNING, Actor, baseline, document, live
from tests.support.rule_shorthand import terse

NAMES = ("web", "db", "cache")
CAST = {name: Actor(name, "rg-prod") for name in NAMES}
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
SSH = terse("200 open-ssh allow tcp Internet -> *:22")

READING: dict[str, tuple[Fault, str]] = {
    "401": (unauthorized(count=None), "Unauthenticated"),
    "403": (forbidden(count=None), "Forbidden"),
    "500": (unavailable(status=500, count=None), "ServerError"),
    "503": (unavailable(status=503, count=None), "ServerError"),
    "a 429 for minutes": (throttled(retry_after=300, count=None), "Throttled"),
    "a storm of 429": (throttled(retry_after=1, count=None), "Throttled"),
    "a cut connection": (Fault(Drop("request"), "GET", ARM, None), "Unreachable"),
    "a body cut in half": (Fault(Drop("body"), "GET", ARM, None), "Unreachable"),
    "no answer": (Fault(Delay(3), "GET", ARM, None), "Timeout"),
    "a listing that breaks off": (broken_listing(after_page=1), "Unreachable"),
    "a listing that is refused on its way": (broken_listing(after_page=1, status=503), "ServerError"),
    "no listing at all": (Fault(Answer(200, "OK", "no list"), "GET", LISTING, None), "InvalidResponse"),
}


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Three NSGs on two pages, all enforced. Pauses are short."""
    hurry(monkeypatch)
    monkeypatch.setattr(client, "READ_SECONDS", 1)
    spec = {
        "subscriptionId": SUBSCRIPTION,
        "interval": "60s",
        "maxMode": "Enforce",
        "allowedNamespaces": {"names": [TEAM]},
    }
    scope = {"apiVersion": API, "kind": "NSGScope", "metadata": {"name": "production"}, "spec": spec}
    objects = [scope, *(baseline(actor, BEGINNING) for actor in CAST.values())]
    nsgs = [document(actor, BEGINNING) for actor in CAST.values()]
    async with staged(tmp_path, monkeypatch, nsgs, objects) as found:
        yield found


def _open_ssh(stage: Stage, name: str = "web") -> None:
    stage.azure.add_nsg(document(CAST[name], [*BEGINNING, SSH]))


def _writes(stage: Stage) -> list[str]:
    asked = [one for one in stage.azure.requests.records if one.method in ("PUT", "PATCH", "DELETE")]
    return [one.path.rpartition("/")[2] for one in asked]


def _ready(stage: Stage) -> tuple[str, str]:
    (scope,) = stage.objects("NSGScope")
    found = next(one for one in scope["status"]["conditions"] if one["type"] == "Ready")
    return found["status"], found["reason"]


def _incidents(stage: Stage, kind: str, state: str = "Open") -> list[dict[str, Any]]:
    found = [one for one in stage.objects("NSGIncident") if one["spec"]["kind"] == kind]
    return [one for one in found if one["status"]["state"] == state]


async def _pass(stage: Stage, life: Life, times: int = 1) -> None:
    for _ in range(times):
        stage.clock.pass_by(minutes=1)
        await life.look()


async def _struck(stage: Stage, fault: Fault) -> Life:
    """Look, open SSH, and look again under a fault."""
    life = Life(stage)
    await _pass(stage, life)
    _open_ssh(stage)
    stage.azure.faults.add(fault)
    await _pass(stage, life)
    return life


@pytest.mark.parametrize("name", READING)
async def test_a_reading_that_fails_concludes_nothing_and_heals(stage: Stage, name: str) -> None:
    # The night in which Azure is away must not end with 300 "deleted" NSGs, nor with a write from half a reading.
    fault, reason = READING[name]
    life = await _struck(stage, fault)
    assert _ready(stage) == ("False", reason)
    assert _writes(stage) == []
    assert not [one for one in stage.objects("NSGBaseline") if "NSGDeleted" in json.dumps(one["status"])]
    stage.quiet()
    # Azure's pause is over for a process that never heard of it.
    await stage.connect()
    await _pass(stage, life)
    assert _ready(stage) == ("True", "Succeeded")
    assert _writes(stage) == ["web"]


async def test_three_intervals_without_a_reading_are_told_once(stage: Stage) -> None:
    life = Life(stage)
    stage.azure.faults.add(forbidden(count=None))
    await _pass(stage, life, 6)
    (lost,) = _incidents(stage, "WatchLost")
    assert "Forbidden" in lost["status"]["summary"]
    assert lost["status"]["revision"] == 1
    stage.quiet()
    await _pass(stage, life)
    assert _incidents(stage, "WatchLost") == []


@pytest.mark.parametrize("endpoint", ["https://management.invalid", "https://localhost:1"])
async def test_no_name_and_no_port_are_unreachable(stage: Stage, endpoint: str) -> None:
    await stage.connect(endpoint)
    await _pass(stage, Life(stage))
    assert _ready(stage) == ("False", "Unreachable")


async def test_a_certificate_that_nobody_vouches_for_is_not_talked_to(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever stands in between would get a token that writes firewalls.
    monkeypatch.delenv("SSL_CERT_FILE")
    await stage.connect()
    asked = stage.azure.requests.total()
    await _pass(stage, Life(stage))
    assert _ready(stage)[0] == "False"
    assert stage.azure.requests.total() == asked


async def test_an_nsg_missing_from_one_listing_is_asked_for(stage: Stage) -> None:
    # Listings lag behind; only Azure's own 404 is a deletion.
    life = Life(stage)
    await _pass(stage, life)
    stage.azure.faults.add(Fault(OmitFromListing(CAST["db"].id), "GET", LISTING, 3))
    await _pass(stage, life, 3)
    assert _ready(stage) == ("True", "Succeeded")
    assert stage.objects("NSGIncident") == []


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_an_nsg_that_neither_listing_nor_azures_own_word_tells_of_is_not_deleted(
    stage: Stage, status: int
) -> None:
    # A right that is lost on one group, a proxy that answers 404: neither is a deletion.
    life = Life(stage)
    await _pass(stage, life)
    stage.azure.faults.add(
        Fault(OmitFromListing(CAST["db"].id), "GET", LISTING, None),
        Fault(Answer(status, "Strange", "no"), "GET", f"{CAST['db'].id}[?]", None),
    )
    await _pass(stage, life, 2)
    assert _ready(stage)[0] == "False"
    assert stage.objects("NSGIncident") == []


async def test_a_deleted_resource_group_is_the_end_of_its_nsgs(stage: Stage) -> None:
    life = Life(stage)
    await _pass(stage, life)
    for _, key in list(stage.azure.store.keys_below(f"/subscriptions/{SUBSCRIPTION}")):
        stage.azure.store.remove(key)
    stage.azure.store.groups.clear()
    await _pass(stage, life)
    found = _incidents(stage, "Drift")
    assert [one["status"]["changes"][0]["kind"] for one in found] == ["NSGDeleted"] * 3
    assert _writes(stage) == []


WRITING: dict[str, tuple[Fault, str]] = {
    "a lock": (scope_locked(CAST["web"].id), "ScopeLocked"),
    "no right": (forbidden(method="PUT", count=None), "Forbidden"),
    "a policy": (
        Fault(Answer(403, "RequestDisallowedByPolicy", "Policy p says no."), "PUT", ARM, None),
        "PolicyDisallowed",
    ),
    "another operation": (busy(count=None), "AnotherOperationInProgress"),
    "an operation that hangs": (Fault(StickOperation(), "PUT", ARM, None), "OutcomeUnknown"),
    "a lost answer": (Fault(Drop("request"), "PUT", ARM, None), "OutcomeUnknown"),
    "throttled": (throttled(method="PUT", retry_after=1, count=None), "Throttled"),
}


@pytest.mark.parametrize("name", WRITING)
async def test_a_write_that_fails_is_held_with_its_reason_and_tried_again(stage: Stage, name: str) -> None:
    # A remedy that silently does not come looks like one that failed.
    fault, reason = WRITING[name]
    life = await _struck(stage, fault)
    (web,) = [one for one in stage.objects("NSGBaseline") if one["metadata"]["name"] == "web"]
    stalled = [one["reason"] for one in web["status"]["conditions"] if one["type"] == "Stalled"]
    assert stalled == [reason]
    assert len(_writes(stage)) == 1
    stage.quiet()
    await stage.connect()
    await _pass(stage, life, 2)
    assert "open-ssh" not in (live(stage.azure, CAST["web"]) or {})
    assert _incidents(stage, "Drift") == []


async def test_a_lost_answer_is_read_and_not_written_twice(stage: Stage) -> None:
    # Azure did it, and nobody heard: what somebody wrote since would be overwritten by a second try.
    life = Life(stage)
    await _pass(stage, life)
    _open_ssh(stage)
    stage.azure.faults.add(Fault(Drop("answer"), "PUT", ARM, 1))
    await _pass(stage, life, 2)
    assert _writes(stage) == ["web"]
    assert _incidents(stage, "Drift") == []


async def test_the_api_server_away_for_minutes_loses_nothing(stage: Stage) -> None:
    life = Life(stage)
    await _pass(stage, life)
    _open_ssh(stage, "db")
    stage.cluster.interference.fail(10_000, code=503)
    for _ in range(5):
        with pytest.raises(KubeError):
            await _pass(stage, life)
    stage.quiet()
    await _pass(stage, life)
    assert len(_incidents(stage, "Drift", "Resolved")) == 1
    assert _writes(stage) == ["db"]


async def test_a_clock_that_jumps_opens_and_ends_nothing(stage: Stage) -> None:
    # A node that slept, or one whose time was wrong: back and forth by a day.
    life = Life(stage)
    await _pass(stage, life)
    for jump in (timedelta(days=1), timedelta(days=-2), timedelta(days=1)):
        stage.clock.now += jump
        await _pass(stage, life)
    assert stage.objects("NSGIncident") == []
    _open_ssh(stage)
    await _pass(stage, life)
    stage.clock.now -= timedelta(days=1)
    await _pass(stage, life)
    (over,) = _incidents(stage, "Drift", "Resolved")
    assert over["status"]["resolution"] == "Remediated"
