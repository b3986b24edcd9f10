"""Appraisal: what a set of changes lets through or cuts off, and how much each of them weighs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from nsg_baseline.core.changes import KIND_ORDER, Change, tolerated_change
from nsg_baseline.core.classification import Classification
from nsg_baseline.core.nsg import ApprovedNSG, LiveNSG
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.severity import Rating, rate, rated, worst_rating
from nsg_baseline.core.severity_policy import DEFAULT_WEIGHTS, SEVERITIES, SeverityPolicy
from nsg_baseline.core.text.exposure_lines import Exposed
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.model import Box, Place
from nsg_baseline.core.traffic.rule_semantics import unreadable
from nsg_baseline.core.traffic.tags import PUBLIC, TagTable

# What stands for a walk that was broken off is looked for with more patience, in the part that weighs most.
_PROBE_BUDGET = 20_000


@dataclass(frozen=True, slots=True)
class SeverityConfig:
    """By what changes are weighed: levels and ports, and the addresses of service tags where they are known."""

    weights: SeverityPolicy = DEFAULT_WEIGHTS
    tags: TagTable | None = None


DEFAULT_SEVERITY_CONFIG = SeverityConfig()


@dataclass(frozen=True, slots=True)
class Assessment:
    """Changes with their severities, heaviest first, and the exposure of them all. `weight` is None without changes."""

    changes: tuple[Change, ...]
    exposed: tuple[Exposed, ...] = ()
    weight: Rating | None = None
    summary: str | None = None


def assess(
    approved: ApprovedNSG,
    live: LiveNSG | None,
    changes: Iterable[Change],
    sides: Classification,
    yardstick: SeverityConfig,
) -> Assessment:
    """Weigh the changes of one NSG. Rules of co-owners that open a management port to the Internet join them."""
    opening = tuple(_opening(sides, yardstick))
    added = tuple(tolerated_change(rule, owner, approved) for rule, owner in opening)
    changes = (*changes, *added)
    if not changes:
        return Assessment(())
    borne = [rule for rule, owner in sides.tolerated if (rule, owner) not in opening]
    # Of two rules at one priority the co-owner's comes first: it was there when the other was approved.
    expected = (*borne, *sides.approved)
    rules = live.rules if live is not None else None
    found = exposure(expected, rules, tags=yardstick.tags)
    exposed = [*map(Exposed, found.entries), *_detached(approved, live, expected, yardstick)]
    seen = exposed if found.exact else [*exposed, *_probed(expected, rules, yardstick)]
    weights = {id(change): _weight_of(change, seen, live, yardstick.weights) for change in changes}
    parts = [rate((one.entry for one in seen), yardstick.weights), *weights.values()]
    if not found.exact and live is not None:
        parts.append(rated(yardstick.weights, "Unclear", "there is more traffic than could be looked at"))
    ordered = sorted((replace(change, severity=weights[id(change)].severity) for change in changes), key=_order)
    # Of a walk that came to nothing at least what weighs most is told.
    return Assessment(tuple(ordered), tuple(exposed or seen), worst_rating(parts, yardstick.weights), found.summary)


def assess_unbaselined(live: LiveNSG, yardstick: SeverityConfig) -> tuple[tuple[Exposed, ...], Rating]:
    """Weigh what an NSG without a baseline opens against the default rules."""
    found = exposure((), live.rules, tags=yardstick.tags)
    exposed = [*map(Exposed, found.entries)]
    seen = exposed if found.exact else [*exposed, *_probed((), live.rules, yardstick)]
    least = rated(yardstick.weights, "NSGCreated", "no baseline says what is approved there")
    # Nobody approved that something reaches a network which nobody declared: what is stopped there weighs nothing.
    opened = (one.entry for one in seen if one.entry.effect == "Allowed")
    parts = [rate(opened, yardstick.weights), least]
    if not found.exact:
        parts.append(rated(yardstick.weights, "Unclear", "there is more traffic than could be looked at"))
    return tuple(exposed or seen), worst_rating(parts, yardstick.weights)


def _order(change: Change) -> tuple[int, int, str]:
    return SEVERITIES.index(change.severity), KIND_ORDER.index(change.kind), (change.rule or "").lower()


def _opening(sides: Classification, yardstick: SeverityConfig) -> Iterator[tuple[Rule, str]]:
    """Yield the co-owners' rules that open an Internet-wide source to a management or database port."""
    allowing = [rule for rule, _ in sides.tolerated if rule.access == "Allow" and rule.direction == "Inbound"]
    if not allowing:
        return
    everything = (*(rule for rule, _ in sides.tolerated), *sides.approved)
    found = exposure(sides.approved, everything, tags=yardstick.tags)
    for rule, owner in sides.tolerated:
        mine = [entry for entry in found.entries if entry.live_rule == rule.name]
        if rate(mine, yardstick.weights).ground == "InternetToManagement":
            yield rule, owner


