"""The event loop runs between two judgements and during a large one. By the order of events, without a clock."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.decisions import Decision, Snapshot, decide
from nsg_baseline.core.verdict import UnbaselinedVerdict, judge_unbaselined
from nsg_baseline.engine import reconcile_baseline, reconcile_unbaselined
from nsg_baseline.engine.judging import SMALL_BYTES, SMALL_ENTRIES, Judging, is_large
from tests.support.in_process_operator import PREFIX, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
DEADLINE_SECONDS = 60


def rules(count: int) -> list[dict[str, Any]]:
    return [
        arm_rule(f"{100 + number} rule-{number} allow tcp 10.0.0.0/8 -> *:{1000 + number}") for number in range(count)
    ]


def spec(approved: list[dict[str, Any]]) -> BaselineSpec:
    return BaselineSpec.model_validate({"target": {"resourceId": f"{PREFIX}web"}, "rules": approved})


async def count_rounds(rounds: list[None]) -> None:
    """Add an item in each round of the event loop."""
    while True:
        rounds.append(None)
        await asyncio.sleep(0)


async def test_the_loop_runs_between_two_nsgs_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Forty NSGs judged without a pause delayed an alert by 31 s, and the probe by 5 s.
    rounds: list[None] = []
    judged: list[int] = []

    def decided(snapshot: Snapshot) -> Decision:
        judged.append(len(rounds))
        return decide(snapshot)

    def rated(*arguments: Any) -> UnbaselinedVerdict:
        judged.append(len(rounds))
        return judge_unbaselined(*arguments)

    monkeypatch.setattr(reconcile_baseline, "decide", decided)
    monkeypatch.setattr(reconcile_unbaselined, "judge_unbaselined", rated)
    names = [f"web-{number}" for number in range(10)]
    async with in_process_operator(tmp_path, dict.fromkeys(names, WEB), "json://127.0.0.1:1") as operator:
        operator.azure.nsgs |= {f"unbaselined-{number}": WEB for number in range(10)}
        counting = asyncio.create_task(count_rounds(rounds))
        await operator.reconcile()
        counting.cancel()
    assert len(judged) == 20
    assert len(set(judged)) == len(judged), "never two in one round of the loop"


@pytest.mark.parametrize("name", ["baselined", "unbaselined"])
async def test_the_loop_runs_while_a_large_nsg_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # A thousand rules take a processor for two seconds.
    release = threading.Event()
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait() -> None:
        loop.call_soon_threadsafe(started.set)
        assert release.wait(DEADLINE_SECONDS)

    def decided(snapshot: Snapshot) -> Decision:
        wait()
        return decide(snapshot)

    def rated(*arguments: Any) -> UnbaselinedVerdict:
        wait()
        return judge_unbaselined(*arguments)

    async with in_process_operator(tmp_path, {"baselined": WEB}, "json://127.0.0.1:1") as operator:
        await operator.reconcile()
        monkeypatch.setattr(reconcile_baseline, "decide", decided)
        monkeypatch.setattr(reconcile_unbaselined, "judge_unbaselined", rated)
        operator.azure.nsgs[name] = rules(200)
        reconcile = asyncio.create_task(operator.reconcile())
        async with asyncio.timeout(DEADLINE_SECONDS):
            await started.wait()
        assert not reconcile.done(), "this runs while the judgement waits"
        release.set()
        await reconcile


async def test_a_failed_judgement_raises_and_the_next_one_runs() -> None:
    judging = Judging()
    for large in (True, False):
        with pytest.raises(ZeroDivisionError):
            await judging.run(lambda: 1 // 0, is_large=large)
        assert await judging.run(lambda: 1, is_large=large) == 1


def test_an_nsg_is_large_beyond_the_limit_of_bytes_or_entries() -> None:
    empty = len(json.dumps({"a": ""}, separators=(",", ":")))
    assert not is_large({"a": "x" * (SMALL_BYTES - empty)}, spec(WEB))
    assert is_large({"a": "x" * (SMALL_BYTES - empty + 1)}, spec(WEB))
    assert not is_large(None, spec(rules(SMALL_ENTRIES)))
    assert is_large(None, spec(rules(SMALL_ENTRIES + 1)))
    prefixes = [f"10.0.{number}.0/24" for number in range(SMALL_ENTRIES - 1)]
    listed = {key: value for key, value in WEB[0].items() if key != "sourceAddressPrefix"}
    assert not is_large(None, spec([{**listed, "sourceAddressPrefixes": prefixes}]))
    assert is_large(None, spec([{**listed, "sourceAddressPrefixes": [*prefixes, "10.1.0.0/24"]}]))
