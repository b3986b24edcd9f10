"""Pairs of approved and live rules with everything that is expected of their judgement, written by hand."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.api.changes import ExposureStatus
from nsg_baseline.core.nsg import parse_approved, parse_live
from nsg_baseline.core.text.exposure_lines import statuses
from nsg_baseline.core.verdict import Verdict, judge
from tests.support.nsgs import EARLIER, LATER, NOW, NSG, SUBNET, nsg
from tests.support.rule_shorthand import arm_rule

Pair = dict[str, Any]
KINDS: dict[str, list[Pair]] = yaml.safe_load(
    (Path(__file__).parent / "cases/judgement.yaml").read_text(encoding="utf-8")
)
PAIRS = [pair for pairs in KINDS.values() for pair in pairs]
LEAST = 200


def _verdict(pair: Pair) -> Verdict:
    spec: Pair = {"target": {"resourceId": NSG}, "rules": [arm_rule(text) for text in pair["approved"]]}
    if "tolerate" in pair:
        spec["tolerate"] = [{"name": name} for name in pair["tolerate"]]
    if "exception" in pair:
        until = {"later": LATER, "earlier": EARLIER}[pair["exception"]["until"]]
        spec["exceptions"] = [
            {"rule": arm_rule(pair["exception"]["rule"]), "until": until.isoformat(), "reason": "INC-1",
             "approvedBy": "jo@example.com"}
        ]  # fmt: skip
    if "subnets" in pair:
        spec["associations"] = {"subnets": [SUBNET.format(name) for name in pair["subnets"]]}
    approved = parse_approved(BaselineSpec.model_validate(spec))
    if pair["live"] == "deleted":
        return judge(approved, None, NOW)
    attached = {"subnets": [{"id": SUBNET.format(name)} for name in pair.get("attached", ())]}
    document = nsg((arm_rule(text) for text in pair["live"]), properties=attached if "attached" in pair else {})
    return judge(approved, parse_live(document), NOW)


def _line(status: ExposureStatus) -> str:
    sign = "+" if status.effect == "Allowed" else "-"
    direction = "in" if status.direction == "Inbound" else "out"
    return f"{sign}{direction} {status.approved_rule}>{status.live_rule}"


@pytest.mark.parametrize("pair", PAIRS, ids=[pair["title"].replace(" ", "-") for pair in PAIRS])
def test_a_pair_is_judged_as_a_person_would_judge_it(pair: Pair) -> None:
    verdict = _verdict(pair)
    changes = [f"{change.kind} {change.rule or ''}".strip() + f" {change.severity}" for change in verdict.changes]
    assert sorted(changes) == sorted(pair["changes"])
    if pair["exposure"] != "any":
        entries = [entry for entry in verdict.exposure if entry.place is None]
        assert sorted(map(_line, statuses(entries))) == sorted(pair["exposure"])
    assert verdict.severity == pair["severity"]
    assert pair.get("reason", "") in (verdict.reason or "")


def test_there_are_many_pairs_and_no_two_are_alike() -> None:
    assert len(PAIRS) >= LEAST
    inputs = [{key: value for key, value in pair.items() if key not in ("title", "reason")} for pair in PAIRS]
    assert all(pair not in inputs[:index] for index, pair in enumerate(inputs))
    assert len({pair["title"] for pair in PAIRS}) == len(PAIRS)
