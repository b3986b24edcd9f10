"""Refusals are stored beside the reconciles, in the turns of the namespaces, and never after they are lifted."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.core.assignment import Refusal
from nsg_baseline.engine import refusals
from nsg_baseline.engine.cleanup import report_refused_baselines
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.refusals import RefusalRecorder
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Event, NamespaceEvent
from tests.support.alerts import OPERATOR
from tests.support.in_process_operator import API, PREFIX, InProcessOperator, in_process_operator

INVALID = Refusal("InvalidSpec", "spec.rules[0]: no name")
DEADLINE_SECONDS = 60


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[InProcessOperator]:
    """Twenty baselines of one namespace, and one of another."""
    async with in_process_operator(tmp_path, {f"many-{n:02}": [] for n in range(20)}, "json://127.0.0.1:1") as started:
        spec = {"target": {"resourceId": f"{PREFIX}single"}, "rules": []}
        meta = {"name": "single", "namespace": OPERATOR}
        started.api.apply({"apiVersion": API, "kind": "NSGBaseline", "metadata": meta, "spec": spec})
        await started.refresh()
        yield started


def stored_in_order(operator: InProcessOperator) -> list[str]:
    """Return a list to which the name of each baseline is added whose status is stored."""
    order: list[str] = []

    def hear(event: Event | NamespaceEvent) -> None:
        if isinstance(event, Event) and event.kind is NSGBaseline:
            order.append(event.key.name)

    operator.records.store.listen(hear)
    return order


async def record(recorder: RefusalRecorder) -> None:
    """Let a recorder store everything that it has to."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        await recorder.record()


async def test_thousands_of_invalid_baselines_delay_no_other_namespace(operator: InProcessOperator) -> None:
    refused = dict.fromkeys(operator.records.store.keys(NSGBaseline), INVALID)
    recorder = RefusalRecorder(operator.records, operator.clock, Health())
    recorder.update((), refused)
    order = stored_in_order(operator)
    await record(recorder)
    assert len(order) == 21
    assert order.index("single") <= 1


async def test_a_stored_refusal_is_not_reported_again(
    operator: InProcessOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each edit of any baseline would otherwise unpack the statuses of thousands.
    reported: list[ObjectKey] = []

    async def counted(records: Records, refused: Mapping[ObjectKey, Refusal], now: datetime) -> None:
        reported.extend(refused)
        await report_refused_baselines(records, refused, now)

    monkeypatch.setattr(refusals, "report_refused_baselines", counted)
    recorder = RefusalRecorder(operator.records, operator.clock, Health())
    recorder.update((), dict.fromkeys(operator.records.store.keys(NSGBaseline), INVALID))
    for _ in range(2):
        await record(recorder)
    assert len(reported) == 21


async def test_a_refusal_that_was_lifted_is_not_stored(operator: InProcessOperator) -> None:
    # It would stay: nothing writes the status again until it changes.
    refused = dict.fromkeys(operator.records.store.keys(NSGBaseline), INVALID)
    recorder = RefusalRecorder(operator.records, operator.clock, Health())
    recorder.update((), refused)
    order = stored_in_order(operator)

    def lift(event: Event | NamespaceEvent) -> None:
        del event
        recorder.update((), {ObjectKey("team-web", "many-00"): INVALID})

    operator.records.store.listen(lift)
    await record(recorder)
    assert len(order) <= 2
