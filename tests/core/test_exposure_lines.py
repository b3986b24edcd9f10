"""The text of exposure, as a golden file, for changes as people make them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.nsg import LiveNSG, parse_approved, parse_live
from nsg_baseline.core.text.exposure_lines import LINES, lines, statuses
from nsg_baseline.core.verdict import Verdict, judge
from tests.support.golden import compare
from tests.support.nsgs import NOW, NSG, SUBNET, nsg
from tests.support.rule_shorthand import arm_rule

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "cases/changes.yaml").read_text(encoding="utf-8"))
IDS = [case["title"].replace(" ", "-") for case in CASES]


def _verdict(case: dict[str, Any]) -> Verdict:
    spec = {"target": {"resourceId": NSG}, "rules": [arm_rule(text) for text in case["before"]]}
    if case.get("detached"):
        spec["associations"] = {"subnets": [SUBNET.format("web")]}
    return judge(parse_approved(BaselineSpec.model_validate(spec)), _live(case), NOW)


def _live(case: dict[str, Any]) -> LiveNSG | None:
    return None if case["after"] == "deleted" else parse_live(nsg(arm_rule(text) for text in case["after"]))


def _text(case: dict[str, Any]) -> str:
    verdict = _verdict(case)
    exposure_lines = [f"  {text}" for text in lines(statuses(verdict.exposure))]
    return "\n".join([f"# {case['title']}", f"{verdict.severity}: {verdict.reason}", *exposure_lines, ""])


def test_the_text_of_each_change_matches_the_golden_file() -> None:
    # Users read these texts. A person must see and read each change of them.
    compare(HERE / "golden/changes.txt", "\n".join(map(_text, CASES)))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_text_of_a_change_has_at_most_five_lines(case: dict[str, Any]) -> None:
    # An alert is read on a phone, at night.
    assert len(lines(statuses(_verdict(case).exposure))) <= LINES
