"""Laws of exposure for any rules: no change means no exposure, and both orders of a pair agree."""

import random

from hypothesis import given
from hypothesis import strategies as st

from nsg_baseline.core.rules import normalise
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.model import Exposure
from tests.support.traffic_points import Document, Point, contains, matches
from tests.support.traffic_rules import COMMON, STRANGE, edited, pair, rule, rule_list
from tests.support.traffic_sampler import Sampler

seeds = st.integers(0, 2**32)
NOTHING = Exposure()


def _exposure(approved: list[Document], live: list[Document]) -> Exposure:
    return exposure(list(map(normalise, approved)), list(map(normalise, live)))


def _hits(exposed: Exposure, point: Point) -> list[tuple[str, str | None, str | None]]:
    return [
        (entry.effect, entry.approved_rule, entry.live_rule)
        for entry in exposed.entries
        for box in entry.boxes
        if entry.direction == point.direction and contains(box, point)
    ]


@given(seeds)
def test_equal_lists_have_no_exposure(seed: int) -> None:
    rules, _ = pair(seed, STRANGE)
    assert _exposure(rules, [dict(document) for document in reversed(rules)]) == NOTHING


@given(seeds)
def test_exposure_in_the_other_direction_has_the_opposite_effect(seed: int) -> None:
    approved, live = pair(seed)
    there, back = _exposure(approved, live), _exposure(live, approved)
    swapped = {"Allowed": "Denied", "Denied": "Allowed"}
    for point in Sampler(random.Random(seed), [*approved, *live]).points(80):
        mirrored = [
            (swapped[effect], live_rule, approved_rule) for effect, approved_rule, live_rule in _hits(back, point)
        ]
        assert _hits(there, point) == mirrored


@given(seeds)
def test_renumbering_and_renaming_in_the_same_order_exposes_nothing(seed: int) -> None:
    rules, _ = pair(seed)
    renumbered = [
        {**document, "priority": 3 * document["priority"], "name": f"other-{document['name']}"} for document in rules
    ]
    assert _exposure(rules, renumbered) == NOTHING


@given(seeds)
def test_reordering_disjoint_rules_exposes_nothing(seed: int) -> None:
    # The rules have one protocol and different ports, so no connection matches two of them.
    rng = random.Random(seed)
    rules = [
        {**rule(rng, f"r{number}", 100 + number), "protocol": "Tcp", "destinationPortRanges": [],
         "destinationPortRange": str(1000 + number)}
        for number in range(5)
    ]  # fmt: skip
    priorities = rng.sample(range(100, 200), len(rules))
    moved = [{**document, "priority": priority} for document, priority in zip(rules, priorities, strict=True)]
    assert _exposure(rules, moved) == NOTHING


@given(seeds, st.integers(0, 65534))
def test_splitting_a_rule_in_two_exposes_nothing(seed: int, cut: int) -> None:
    rng = random.Random(seed)
    rules = [{**document, "priority": 2 * document["priority"]} for document in rule_list(rng, 5)]
    whole = {**rules[0], "protocol": "Udp", "destinationPortRange": "*", "destinationPortRanges": []}
    halves = [
        {**whole, "name": "low", "destinationPortRange": f"0-{cut}"},
        {**whole, "name": "high", "destinationPortRange": f"{cut + 1}-65535", "priority": whole["priority"] + 1},
    ]
    assert _exposure([whole, *rules[1:]], [*halves, *rules[1:]]) == NOTHING
    assert _exposure([*halves, *rules[1:]], [whole, *rules[1:]]) == NOTHING


@given(seeds)
def test_a_rule_behind_a_rule_that_covers_it_exposes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    rules = rule_list(rng, 4)
    cover = rng.choice(rules)
    covered = {**cover, "name": "pendingChannels", "priority": 300, "access": rng.choice(("Allow", "Deny"))}
    assert _exposure(rules, [*rules, covered]) == NOTHING


@given(seeds)
def test_nothing_is_exposed_where_no_changed_rule_matches(seed: int) -> None:
    approved = rule_list(random.Random(seed), 5)
    live = edited(random.Random(seed + 1), approved, 1, COMMON)
    changed = [document for document in (*approved, *live) if document not in approved or document not in live]
    exposed = _exposure(approved, live)
    for point in Sampler(random.Random(seed), [*approved, *live]).points(60):
        if not any(matches(document, point) for document in changed):
            assert _hits(exposed, point) == []


@given(seeds)
def test_boxes_do_not_depend_on_the_order_of_the_rules(seed: int) -> None:
    # Boxes are stored and compared between reconciles. They must not change when Azure lists rules in another order.
    approved, live = pair(seed)
    again = random.Random(seed)
    assert _exposure(again.sample(approved, len(approved)), again.sample(live, len(live))) == _exposure(approved, live)
