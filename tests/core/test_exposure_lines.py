"""The text of exposure, as a golden file, for changes as people make them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.nsg import LiveNSG, parse_approved, parse_live
from nsg_baseline.core.text.box_phrases import place_phrase
from nsg_baseline.core.text.exposure_lines import LINES, lines, statuses
from nsg_baseline.core.traffic.model import Place
from nsg_baseline.core.traffic.tags import read_tags
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


TAGS = read_tags(
    {
        "changeNumber": 1,
        "values": [{"name": "Storage", "properties": {"addressPrefixes": ["20.4.0.0/24", "20.6.0.0/24"]}}],
    }
)


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        (["100 a allow tcp Storage -> *:22"], "TCP 22 from Storage to any"),
        (
            ["100 a allow tcp Storage -> *:22", "90 no deny tcp 20.6.0.0/24 -> *:*"],
            "TCP 22 from 20.4.0.0/24 in Storage to any",
        ),
    ],
)
def test_a_text_names_a_tag_that_a_service_tags_file_resolves(rules: list[str], text: str) -> None:
    # A reader knows the service and not its addresses. JSON has the addresses.
    approved = parse_approved(BaselineSpec.model_validate({"target": {"resourceId": NSG}, "rules": []}))
    verdict = judge(approved, parse_live(nsg(map(arm_rule, rules))), NOW, SeverityConfig(tags=TAGS))
    assert text in [status.text for status in statuses(verdict.exposure)]
    boxes = [box for entry in verdict.exposure for box in entry.document()["boxes"]]
    assert any("20.4.0.0/24" in box["source"]["prefixes"] for box in boxes)


def test_two_groups_of_one_name_are_told_apart() -> None:
    # Each team has an application security group named web.
    mine, other = (
        f"/subscriptions/1/resourceGroups/{group}/providers/Microsoft.Network/applicationSecurityGroups/web"
        for group in ("rg-a", "rg-b")
    )
    assert place_phrase(Place(tags=(mine,), not_tags=(other,))) == "ASG rg-a/web outside ASG rg-b/web"
    assert place_phrase(Place(tags=(mine,))) == "ASG web"
