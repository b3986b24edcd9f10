"""Detection: which changes there are, what each holds, and by which mark it is known again."""

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nsg_baseline.core.changes import KIND_ORDER, Change, created, detect
from nsg_baseline.core.classification import classify
from nsg_baseline.core.nsg import STRICT, ApprovedNSG, parse_live
from nsg_baseline.core.rules import differing_fields, normalise
from tests.support.nsgs import (
    EARLIER,
    NETWORK_INTERFACE,
    NOW,
    NSG,
    SUBNET,
    Drift,
    baseline,
    drifts,
    excepted,
    nsg,
    respelled_nsgs,
    rule,
    rule_sets,
)
from tests.support.rules import Document, altered, respelled

OTHER_GROUP = NSG.replace("rg-web", "RG-WEB")


def _changes(approved: ApprovedNSG, live: Document) -> tuple[Change, ...]:
    nsg = parse_live(live)
    return detect(approved, nsg, classify(approved, nsg.rules, NOW))


def _only(approved: ApprovedNSG, live: Document) -> Change:
    (change,) = _changes(approved, live)
    return change


@given(st.data(), rule_sets())
def test_an_nsg_equals_itself_however_it_is_spelled(data: st.DataObject, rules: list[Document]) -> None:
    # The commonest case by far: nothing changed. A change here is a false alarm every minute.
    live = data.draw(respelled_nsgs(nsg(rules)))
    assert _changes(baseline(rules), live) == ()


@given(drifts())
def test_exactly_what_was_changed_is_detected(drift: Drift) -> None:
    # Nothing lost, nothing made up; rules of co-owners and under exceptions are no changes.
    changes = _changes(drift.baseline, nsg(drift.live))
    assert {(change.kind, (change.rule or "").lower()) for change in changes} == drift.changes
    assert len(changes) == len(drift.changes)


@given(drifts())
def test_every_change_holds_the_sides_that_its_kind_has(drift: Drift) -> None:
    # A reader of an alert needs both sides; the remediation writes the approved side.
    approved = {document["name"].lower(): document for document in drift.approved}
    live = {document["name"].lower(): document for document in drift.live}
    for change in _changes(drift.baseline, nsg(drift.live)):
        name = (change.rule or "").lower()
        assert (change.approved is not None) == (change.kind in ("RuleUpdated", "RuleDeleted"))
        assert (change.live is not None) == (change.kind in ("RuleUpdated", "RuleCreated"))
        assert bool(change.fields) == (change.kind == "RuleUpdated")
        if change.approved is not None:
            assert change.approved == approved[name]
        if change.live is not None:
            assert change.live == {"provisioningState": "Succeeded", **live[name]}


@given(st.data(), drifts())
def test_changes_are_sorted_and_do_not_depend_on_azures_order(data: st.DataObject, drift: Drift) -> None:
    # A status or an alert that reorders itself is written and sent again for nothing.
    changes = _changes(drift.baseline, nsg(drift.live))
    places = [(KIND_ORDER.index(change.kind), (change.rule or "").lower()) for change in changes]
    assert places == sorted(places)
    shuffled = data.draw(st.permutations(drift.live))
    assert _changes(drift.baseline, nsg(shuffled)) == changes


@given(st.data(), drifts())
def test_fingerprints_do_not_depend_on_spelling(data: st.DataObject, drift: Drift) -> None:
    # A fingerprint tells a new change from a known one: were it to change with the spelling, it would alert again.
    changes = _changes(drift.baseline, nsg(drift.live))
    again = _changes(drift.baseline, data.draw(respelled_nsgs(nsg(drift.live))))
    assert [change.fingerprint for change in again] == [change.fingerprint for change in changes]


@given(st.data(), drifts())
def test_fingerprints_are_one_for_each_deviation(data: st.DataObject, drift: Drift) -> None:
    # Two changes with one fingerprint would be notified once. A rule that is altered again is a new change.
    changes = _changes(drift.baseline, nsg(drift.live))
    assert len({change.fingerprint for change in changes}) == len(changes)
    moved = [change for change in changes if change.live is not None]
    if moved:
        change = data.draw(st.sampled_from(moved))
        place = next(n for n, document in enumerate(drift.live) if document["name"] == change.live["name"])  # type: ignore[index]
        other, _ = data.draw(altered(_canonical(drift.live[place])))
        # An altered rule may be altered to the same value again, which is the same change.
        assume(differing_fields(normalise(drift.live[place]), normalise(other), STRICT))
        further = _changes(drift.baseline, nsg([*drift.live[:place], other, *drift.live[place + 1 :]]))
        assert change.fingerprint not in {later_change.fingerprint for later_change in further}


