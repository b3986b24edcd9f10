"""Traffic as phrases: short, exact where it says nothing else, and in the words of the rules."""

import pytest

from nsg_baseline.core.intervals import Interval, merge, parse_ports, parse_prefix, without
from nsg_baseline.core.text.box_phrases import NoPhraseError, box_phrase, phrase, place_phrase
from nsg_baseline.core.traffic.box_algebra import StepBudget, subtract_all
from nsg_baseline.core.traffic.model import EVERYWHERE, Box, Direction, Entry, NamedTag, Place

TCP = ("Tcp",)
GROUP = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network/applicationSecurityGroups/web"


def ports(*texts: str) -> tuple[Interval, ...]:
    return merge(interval for text in texts if (interval := parse_ports(text)) is not None)


def networks(*texts: str) -> tuple[Interval, ...]:
    return merge(interval for text in texts if (interval := parse_prefix(text)) is not None)


def source(*texts: str, tags: tuple[str, ...] = (), not_tags: tuple[str, ...] = ()) -> Place:
    return Place(networks(*texts) if texts else EVERYWHERE, tags, not_tags)


def all_but(*texts: str, within: tuple[Interval, ...] = EVERYWHERE) -> Place:
    return Place(without(within, networks(*texts)))


def entry(*boxes: Box, approved: str | None = None, live: str | None = "new", conditional: bool = False) -> Entry:
    return Entry("Allowed", "Inbound", approved, live, boxes, conditional)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(), "all traffic"),
        (Box(TCP), "all TCP"),
        (Box(("Tcp", "Udp")), "all TCP and UDP"),
        (Box(("Udp", "Icmp")), "all UDP and ICMP"),
        (Box(("Icmp",)), "ICMP"),
        (Box(("Other",)), "other protocols"),
        (Box(TCP, destination_ports=ports("22")), "TCP 22"),
        (Box(destination_ports=ports("22", "80-90")), "all traffic on ports 22, 80-90"),
        (Box(TCP, destination_ports=without(ports("*"), ports("22"))), "all TCP but 22"),
        (Box(destination_ports=without(ports("*"), ports("22"))), "all traffic but ports 22"),
        (Box(TCP, destination_ports=ports("0-9", "11-20", "22-65535")), "all TCP but 10, 21"),
        (Box(TCP, destination_ports=ports("1-9", "11-65535")), "TCP 1-9, 11-65535"),
        (Box(TCP, destination_ports=ports("1", "3", "5", "7")), "TCP 1, 3, 5, 7"),
        (Box(TCP, destination_ports=ports("1", "3", "5", "7", "9")), "TCP 1, 3, 5 and 2 more ports"),
        (Box(TCP, ports("53")), "all TCP with source port 53"),
        (Box(TCP, ports("53"), ports("1-2")), "TCP 1-2 with source port 53"),
    ],
)
def test_protocols_and_ports(box: Box, expected: str) -> None:
    # Ports stand beside their protocol, and what is missing from almost all ports is named instead of the ports.
    assert box_phrase(box) == f"{expected} from any to any"


def test_a_protocol_by_number_replaces_the_protocol() -> None:
    # "other protocols protocol 47" would say it twice.
    box = Box(("Other",), destination=Place(tags=("protocol 47",)))
    assert box_phrase(box) == "protocol 47 from any to any"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (source("10.0.0.0/8"), "10.0.0.0/8"),
        (source("0.0.0.0/0"), "0.0.0.0/0"),
        (source("::/0"), "::/0"),
        (source("168.63.129.16"), "AzureLoadBalancer"),
        (source("10.0.0.0/8", tags=("VirtualNetwork",)), "10.0.0.0/8 in VirtualNetwork"),
        (source(tags=("Internet",), not_tags=("AzureCloud", "Sql")), "Internet outside AzureCloud and Sql"),
        (source(not_tags=("VirtualNetwork",)), "any outside VirtualNetwork"),
        (source(tags=(GROUP,)), "ASG web"),
        (source(not_tags=(GROUP,)), "any outside ASG web"),
        (source(tags=("Sql", "Storage")), "Sql and Storage"),
        (source("10.0.0.4", tags=("Internet",)), "10.0.0.4 in Internet"),
        (source("8.8.8.8", "10.0.0.4", tags=("INTERNET",)), "8.8.8.8, 10.0.0.4 in INTERNET"),
        (source("1.1.1.1", "1.1.1.3", "1.1.1.5", "1.1.1.7"), "1.1.1.1, 1.1.1.3, 1.1.1.5, 1.1.1.7"),
        (source(*(f"1.{n}.1.1" for n in range(1, 7))), "1.1.1.1, 1.2.1.1, 1.3.1.1 and 3 more"),
        (source(*(f"10.0.0.{n}" for n in range(0, 12, 2)), "fd00::1"), "10.0.0.0, 10.0.0.2, 10.0.0.4 and 4 more"),
        (all_but("10.0.0.0/8"), "any but 10.0.0.0/8"),
        (all_but("10.0.0.0/8", "fd00::/8"), "any but 10.0.0.0/8 and fd00::/8"),
        (all_but("10.1.1.1", within=networks("10.0.0.0/8")), "10.0.0.0/8 but 10.1.1.1"),
        (
            all_but("10.1.1.1", "10.3.1.1", "10.5.1.1", within=networks("10.0.0.0/8")),
            "10.0.0.0/8 but 10.1.1.1, 10.3.1.1 and 10.5.1.1",
        ),
        (
            all_but("10.1.1.1", "10.3.1.1", "10.5.1.1", "10.7.1.1", within=networks("10.0.0.0/8")),
            "10.0.0.0/16, 10.1.0.0/24, 10.1.1.0 and 70 more",
        ),
    ],
)
def test_places(place: Place, expected: str) -> None:
    # Addresses are shown as prefixes, or by what is missing from a wider one if that is shorter.
    assert place_phrase(place) == expected


