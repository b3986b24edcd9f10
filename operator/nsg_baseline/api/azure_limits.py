"""Checks of a baseline that a schema cannot express: limits of Azure, and duplicates."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.api.patterns import is_address, is_ports, is_word
from nsg_baseline.api.problem import Problem
from nsg_baseline.api.rule import SecurityRule

MOST_ADDRESSES = 4000
MOST_GROUPS = 100
"""ARM's limits for one NSG: addresses of all rules on one side, and application security groups."""

_Check: TypeAlias = Callable[[BaselineSpec], Iterator[Problem]]


def problems(spec: BaselineSpec) -> tuple[Problem, ...]:
    """Return the problems that Azure would reject, or that make the rules ambiguous; empty if there are none."""
    return tuple(problem for check in _CHECKS for problem in check(spec))


def _names(spec: BaselineSpec) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for at, rule in enumerate(spec.rules):
        before = first.setdefault(rule.name.lower(), at)
        if before != at:
            other = spec.rules[before].name
            words = f"{rule.name} is also the name of spec.rules[{before}] ({other}), ignoring case"
            yield Problem(f"spec.rules[{at}].name", words, "DuplicateName", "give each rule a unique name")


def _priorities(spec: BaselineSpec) -> Iterator[Problem]:
    first: dict[tuple[int, str], int] = {}
    for at, rule in enumerate(spec.rules):
        before = first.setdefault((rule.priority, rule.direction), at)
        if before != at:
            other = spec.rules[before].name
            words = (
                f"{rule.name} and {other} (spec.rules[{before}]) both have {rule.direction} priority {rule.priority}"
            )
            fix = "give each rule a unique priority"
            yield Problem(f"spec.rules[{at}].priority", words, "DuplicatePriority", fix)


def _values(spec: BaselineSpec) -> Iterator[Problem]:
    for at, rule in enumerate(spec.rules):
        yield from _lists(rule, f"spec.rules[{at}]")
    for at, exception in enumerate(spec.exceptions):
        yield from _lists(exception.rule, f"spec.exceptions[{at}].rule")


def _lists(rule: SecurityRule, place: str) -> Iterator[Problem]:
    yield from _addresses(rule.source_address_prefixes, f"{place}.sourceAddressPrefix")
    yield from _ports(rule.source_port_ranges, f"{place}.sourcePortRanges")
    yield from _addresses(rule.destination_address_prefixes, f"{place}.destinationAddressPrefix")
    yield from _ports(rule.destination_port_ranges, f"{place}.destinationPortRanges")


def _addresses(items: tuple[str, ...], singular: str) -> Iterator[Problem]:
    families = set()
    for at, item in enumerate(items):
        if is_address(item):
            families.add(":" in item)
        elif is_word(item):
            words = "Azure does not accept a service tag in a list"
            fix = f"create a separate rule for it, with {singular.rpartition('.')[2]}"
            yield Problem(f"{singular}es[{at}]", words, "TagInList", fix)
        else:
            yield Problem(f"{singular}es[{at}]", "must be an IP address or a CIDR prefix such as 10.0.0.0/8")
    if len(families) > 1:
        words = "Azure does not accept IPv4 and IPv6 in one list"
        yield Problem(f"{singular}es", words, "MixedFamilies", "split the rule in two")


def _ports(items: tuple[str, ...], place: str) -> Iterator[Problem]:
    for at, item in enumerate(items):
        if not is_ports(item):
            yield Problem(f"{place}[{at}]", "must be a range with the low end first, such as 8000-8099")


def _limits(spec: BaselineSpec) -> Iterator[Problem]:
    sources = sum(_count(rule.source_address_prefix, rule.source_address_prefixes) for rule in spec.rules)
    destinations = sum(
        _count(rule.destination_address_prefix, rule.destination_address_prefixes) for rule in spec.rules
    )
    for side, count in (("source", sources), ("destination", destinations)):
        if count > MOST_ADDRESSES:
            words = f"contain {count} {side} addresses; Azure accepts at most {MOST_ADDRESSES} in one NSG"
            yield Problem("spec.rules", words, "TooManyAddresses")
    groups = {
        group.id.lower()
        for rule in spec.rules
        for group in (*rule.source_application_security_groups, *rule.destination_application_security_groups)
    }
    if len(groups) > MOST_GROUPS:
        words = f"contain {len(groups)} application security groups; Azure accepts at most {MOST_GROUPS} in one NSG"
        yield Problem("spec.rules", words, "TooManyGroups")


def _count(single: str | None, several: tuple[str, ...]) -> int:
    return len(several) + (1 if single and is_address(single) else 0)


def _attachments(spec: BaselineSpec) -> Iterator[Problem]:
    if spec.associations is None:
        return
    yield from _ids(spec.associations.subnets or (), "spec.associations.subnets", "subnets")
    yield from _ids(
        spec.associations.network_interfaces or (), "spec.associations.networkInterfaces", "networkInterfaces"
    )


def _ids(ids: tuple[str, ...], place: str, kind: str) -> Iterator[Problem]:
    for at, resource_id in enumerate(ids):
        if resource_id.split("/")[-2].lower() != kind.lower():
            yield Problem(f"{place}[{at}]", f"must be a resource id that ends in /{kind}/<name>")


_CHECKS: tuple[_Check, ...] = (_names, _priorities, _values, _limits, _attachments)
