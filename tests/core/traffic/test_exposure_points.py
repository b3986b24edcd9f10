"""Exposure against an oracle that decides one connection at a time, with any tags that the axioms allow."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.core.rules import normalise
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.model import Exposure
from tests.support.traffic_points import Document, contains, decide
from tests.support.traffic_rules import COMMON, STRANGE, Pools, pair
from tests.support.traffic_sampler import Sampler

seeds = st.integers(0, 2**32)


def _exposure(approved: list[Document] | None, live: list[Document] | None) -> Exposure:
    approved_rules, live_rules = (
        None if documents is None else list(map(normalise, documents)) for documents in (approved, live)
    )
    return exposure(approved_rules, live_rules)


def _check(approved: list[Document] | None, live: list[Document] | None, rng: random.Random, points: int) -> None:
    exposed = _exposure(approved, live)
    assert exposed.exact
    for point in Sampler(rng, [*(approved or ()), *(live or ())]).points(points):
        (approved_rule, before), (live_rule, after) = decide(approved, point), decide(live, point)
        hits = [
            (entry.effect, entry.direction, entry.approved_rule, entry.live_rule)
            for entry in exposed.entries
            for box in entry.boxes
            if entry.direction == point.direction and contains(box, point)
        ]
        effect = "Allowed" if after == "Allow" else "Denied"
        assert hits == ([] if before == after else [(effect, point.direction, approved_rule, live_rule)]), point


@pytest.mark.parametrize("pools", [COMMON, STRANGE], ids=["common", "strange"])
@given(seed=seeds)
def test_every_changed_connection_is_in_one_box_with_its_deciding_rules(seed: int, pools: Pools) -> None:
    # This is what exposure promises, and it shows that boxes do not overlap.
    approved, live = pair(seed, pools)
    _check(approved, live, random.Random(seed), 120)


@given(seeds)
def test_an_absent_nsg_allows_everything(seed: int) -> None:
    # A deleted NSG is compared with no rules at all, not even the default rules. Only platform tags match platform
    # traffic.
    approved, _ = pair(seed, STRANGE)
    _check(approved, None, random.Random(seed), 60)
    _check(None, approved, random.Random(seed), 60)
