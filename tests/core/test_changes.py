"""Detection: which changes there are, both sides of each, and its fingerprint."""

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
def test_an_nsg_equals_itself_however_azure_formats_it(data: st.DataObject, rules: list[Document]) -> None:
    # By far the most common case: nothing changed. A change here would be a false alarm every minute.
    live = data.draw(respelled_nsgs(nsg(rules)))
    assert _changes(baseline(rules), live) == ()


@given(drifts())
def test_exactly_the_changed_rules_are_detected(drift: Drift) -> None:
    # No change is lost or invented. Rules of co-owners and rules under exceptions are not changes.
    changes = _changes(drift.baseline, nsg(drift.live))
    assert {(change.kind, (change.rule or "").lower()) for change in changes} == drift.changes
    assert len(changes) == len(drift.changes)


@given(drifts())
def test_each_kind_of_change_has_its_sides(drift: Drift) -> None:
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
    # A status or an alert in a new order would be written and sent again without need.
    changes = _changes(drift.baseline, nsg(drift.live))
    places = [(KIND_ORDER.index(change.kind), (change.rule or "").lower()) for change in changes]
    assert places == sorted(places)
    shuffled = data.draw(st.permutations(drift.live))
    assert _changes(drift.baseline, nsg(shuffled)) == changes


@given(st.data(), drifts())
def test_fingerprints_do_not_depend_on_azures_format(data: st.DataObject, drift: Drift) -> None:
    # A fingerprint identifies a change that was notified before. If it depended on the format, the change would be
    # notified again.
    changes = _changes(drift.baseline, nsg(drift.live))
    again = _changes(drift.baseline, data.draw(respelled_nsgs(nsg(drift.live))))
    assert [change.fingerprint for change in again] == [change.fingerprint for change in changes]


@given(st.data(), drifts())
def test_different_changes_have_different_fingerprints(data: st.DataObject, drift: Drift) -> None:
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
    # They are stored, and another process compares them after a restart. A new value would notify every change again.
    change = _only(baseline([]), nsg([rule("open-ssh", destinationPortRange="22")]))
    assert change.fingerprint == "cc830bdc15f191eae8674a6e"
    assert created(NSG).fingerprint == "c4ad5689a0e33bed199edc9c"


def test_a_rename_is_one_deleted_and_one_created_rule() -> None:
    # Azure has no rename, and a rename must not hide a change.
    changes = _changes(baseline([rule("web")]), nsg([rule("web2")]))
    assert [(change.kind, change.rule) for change in changes] == [("RuleCreated", "web2"), ("RuleDeleted", "web")]


def test_a_deleted_nsg_is_one_change() -> None:
    # Its rules are deleted with it. A hundred RuleDeleted changes would hide the cause.
    approved = baseline([rule("a"), rule("b")], tags={"env": "prod"})
    (change,) = detect(approved, None, classify(approved, (), NOW))
    assert (change.kind, change.rule, change.live) == ("NSGDeleted", None, None)
    assert change.approved == {"id": NSG}


def test_an_unbaselined_nsg_is_one_change_identified_by_its_id() -> None:
    # The case of an id differs between Azure's responses.
    change = created(NSG)
    assert (change.kind, change.nsg, change.live) == ("NSGCreated", NSG, {"id": NSG})
    assert change.fingerprint == created(NSG.upper()).fingerprint
    assert change.fingerprint != created(NSG + "2").fingerprint


@given(rule_sets())
def test_an_empty_baseline_approves_no_rule(rules: list[Document]) -> None:
    # `rules: []` approves no rule; it does not approve any rule.
    changes = _changes(baseline([], tolerate=[]), nsg(rules))
    assert [change.kind for change in changes] == ["RuleCreated"] * len(rules)


