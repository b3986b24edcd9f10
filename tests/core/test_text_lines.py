"""Rules, changes and exposures as lines and as JSON, and the helpers for lists, lengths and times."""

from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.api.changes import ExposureStatus
from nsg_baseline.core.changes import Change
from nsg_baseline.core.intervals import Interval
from nsg_baseline.core.text.exposure_lines import ExposureEntry, line, lines, statuses
from nsg_baseline.core.text.phrasing import counted, cut, lasting, listed
from nsg_baseline.core.text.rule_lines import change_line, rule_line, side_line, summary
from nsg_baseline.core.traffic.model import Box, Direction, Effect, Entry, Place
from tests.support.nsgs import rule
from tests.support.rule_shorthand import arm_rule


@pytest.mark.parametrize(
    ("texts", "expected"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_a_list(texts: list[str], expected: str) -> None:
    assert listed(texts) == expected


def test_a_long_text_is_cut_to_the_length_with_an_ellipsis() -> None:
    # The API server refuses one character more.
    assert cut("12345", 5) == "12345"
    assert cut("123456", 5) == "1234…"


def test_a_count() -> None:
    assert [counted(number, "rule") for number in (0, 1, 2)] == ["0 rules", "1 rule", "2 rules"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (1, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (303, "5 min 3 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7500, "2 h 5 min"),
        (86400, "1 d"),
        (3 * 86400 + 4 * 3600 + 59, "3 d 4 h"),
        (86400 + 59 * 60, "1 d"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, expected: str) -> None:
    assert lasting(timedelta(seconds=seconds)) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (arm_rule("100 a allow tcp Internet -> *:443"), "100 Inbound Allow Tcp from Internet to * port 443"),
        (
            arm_rule("200 a out deny udp 10.0.0.4,10.0.0.5 -> Sql:80,90-91"),
            "200 Outbound Deny Udp from 10.0.0.4,10.0.0.5 to Sql port 80,90-91",
        ),
        (rule(sourcePortRange="53"), "100 Inbound Allow Tcp from 10.0.0.0/8 port 53 to * port 443"),
        (
            arm_rule("100 a allow tcp asg:web,asg:db -> asg:app:443"),
            "100 Inbound Allow Tcp from asg:web,asg:db to asg:app port 443",
        ),
        (
            rule(sourceAddressPrefix="", sourceAddressPrefixes=["a", "", "b"], destinationPortRanges=["80"]),
            "100 Inbound Allow Tcp from a,b to * port 443,80",
        ),
        (
            rule(sourceAddressPrefix=None, sourceApplicationSecurityGroups=[{}]),
            "100 Inbound Allow Tcp from asg: to * port 443",
        ),
    ],
)
def test_a_rule_in_one_line(document: dict[str, Any], expected: str) -> None:
    # It is what people compare when they read a change.
    assert rule_line(document) == expected


def test_a_side_of_a_change_in_one_line() -> None:
    assert side_line(None) is None
    assert side_line(rule()) == rule_line(rule())
    assert side_line({"id": "/x"}) == "/x"
    assert side_line({"tags": {"b": "ü", "a": "1"}}) == '{"tags": {"a": "1", "b": "ü"}}'


def test_a_change_names_its_rule_its_nsg_or_its_fields() -> None:
    assert change_line(Change("RuleCreated", "open-ssh", "f", nsg="/x/web")) == "RuleCreated open-ssh"
    assert change_line(Change("NSGCreated", None, "f", nsg="/x/web")) == "NSGCreated web"
    assert change_line(Change("NSGUpdated", None, "f", fields=("tags.a", "tags.b"))) == "NSGUpdated tags.a, tags.b"
    assert change_line(Change("NSGDeleted", None, "f")) == "NSGDeleted"
    assert change_line(Change("NSGCreated", None, "f", nsg="web")) == "NSGCreated web"


def test_a_summary_counts_what_it_does_not_name() -> None:
    changes = tuple(Change("RuleDeleted", name, name) for name in "abcde")
    assert summary(changes) == "RuleDeleted a; RuleDeleted b; RuleDeleted c and 2 more"
    assert summary(changes[:3]) == "RuleDeleted a; RuleDeleted b; RuleDeleted c"
    assert summary(changes, shown=1) == "RuleDeleted a and 4 more"
    long = summary((Change("RuleDeleted", "x" * 2000, "x"), *changes[:1]), shown=1)
    assert len(long) == 900 + len(" and 1 more")
    assert long.endswith("… and 1 more")


def pair(
    approved: str | None = "old",
    live: str | None = "new",
    effect: Effect = "Allowed",
    direction: Direction = "Inbound",
    port: int = 22,
    place: str | None = None,
    *,
    conditional: bool = False,
) -> ExposureEntry:
    box = Box(("Tcp",), destination_ports=(Interval(0, port, port),))
    return ExposureEntry(Entry(effect, direction, approved, live, (box,), conditional), place)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (pair(), "newly allowed inbound: TCP 22 from any to any (was denied by old, now allowed by new)"),
        (
            pair(effect="Denied", direction="Outbound"),
            "newly denied outbound: TCP 22 from any to any (was allowed by old, now denied by new)",
        ),
        (
            pair(approved=None, live=None),
            "newly allowed inbound: TCP 22 from any to any (was denied, now allowed: no rule applies)",
        ),
        (
            pair(place="subnet a"),
            "newly allowed inbound: subnet a: TCP 22 from any to any (was denied by old, now allowed by new)",
        ),
    ],
)
def test_a_line_has_the_effect_the_traffic_and_the_rules(entry: ExposureEntry, expected: str) -> None:
    assert lines(statuses([entry])) == (expected,)


def test_openings_are_first_and_inbound_before_outbound() -> None:
    exposed = [
        pair(effect=effect, direction=direction)
        for effect in ("Denied", "Allowed")
        for direction in ("Outbound", "Inbound")
    ]
    order = [(status.effect, status.direction) for status in statuses(exposed)]
    assert order == [("Allowed", "Inbound"), ("Allowed", "Outbound"), ("Denied", "Inbound"), ("Denied", "Outbound")]


def test_unlikely_traffic_is_listed_only_alone() -> None:
    # It would distract from the traffic that exists.
    unlikely = pair(conditional=True, port=80)
    assert [status.text for status in statuses([unlikely, pair()])] == ["TCP 22 from any to any"]
    assert len(statuses([unlikely])) == 1


def test_at_most_five_lines_and_the_rest_is_counted() -> None:
    exposure = [ExposureStatus(effect="Allowed", direction="Inbound", text=str(number)) for number in range(7)]
    assert lines(exposure[:5]) == tuple(map(line, exposure[:5]))
    more = "and 3 more pieces of traffic; `nsgb plan -o json` lists them all"
    assert lines(exposure) == (*map(line, exposure[:4]), more)


def test_more_than_eight_pairs_of_one_rule_are_one_entry() -> None:
    # A rule before 200 others would fill the message with one line for each of them.
    eight = [pair(approved=f"old{number}", port=2 * number + 1) for number in range(8)]
    assert len(statuses(eight)) == 8
    ninth = pair(approved="old8", port=17)
    (together,) = statuses([*eight, ninth])
    assert together.approved_rule == "old0, old1, old2 and 6 more"
    assert together.live_rule == "new"
    assert together.text == "TCP 1, 3, 5 and 6 more ports from any to any"
    (reverse,) = statuses([pair(live=f"new{number}", port=number + 1) for number in range(9)])
    assert (reverse.approved_rule, reverse.live_rule) == ("old", "new0, new1, new2 and 6 more")
    assert reverse.text == "TCP 1-9 from any to any"


@pytest.mark.parametrize(
    "fields", [{"effect": "Denied"}, {"direction": "Outbound"}, {"place": "subnet a"}, {"live": "other"}]
)
def test_what_differs_is_not_one_entry(fields: dict[str, Any]) -> None:
    # Nine pairs, of which one is about something else.
    pairs = [pair(approved=f"old{number}", port=number) for number in range(8)]
    assert len(statuses([*pairs, pair(approved="old8", **fields)])) == 9


def test_one_entry_for_a_part_of_the_nsg_names_the_part() -> None:
    (together,) = statuses([pair(approved=f"old{number}", port=number + 1, place="subnet a") for number in range(9)])
    assert together.text == "subnet a: TCP 1-9 from any to any"


def test_the_most_severe_are_named_if_no_phrase_describes_all() -> None:
    # The reader must not miss SSH behind three others.
    def apart(number: int, port: int, first: int) -> ExposureEntry:
        source = Place((Interval(4, first, first),))
        box = Box(("Tcp",), destination_ports=(Interval(0, port, port),), source=source)
        return ExposureEntry(Entry("Allowed", "Inbound", "old", f"new{number}", (box,), conditional=False))

    public = 8 << 24
    group = [apart(number, 5000 + 7 * number, public + 1000 * number) for number in range(9)]
    (status,) = statuses([*group, apart(9, 22, public + 77)])
    assert status.text.startswith("TCP 22 from 8.0.0.77 to any; ")
    assert status.text.count("; ") == 3
    assert status.text.endswith("; and 7 more")


@pytest.mark.parametrize(
    ("effect", "live", "expected"),
    [
        ("Allowed", "new", "except what earlier rules decide"),
        ("Denied", "new", "; and 6 more"),
    ],
)
def test_only_a_single_rule_that_opens_may_have_a_phrase_with_gaps(effect: Effect, live: str, expected: str) -> None:
    # It decides what no earlier rule decides, so the phrase is right. Rules that close may leave gaps between them.
    group = []
    for number in range(9):
        source = Place((Interval(4, (8 << 24) + 1000 * number, (8 << 24) + 1000 * number),))
        box = Box(("Tcp",), destination_ports=(Interval(0, 5000 + 7 * number, 5000 + 7 * number),), source=source)
        group.append(ExposureEntry(Entry(effect, "Inbound", f"old{number}", live, (box,), conditional=False)))
    (status,) = statuses(group)
    assert status.text.endswith(expected)


def test_three_rules_are_all_named() -> None:
    (status,) = statuses([pair(approved=f"old{number % 3}", port=number + 1) for number in range(9)])
    assert status.approved_rule == "old0, old1 and old2"


def test_texts_and_names_fit_into_the_status() -> None:
    names = [f"{letter * 80}" for letter in "abcdefghi"]
    (status,) = statuses([pair(approved=name, port=number + 1) for number, name in enumerate(names)])
    assert status.approved_rule is not None
    assert len(status.approved_rule) == 128
    (long,) = statuses([pair(place="x" * 2000)])
    assert len(long.text) == 1024


def test_the_document_has_every_box() -> None:
    # Programs read the boxes, people the text.
    source = Place((Interval(4, 10 << 24, (10 << 24) + 1),), ("VirtualNetwork",), ("Sql",))
    box = Box(("Tcp", "Udp"), (Interval(0, 53, 53),), (Interval(0, 1, 2), Interval(0, 9, 9)), source)
    entry = Entry("Denied", "Outbound", "old", None, (box, Box()), conditional=True)
    document = ExposureEntry(entry).document()
    anywhere = {"prefixes": ["0.0.0.0/0", "::/0"], "tags": [], "notTags": []}
    assert document == {
        "effect": "Denied",
        "direction": "Outbound",
        "text": ExposureEntry(entry).text,
        "approvedRule": "old",
        "liveRule": None,
        "conditional": True,
        "boxes": [
            {
                "protocols": ["Tcp", "Udp"],
                "sourcePorts": ["53"],
                "destinationPorts": ["1-2", "9"],
                "source": {"prefixes": ["10.0.0.0/31"], "tags": ["VirtualNetwork"], "notTags": ["Sql"]},
                "destination": anywhere,
            },
            {
                "protocols": ["Tcp", "Udp", "Icmp", "Esp", "Ah", "Other"],
                "sourcePorts": ["0-65535"],
                "destinationPorts": ["0-65535"],
                "source": anywhere,
                "destination": anywhere,
            },
        ],
    }