def _canonical(document: Document) -> Document:
    """Undo the spellings that `altered` does not read."""
    plain = {**document, "priority": int(document["priority"])}
    plain |= {key: document[key].capitalize() for key in ("access", "direction")}
    return {key: value for key, value in plain.items() if value not in ("", [])}


def test_fingerprints_are_the_same_in_every_process() -> None:
    # They are stored, and compared by another process after a restart. The text is the contract.
    change = _only(baseline([]), nsg([rule("open-ssh", destinationPortRange="22")]))
    assert change.fingerprint == "cc830bdc15f191eae8674a6e"
    assert created(NSG).fingerprint == "c4ad5689a0e33bed199edc9c"


def test_a_rename_is_one_deleted_and_one_created_rule() -> None:
    # Azure has no rename; nor must a rename hide.
    changes = _changes(baseline([rule("web")]), nsg([rule("web2")]))
    assert [(change.kind, change.rule) for change in changes] == [("RuleCreated", "web2"), ("RuleDeleted", "web")]


def test_a_deleted_nsg_is_one_change_whatever_was_approved() -> None:
    # All rules are gone with it: one thing happened, not a hundred.
    approved = baseline([rule("a"), rule("b")], tags={"env": "prod"})
    (change,) = detect(approved, None, classify(approved, (), NOW))
    assert (change.kind, change.rule, change.live) == ("NSGDeleted", None, None)
    assert change.approved == {"id": NSG}


def test_an_nsg_without_baseline_is_one_change_known_by_its_id() -> None:
    # Azure's spelling of an id changes from answer to answer.
    change = created(NSG)
    assert (change.kind, change.nsg, change.live) == ("NSGCreated", NSG, {"id": NSG})
    assert change.fingerprint == created(NSG.upper()).fingerprint
    assert change.fingerprint != created(NSG + "2").fingerprint


@given(rule_sets())
def test_an_empty_baseline_approves_no_rule(rules: list[Document]) -> None:
    # `rules: []` means none, not any.
    changes = _changes(baseline([], tolerate=[]), nsg(rules))
    assert [change.kind for change in changes] == ["RuleCreated"] * len(rules)


class TestExceptions:
    @given(st.data(), rule_sets())
    def test_an_exception_covers_the_rule_by_meaning(self, data: st.DataObject, rules: list[Document]) -> None:
        # It is written by hand, and Azure spells it otherwise.
        live = data.draw(respelled_nsgs(nsg(rules)))
        assert _changes(baseline([], tolerate=[], exceptions=list(map(excepted, rules))), live) == ()

    def test_an_exception_covers_no_other_rule(self) -> None:
        # It approves one rule as written, not any rule of that name.
        approved = baseline([], exceptions=[excepted(rule("tmp"))])
        assert _only(approved, nsg([rule("tmp", destinationPortRange="22")])).kind == "RuleCreated"

    def test_an_exception_ends_on_the_second(self) -> None:
        # A time-boxed approval that outlives its box is a hole.
        live = nsg([rule("tmp")])
        assert _only(baseline([], exceptions=[excepted(rule("tmp"), NOW)]), live).kind == "RuleCreated"
        assert _only(baseline([], exceptions=[excepted(rule("tmp"), EARLIER)]), live).kind == "RuleCreated"

    def test_an_exception_stands_beside_the_approved_rule_of_its_name(self) -> None:
        # Either form may be live until then, and neither a third form nor none at all.
        wider = rule("web", destinationPortRange="8443")
        approved = baseline([rule("web")], exceptions=[excepted(wider)])
        assert _changes(approved, nsg([rule("web")])) == ()
        assert _changes(approved, nsg([wider])) == ()
        assert _only(approved, nsg([rule("web", destinationPortRange="22")])).kind == "RuleUpdated"
        assert _only(approved, nsg([])).kind == "RuleDeleted"


class TestTolerated:
    def test_an_approved_rule_is_compared_though_a_pattern_fits_it(self) -> None:
        # Else a broad pattern would switch the comparison of approved rules off.
        approved = baseline([rule("co-web")])
        assert _only(approved, nsg([rule("co-web", access="Deny")])).kind == "RuleUpdated"
        assert _only(approved, nsg([])).kind == "RuleDeleted"

    def test_a_pattern_tolerates_only_its_direction_and_access(self) -> None:
        # "The scanner may deny" must not become "the scanner may allow".
        approved = baseline([], tolerate=[{"name": "scan-*", "direction": "Inbound", "access": "Deny"}])
        assert _changes(approved, nsg([rule("scan-1", access="Deny")])) == ()
        assert _only(approved, nsg([rule("scan-1")])).kind == "RuleCreated"
        assert _only(approved, nsg([rule("scan-1", access="Deny", direction="Outbound")])).kind == "RuleCreated"