def test_both_sides_are_named() -> None:
    box = Box(TCP, source=source("10.0.0.0/8"), destination=source(tags=(GROUP,)))
    assert box_phrase(box) == "all TCP from 10.0.0.0/8 to ASG web"


def ssh(place: Place, *, port: str = "22") -> Box:
    return Box(TCP, destination_ports=ports(port), source=place)


SQL, NOT_SQL = source(tags=("Sql",)), source(not_tags=("Sql",))


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        (
            [ssh(source("8.8.8.8")), ssh(source("9.9.9.9"), port="80")],
            "TCP 22 from 8.8.8.8 to any; TCP 80 from 9.9.9.9 to any",
        ),
        ([ssh(source("10.0.0.0/9")), ssh(source("10.128.0.0/9"))], "TCP 22 from 10.0.0.0/8 to any"),
        (
            [ssh(NOT_SQL, port="0-65535"), ssh(SQL, port="23-65535"), ssh(SQL, port="0-21")],
            "all TCP from any to any except TCP 22 from Sql",
        ),
    ],
)
def test_several_boxes_are_listed_joined_or_one_with_exceptions(boxes: list[Box], expected: str) -> None:
    # Whichever is easier to read.
    assert phrase(entry(*boxes)) == expected


def scattered(count: int) -> list[Box]:
    """Return boxes that no short phrase describes: the ports and networks all differ."""
    return [ssh(source(f"{number + 1}.{number}.0.0/16"), port=str(number * 7 + 1)) for number in range(count)]


def test_a_phrase_may_leave_out_what_earlier_rules_decide_but_not_if_it_must_be_exact() -> None:
    # "except what earlier rules decide" is right for one rule that opens; it is wrong for many that leave gaps.
    text = phrase(entry(*scattered(12)))
    assert text.startswith("TCP 1, 8, 15 and 9 more ports from ")
    assert text.endswith(" to any except what earlier rules decide")
    with pytest.raises(NoPhraseError):
        phrase(entry(*scattered(12)), exact=True)
    assert phrase(entry(*scattered(3)), exact=True).count(";") == 2


def test_what_a_default_rule_denies_need_not_exclude_what_the_default_rules_before_it_allow() -> None:
    # Inbound from Internet, by a rule that replaces DenyAllInBound: the virtual network was allowed before.
    network = Place(tags=("VirtualNetwork",))
    outside = [
        Box(TCP, source=Place(not_tags=("VirtualNetwork",))),
        Box(TCP, source=network, destination=Place(not_tags=("VirtualNetwork",))),
    ]
    assert phrase(entry(*outside, approved="DenyAllInBound")) == "all TCP from any to any"
    assert phrase(entry(*outside, approved="rule", live="DenyAllOutBound")) == "all TCP from any to any"
    assert phrase(entry(*outside, approved="rule")) != "all TCP from any to any"


def test_the_load_balancer_is_understood_inbound_alone() -> None:
    # Only the inbound default rules allow it.
    boxes = [ssh(all_but("168.63.129.16")), ssh(source(), port="80")]
    assert phrase(entry(*boxes, approved="DenyAllInBound")) == "TCP 22, 80 from any to any"
    assert "168.63.129.16" in phrase(entry(*boxes, approved="DenyAllOutBound"))


