"""The likely reading against an oracle that decides one connection at a time, in networks without public addresses."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.core.intervals import Interval
from nsg_baseline.core.rules import normalise
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.likely import likely
from nsg_baseline.core.traffic.model import EVERYWHERE, Box, Place
from nsg_baseline.core.traffic.probe import decide as probe
from nsg_baseline.core.traffic.tags import LIKELY
from tests.support.rule_shorthand import arm_rule
from tests.support.traffic_examples import prefix
from tests.support.traffic_points import End, contains, decide
from tests.support.traffic_rules import COMMON, STRANGE, Pools, pair
from tests.support.traffic_sampler import Sampler

seeds = st.integers(0, 2**32)


@pytest.mark.parametrize("pools", [COMMON, STRANGE], ids=["common", "strange"])
@given(seed=seeds)
def test_every_changed_connection_is_in_one_likely_box(seed: int, pools: Pools) -> None:
    # Severities, texts and guardrails see only the likely boxes. They must miss nothing and invent nothing.
    approved, live = pair(seed, pools)
    exposed = exposure(list(map(normalise, approved)), list(map(normalise, live)))
    boxes = [(entry, box) for entry in exposed.entries for box in likely(entry.boxes)]
    assert all(entry.conditional == (likely(entry.boxes) == ()) for entry in exposed.entries)
    for point in Sampler(random.Random(seed), [*approved, *live], likely=True).points(100):
        (approved_rule, before), (live_rule, after) = decide(approved, point), decide(live, point)
        hits = [
            (entry.effect, entry.approved_rule, entry.live_rule)
            for entry, box in boxes
            if entry.direction == point.direction and contains(box, point)
        ]
        effect = "Allowed" if after == "Allow" else "Denied"
        assert hits == ([] if before == after else [(effect, approved_rule, live_rule)]), point


@given(seeds)
def test_a_probe_in_the_likely_reading_finds_the_deciding_rule(seed: int) -> None:
    rules, _ = pair(seed, COMMON)
    for point in Sampler(random.Random(seed), rules, likely=True).points(10):
        if point.source.platform or point.destination.platform:
            continue
        source_port, destination_port = (
            (Interval(0, port, port),) for port in (point.source_port, point.destination_port)
        )
        traffic = Box((point.protocol,), source_port, destination_port, _place(point.source), _place(point.destination))
        decision = probe(list(map(normalise, rules)), traffic, point.direction, reading=LIKELY)  # type: ignore[arg-type]  # a direction
        expected, _ = decide(rules, point)
        assert expected in {outcome.rule.name for outcome in decision.outcomes if outcome.rule}


def _place(end: End) -> Place:
    return Place((prefix(str(end.address)),))


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place(tags=("Internet", "VirtualNetwork")), None),
        (Place((prefix("198.51.100.7"),), not_tags=("Internet",)), None),
        (Place((prefix("198.51.100.0/24"),), tags=("VirtualNetwork",)), None),
        (Place(tags=("Storage", "VirtualNetwork")), None),
        (Place(tags=("Storage",), not_tags=("Internet",)), None),
        (Place((prefix("10.0.0.0/8"),), tags=("Internet",)), None),
        (Place(tags=("Internet",), not_tags=("VirtualNetwork",)), Place(tags=("Internet",))),
        (Place((prefix("198.51.100.7"),), tags=("Internet",)), Place((prefix("198.51.100.7"),))),
        (Place((prefix("198.51.100.7"),), not_tags=("VirtualNetwork",)), Place((prefix("198.51.100.7"),))),
        (Place((prefix("10.0.0.0/8"),), not_tags=("Internet",)), Place((prefix("10.0.0.0/8"),))),
        (Place(tags=("Internet", "Storage")), Place(tags=("Storage",))),
        (Place(not_tags=("Internet", "VirtualNetwork")), Place(not_tags=("Internet", "VirtualNetwork"))),
        (Place(EVERYWHERE, ("VirtualNetwork",), ("Internet",)), Place(tags=("VirtualNetwork",))),
        (
            Place(EVERYWHERE, ("AzurePlatformDNS",), ("Internet",)),
            Place(EVERYWHERE, ("AzurePlatformDNS",), ("Internet",)),
        ),
    ],
)
def test_a_place_is_written_in_its_shortest_likely_form(place: Place, expected: Place | None) -> None:
    boxes = likely([Box(source=place)])
    assert boxes == (() if expected is None else (Box(source=expected),))


@pytest.mark.parametrize(
    ("approved", "live"),
    [
        ("Internet", "198.51.100.7"),
        ("Internet", "20.0.0.0/8,40.0.0.0/8"),
        ("Internet", "Storage.WestEurope"),
        ("Internet", "2001:db8::/32"),
        ("*", "Internet"),
        ("*", "VirtualNetwork"),
        ("AzureCloud", "AzureCloud.WestEurope"),
        ("VirtualNetwork", "asg:web"),
        ("0.0.0.0/0", "8.8.8.8"),
    ],
)
@pytest.mark.parametrize("direction", ["", "out "])
def test_narrowing_opens_nothing(approved: str, live: str, direction: str) -> None:
    rule = "200 a {}allow tcp {} -> {}:22"
    sides = [(text, "10.0.0.0/8") if not direction else ("10.0.0.0/8", text) for text in (approved, live)]
    base = arm_rule(f"300 no {direction}deny * * -> *:*")
    before, after = ([normalise(arm_rule(rule.format(direction, *side))), normalise(base)] for side in sides)
    effects = {entry.effect for entry in exposure(before, after).entries if not entry.conditional}
    assert effects == {"Denied"}
    effects = {entry.effect for entry in exposure(after, before).entries if not entry.conditional}
    assert effects == {"Allowed"}