class TestTags:
    def test_only_declared_keys_are_compared(self) -> None:
        # Billing and policy tags come and go.
        assert _changes(baseline(tags={"env": "prod"}), nsg(tags={"ENV": "prod", "cost": "42"})) == ()
        assert _changes(baseline(), nsg(tags={"env": "prod"})) == ()
        assert _changes(baseline(tags={}), nsg(tags={"env": "prod"})) == ()

    @pytest.mark.parametrize(
        ("live", "shown"),
        [
            ({"env": "dev"}, {"env": "dev"}),
            ({"env": "Prod"}, {"env": "Prod"}),  # a value has case, a key has none
            ({"ENV": "dev"}, {"env": "dev"}),
            ({}, {}),
            (None, {}),
        ],
    )
    def test_a_wrong_or_missing_tag_is_one_update(self, live: dict[str, str] | None, shown: dict[str, str]) -> None:
        # Tags drive policy and cost; both sides show only the tag at fault.
        change = _only(baseline(tags={"env": "prod", "team": "web"}), nsg(tags={"team": "web", **(live or {})}))
        assert (change.kind, change.fields) == ("NSGUpdated", ("tags.env",))
        assert (change.approved, change.live) == ({"tags": {"env": "prod"}}, {"tags": shown})

    def test_another_wrong_value_is_another_deviation(self) -> None:
        # prod -> dev is known; dev -> test is news. The case in which the key is spelled is not.
        approved = baseline(tags={"env": "prod"})
        marks = [_only(approved, nsg(tags=tags)).fingerprint for tags in ({"env": "a"}, {"ENV": "a"}, {"env": "b"}, {})]
        assert marks[0] == marks[1]
        assert len(set(marks)) == 3
        assert _only(baseline(tags={"Env": "prod"}), nsg(tags={"env": "a"})).fingerprint == marks[0]


class TestAssociations:
    def test_each_key_alone_is_compared_only_if_declared(self) -> None:
        # Network interfaces come with every scale-out; a team may care for subnets alone.
        live = nsg(properties={"subnets": [{"id": SUBNET.format("a").upper()}], "networkInterfaces": [{"id": "/n"}]})
        assert _changes(baseline(), live) == ()
        assert _changes(baseline(associations={"subnets": [SUBNET.format("a")]}), live) == ()

    def test_attached_elsewhere_and_detached_are_updates(self) -> None:
        # A detached firewall protects nothing. Both kinds of attachment are distinguished.
        interface = NETWORK_INTERFACE.format("n")
        approved = baseline(associations={"subnets": [SUBNET.format("a")], "networkInterfaces": [interface]})
        live = nsg(properties={"subnets": [{"id": SUBNET.format("b")}]})
        changes = _changes(approved, live)
        assert [(change.kind, change.fields) for change in changes] == [
            ("NSGUpdated", ("subnets",)),
            ("NSGUpdated", ("networkInterfaces",)),
        ]
        assert changes[0].approved == {"subnets": [SUBNET.format("a").lower()]}
        assert changes[0].live == {"subnets": [SUBNET.format("b").lower()]}
        assert changes[1].live == {"networkInterfaces": []}
        assert len({change.fingerprint for change in changes}) == 2

    def test_approved_nowhere_is_not_the_same_as_not_compared(self) -> None:
        # An empty list approves no attachment.
        live = nsg(properties={"subnets": [{"id": SUBNET.format("a")}]})
        assert _only(baseline(associations={"subnets": []}), live).fields == ("subnets",)


def test_kinds_come_in_their_order() -> None:
    # The worst first: alerts show only the first few.
    approved = baseline(
        [rule("gone"), rule("web", priority=101)],
        tags={"env": "prod"},
        associations={"subnets": [SUBNET.format("a")]},
    )
    changes = _changes(approved, nsg([rule("new", priority=102), rule("web", priority=103)]))
    kinds = [change.kind for change in changes]
    assert kinds == ["RuleCreated", "RuleUpdated", "RuleDeleted", "NSGUpdated", "NSGUpdated"]
    assert all(KIND_ORDER.index(kind) <= KIND_ORDER.index(next_kind) for kind, next_kind in itertools.pairwise(kinds))


@given(st.data())
def test_a_change_tells_the_fields_that_differ(data: st.DataObject) -> None:
    # The alert says what to look at.
    other, field = data.draw(altered(rule()))
    change = _only(baseline([rule()]), nsg([data.draw(respelled(other))]))
    assert change.fields == (field,)