def test_conditional_traffic_is_named_as_such() -> None:
    # It exists only with forced tunnelling, so a reader may dismiss it.
    both = Place(tags=("Internet", "VirtualNetwork"))
    boxes = [Box(TCP, destination_ports=ports(str(number)), source=both) for number in range(1, 9, 2)]
    unlikely = "(only if VirtualNetwork contains public addresses)"
    text = phrase(entry(*boxes[:3], conditional=True), exact=True)
    assert text == f"{'; '.join(map(box_phrase, boxes[:3]))} {unlikely}"
    whole = "TCP 1, 3, 5, 7 from Internet and VirtualNetwork to any except what earlier rules decide"
    assert phrase(entry(*boxes, conditional=True)) == f"{whole} {unlikely}"
    with pytest.raises(NoPhraseError):
        phrase(entry(*boxes, conditional=True), exact=True)


def test_platform_traffic_has_a_separate_phrase() -> None:
    # No box contains it together with other traffic.
    dns = Box(destination=Place(tags=("AzurePlatformDNS",)))
    assert phrase(entry(dns, Box(TCP))) == "all traffic from any to AzurePlatformDNS; all TCP from any to any"


def all_tcp_but(*holes: Box) -> list[Box]:
    boxes = subtract_all(Box(TCP), holes, StepBudget(1000))
    assert boxes
    return boxes


def test_up_to_three_exceptions_are_listed() -> None:
    # A rule behind three denials: the reader has to know all of them, and the fourth would make it unreadable.
    holes = [ssh(source(f"{number}.0.0.0/8"), port=str(20 + number)) for number in range(1, 5)]
    text = phrase(entry(*all_tcp_but(*holes[:3])), exact=True)
    listed = "TCP 21 from 1.0.0.0/8, TCP 22 from 2.0.0.0/8 and TCP 23 from 3.0.0.0/8"
    assert text == f"all TCP from any to any except {listed}"
    assert phrase(entry(*all_tcp_but(*holes))) == "all TCP from any to any except what earlier rules decide"


def test_an_exception_names_only_what_differs() -> None:
    # The protocol, the side and the limits that it shares with the whole are known to the reader.
    others = [ssh(source(f"{number}.0.0.0/8"), port=str(number)) for number in (80, 81)]
    text = phrase(entry(*all_tcp_but(ssh(NOT_SQL), *others)))
    excepted = "TCP 22 from any outside Sql, TCP 80 from 80.0.0.0/8 and TCP 81 from 81.0.0.0/8"
    assert text == f"all TCP from any to any except {excepted}"
    to_group = Box(TCP, destination=source(tags=(GROUP,)))
    assert phrase(entry(*all_tcp_but(to_group))) in (
        "all TCP from any to any outside ASG web",
        "all TCP from any to any except to ASG web",
    )


def test_an_exception_with_more_addresses_than_are_shown_is_not_exact() -> None:
    others = [ssh(source(f"{number}.0.0.0/8"), port=str(number)) for number in (80, 81)]
    boxes = all_tcp_but(ssh(source(*(f"{number}.7.0.1" for number in range(1, 7)))), *others)
    assert "except TCP 22 from 1.7.0.1, 2.7.0.1, 3.7.0.1 and 3 more, TCP 80" in phrase(entry(*boxes))
    with pytest.raises(NoPhraseError):
        phrase(entry(*boxes), exact=True)


STORAGE = networks("20.38.0.0/16", "20.60.0.0/16")


def named(direction: Direction, tag: NamedTag, *texts: str) -> str:
    place = Place(networks(*texts))
    box = Box(TCP, source=place) if direction == "Inbound" else Box(TCP, destination=place)
    return phrase(Entry("Allowed", direction, None, "new", (box,), conditional=False, tags=(tag,)))


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("Inbound", ("all TCP from Storage to any", "all TCP from 20.38.1.0/24 in Storage to any")),
        ("Outbound", ("all TCP from any to Storage", "all TCP from any to 20.38.1.0/24 in Storage")),
    ],
)
def test_addresses_that_a_service_tags_file_gave_have_the_name_of_the_tag(
    direction: Direction, expected: tuple[str, str]
) -> None:
    # With the file the reader must not see less than without it.
    tag = NamedTag("Storage", STORAGE)
    assert named(direction, tag, "20.38.0.0/16", "20.60.0.0/16") == expected[0]
    assert named(direction, tag, "20.38.1.0/24") == expected[1]


def test_a_tag_without_known_addresses_and_the_load_balancer_are_not_named_twice() -> None:
    assert named("Inbound", NamedTag("Storage", None), "20.38.1.0/24") == "all TCP from 20.38.1.0/24 to any"
    probe = networks("168.63.129.16")
    assert named("Inbound", NamedTag("AzureLoadBalancer", probe), "168.63.129.16") == (
        "all TCP from AzureLoadBalancer to any"
    )


def test_two_short_boxes_are_listed_rather_than_one_with_two_exceptions() -> None:
    # Both are right; fewer parts are read faster.
    boxes = [ssh(source(tags=("Sql",))), ssh(source(tags=("Storage",)), port="80")]
    assert phrase(entry(*boxes)) == "TCP 22 from Sql to any; TCP 80 from Storage to any"