class TestExceptions:
    @given(st.data(), rule_sets())
    def test_an_exception_covers_the_rule_by_meaning(self, data: st.DataObject, rules: list[Document]) -> None:
        # People write it by hand, and Azure returns the rule in another format.
        live = data.draw(respelled_nsgs(nsg(rules)))
        assert _changes(baseline([], tolerate=[], exceptions=list(map(excepted, rules))), live) == ()

    def test_an_exception_covers_no_other_rule(self) -> None:
        # It approves one rule as written, not any rule with that name.
        approved = baseline([], exceptions=[excepted(rule("tmp"))])
        assert _only(approved, nsg([rule("tmp", destinationPortRange="22")])).kind == "RuleCreated"

    def test_an_exception_ends_on_the_second(self) -> None:
        # A rule must not stay approved after its exception has ended.
        live = nsg([rule("tmp")])
        assert _only(baseline([], exceptions=[excepted(rule("tmp"), NOW)]), live).kind == "RuleCreated"
        assert _only(baseline([], exceptions=[excepted(rule("tmp"), EARLIER)]), live).kind == "RuleCreated"

    def test_an_exception_may_have_the_name_of_an_approved_rule(self) -> None:
        # Until it ends, either form may be live. A third form and a deleted rule are changes.
        wider = rule("web", destinationPortRange="8443")
        approved = baseline([rule("web")], exceptions=[excepted(wider)])
        assert _changes(approved, nsg([rule("web")])) == ()
        assert _changes(approved, nsg([wider])) == ()
        assert _only(approved, nsg([rule("web", destinationPortRange="22")])).kind == "RuleUpdated"
        assert _only(approved, nsg([])).kind == "RuleDeleted"


class TestTolerated:
    def test_an_approved_rule_is_compared_even_if_a_toleration_matches_its_name(self) -> None:
        # Otherwise a broad pattern would disable the comparison of approved rules.
        approved = baseline([rule("co-web")])
        assert _only(approved, nsg([rule("co-web", access="Deny")])).kind == "RuleUpdated"
        assert _only(approved, nsg([])).kind == "RuleDeleted"

    def test_a_toleration_covers_only_its_direction_and_access(self) -> None:
        # "The scanner may deny" must not become "the scanner may allow".
        approved = baseline([], tolerate=[{"name": "scan-*", "direction": "Inbound", "access": "Deny"}])
        assert _changes(approved, nsg([rule("scan-1", access="Deny")])) == ()
        assert _only(approved, nsg([rule("scan-1")])).kind == "RuleCreated"
        assert _only(approved, nsg([rule("scan-1", access="Deny", direction="Outbound")])).kind == "RuleCreated"


class TestTags:
    def test_only_declared_tags_are_compared(self) -> None:
        # Billing and policy tags change all the time.
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
        # Tags control policy and cost. Both sides show only the tags that differ.
        change = _only(baseline(tags={"env": "prod", "team": "web"}), nsg(tags={"team": "web", **(live or {})}))
        assert (change.kind, change.fields) == ("NSGUpdated", ("tags.env",))
        assert (change.approved, change.live) == ({"tags": {"env": "prod"}}, {"tags": shown})

    def test_another_wrong_tag_value_is_a_new_change(self) -> None:
        # A tag that changes from one wrong value to another is a new change. The case of the key does not matter.
        approved = baseline(tags={"env": "prod"})
        fingerprints = [
            _only(approved, nsg(tags=tags)).fingerprint for tags in ({"env": "a"}, {"ENV": "a"}, {"env": "b"}, {})
        ]
        assert fingerprints[0] == fingerprints[1]
        assert len(set(fingerprints)) == 3
        assert _only(baseline(tags={"Env": "prod"}), nsg(tags={"env": "a"})).fingerprint == fingerprints[0]


class TestAssociations:
    def test_each_kind_of_association_is_compared_only_if_declared(self) -> None:
        # Network interfaces change with every scale-out; a team may want to compare subnets only.
        live = nsg(properties={"subnets": [{"id": SUBNET.format("a").upper()}], "networkInterfaces": [{"id": "/n"}]})
        assert _changes(baseline(), live) == ()
        assert _changes(baseline(associations={"subnets": [SUBNET.format("a")]}), live) == ()

    def test_a_new_or_removed_association_is_an_update(self) -> None:
        # A detached NSG protects nothing. Subnets and network interfaces are separate changes.
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

    def test_an_empty_list_of_associations_approves_none(self) -> None:
        # An absent list is not compared. An empty list approves no association.
        live = nsg(properties={"subnets": [{"id": SUBNET.format("a")}]})
        assert _only(baseline(associations={"subnets": []}), live).fields == ("subnets",)


def test_changes_are_sorted_by_kind() -> None:
    # The most serious kinds first: alerts show only the first few changes.
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
def test_an_update_lists_the_fields_that_differ(data: st.DataObject) -> None:
    # The alert shows where to look.
    other, field = data.draw(altered(rule()))
    change = _only(baseline([rule()]), nsg([data.draw(respelled(other))]))
    assert change.fields == (field,)