def _probed(expected: Sequence[Rule], rules: Sequence[Rule] | None, yardstick: SeverityConfig) -> Iterator[Exposed]:
    """Yield what reaches management ports from public addresses, looked at by itself."""
    for box in _probes(yardstick.weights):
        found = exposure(expected, rules, tags=yardstick.tags, budget=_PROBE_BUDGET, restrict=box)
        yield from map(Exposed, found.entries)


def _probes(weights: SeverityPolicy) -> Iterator[Box]:
    for protocol in ("Tcp", "Udp"):
        yield Box((protocol,), destination_ports=weights.sensitive(protocol), source=Place(PUBLIC))


def _detached(
    approved: ApprovedNSG, live: LiveNSG | None, expected: Sequence[Rule], yardstick: SeverityConfig
) -> Iterator[Exposed]:
    """Yield what falls open where the NSG should be attached and is not."""
    if live is None:
        return
    pairs = ((approved.subnets, live.subnets), (approved.network_interfaces, live.network_interfaces))
    missing = [one for ours, theirs in pairs for one in sorted((ours or frozenset()) - theirs)]
    if not missing:
        return
    names = ", ".join("/".join(one.split("/")[-2:]) for one in missing[:2])
    place = f"at {names}" + (f" and {len(missing) - 2} more" if len(missing) > 2 else "")  # noqa: PLR2004 - shown
    found = exposure(expected, None, tags=yardstick.tags)
    yield from (Exposed(entry, place) for entry in found.entries)


def _weight_of(change: Change, exposed: Sequence[Exposed], live: LiveNSG | None, weights: SeverityPolicy) -> Rating:
    """Return the weight of the exposure that one change decides."""
    if change.kind == "NSGDeleted":
        least = rated(weights, "NSGDeleted", "the NSG filters nothing any more")
        return worst_rating([rate([one.entry for one in exposed], weights), least], weights)
    if change.kind == "NSGUpdated":
        return _weight_of_attachment(change, exposed, weights)
    mine = rate([one.entry for one in exposed if decides(change, one)], weights)
    return worst_rating([mine, *_unclear(change, live, weights)], weights)


def _weight_of_attachment(change: Change, exposed: Sequence[Exposed], weights: SeverityPolicy) -> Rating:
    detached = [one.entry for one in exposed if one.place is not None]
    if not detached or not {"subnets", "networkInterfaces"} & set(change.fields):
        return rate((), weights)
    name = change.fields[0]
    if not set((change.approved or {}).get(name, ())) - set((change.live or {}).get(name, ())):
        return rate((), weights)
    least = rated(weights, "NSGDeleted", "the NSG is detached and filters nothing there")
    return worst_rating([rate(detached, weights), least], weights)


def decides(change: Change, exposed: Exposed) -> bool:
    """Say whether a changed rule decides some traffic, as approved or live."""
    if change.rule is None or exposed.place is not None:
        return False
    name, entry = change.rule.lower(), exposed.entry
    before = change.approved is not None and (entry.approved_rule or "").lower() == name
    after = change.live is not None and (entry.live_rule or "").lower() == name
    return before or after


def _unclear(change: Change, live: LiveNSG | None, weights: SeverityPolicy) -> Iterator[Rating]:
    """Yield the weight of a rule that may allow what nobody here can tell."""
    if live is None or change.live is None or change.tolerated_by is not None:
        return
    rule = next((one for one in live.rules if one.key == (change.rule or "").lower()), None)
    if rule is not None and rule.access != "Deny" and (names := unreadable(rule)):
        yield rated(weights, "Unclear", f"{rule.name} has a value in {names[0]} that nobody here knows")
