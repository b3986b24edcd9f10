"""Assessment: the exposure of a set of changes, and the severity of each change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nsg_baseline.core.attachment import is_approved_unattached, is_unattached, unattached_rating
from nsg_baseline.core.changes import KIND_ORDER, Change, tolerated_change
from nsg_baseline.core.classification import Classification
from nsg_baseline.core.echoes import with_echoes
from nsg_baseline.core.nsg import ApprovedNSG, LiveNSG
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.severity import Rating, opens_management, rate, rated, worst_rating
from nsg_baseline.core.severity_policy import DEFAULT_SEVERITY_POLICY, SEVERITIES, SeverityPolicy
from nsg_baseline.core.text.exposure_lines import ExposureEntry
from nsg_baseline.core.tolerated_set import reported_rules
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.model import Box, Place
from nsg_baseline.core.traffic.rule_semantics import unreadable
from nsg_baseline.core.traffic.tags import PUBLIC, TagTable

# An incomplete result is computed again with a larger budget, in the most severe part.
_PROBE_BUDGET = 20_000


@dataclass(frozen=True, slots=True)
class SeverityConfig:
    """The severity policy, and the addresses of service tags if a service tags file is given."""

    policy: SeverityPolicy = DEFAULT_SEVERITY_POLICY
    tags: TagTable | None = None


DEFAULT_SEVERITY_CONFIG = SeverityConfig()


@dataclass(frozen=True, slots=True)
class Assessment:
    """Changes with their severities, most severe first, and their exposure. `rating` is None without changes."""

    changes: tuple[Change, ...]
    exposed: tuple[ExposureEntry, ...] = ()
    rating: Rating | None = None
    summary: str | None = None


def assess(
    approved: ApprovedNSG,
    live: LiveNSG | None,
    changes: Iterable[Change],
    classification: Classification,
    severity_config: SeverityConfig,
) -> Assessment:
    """Rate the changes of one NSG. Co-owners' rules that are reported although they are tolerated are added."""
    reported = reported_rules(classification, severity_config.policy, severity_config.tags)
    tolerated_ratings = {item.rule.key: item.rating for item in reported}
    changes = (*changes, *(tolerated_change(item.rule, item.owner, approved) for item in reported))
    if not changes:
        return Assessment(())
    tolerated_by_caller = [rule for rule, _ in classification.tolerated if rule.key not in tolerated_ratings]
    # Of two rules at one priority the co-owner's comes first: it existed when the other was approved.
    expected = (*tolerated_by_caller, *classification.approved)
    rules = live.rules if live is not None else None
    nsg_exposure = exposure(expected, rules, tags=severity_config.tags)
    exposed = [*map(ExposureEntry, nsg_exposure.entries), *_detached(approved, live, expected, severity_config)]
    considered = exposed if nsg_exposure.exact else [*exposed, *_probed(expected, rules, severity_config)]
    context = _Context(approved, live, considered, severity_config.policy, tolerated_ratings)
    changes = with_echoes(changes, classification.approved, rules or (), considered, decides)
    ratings = {id(change): _rating_of(change, context) for change in changes}
    together = _rating_together(context)
    parts = [together, *ratings.values()]
    if not nsg_exposure.exact and live is not None:
        parts.append(rated(severity_config.policy, "Unclear", "the exposure is too large to compute in full"))
    rated_changes = [_rated(change, ratings[id(change)]) for change in changes]
    is_more_critical = together.severity == "critical" and _is_rest_critical(rated_changes, context)
    ordered = sorted(
        (
            replace(
                change,
                opens=_opens(change, considered, nsg_exposure.exact),
                urgent=change.severity == "critical" or (is_more_critical and _opens_management(change, context)),
            )
            for change in rated_changes
        ),
        key=_order,
    )
    # If the computation is incomplete, the most severe part is still reported.
    return Assessment(
        tuple(ordered), tuple(exposed or considered), worst_rating(parts, severity_config.policy), nsg_exposure.summary
    )


def assess_unbaselined(live: LiveNSG, severity_config: SeverityConfig) -> tuple[tuple[ExposureEntry, ...], Rating]:
    """Rate what an NSG without a baseline opens compared with the default rules."""
    nsg_exposure = exposure((), live.rules, tags=severity_config.tags)
    exposed = [*map(ExposureEntry, nsg_exposure.entries)]
    considered = exposed if nsg_exposure.exact else [*exposed, *_probed((), live.rules, severity_config)]
    least = rated(severity_config.policy, "NSGCreated", "no baseline defines what is approved")
    # A network outside the declared ones is not approved: traffic that is denied there has no severity.
    opened = (pair.entry for pair in considered if pair.entry.effect == "Allowed")
    parts = [rate(opened, severity_config.policy), least]
    if not nsg_exposure.exact:
        parts.append(rated(severity_config.policy, "Unclear", "the exposure is too large to compute in full"))
    return tuple(exposed or considered), worst_rating(parts, severity_config.policy)


def _rated(change: Change, rating: Rating) -> Change:
    return replace(change, severity=rating.severity, reason=rating.explanation)


def _order(change: Change) -> tuple[int, int, str]:
    return SEVERITIES.index(change.severity), KIND_ORDER.index(change.kind), (change.rule or "").lower()


def _opens(change: Change, exposed: Sequence[ExposureEntry], exact: bool) -> bool:  # noqa: FBT001 - of an exposure
    """Return whether a change allows traffic that is not approved; if that cannot be computed, whether it may."""
    if not exact:
        access = str((change.live or change.approved or {}).get("access")).lower()
        return change.kind == "RuleUpdated" or (change.kind == "RuleCreated") == (access == "allow")
    return any(
        pair.entry.effect == "Allowed" and not (pair.entry.conditional and rate([pair.entry]).severity == "low")
        for pair in exposed
        if decides(change, pair)
    )


def _probed(
    expected: Sequence[Rule], rules: Sequence[Rule] | None, severity_config: SeverityConfig
) -> Iterator[ExposureEntry]:
    """Yield the exposure of management ports to public addresses, computed separately."""
    for box in _probes(severity_config.policy):
        port_exposure = exposure(expected, rules, tags=severity_config.tags, budget=_PROBE_BUDGET, restrict=box)
        yield from map(ExposureEntry, port_exposure.entries)


def _probes(policy: SeverityPolicy) -> Iterator[Box]:
    for protocol in ("Tcp", "Udp"):
        yield Box((protocol,), destination_ports=policy.sensitive(protocol), source=Place(PUBLIC))


def _detached(
    approved: ApprovedNSG, live: LiveNSG | None, expected: Sequence[Rule], severity_config: SeverityConfig
) -> Iterator[ExposureEntry]:
    """Yield the traffic that is unfiltered where the NSG should be attached and is not."""
    if live is None:
        return
    pairs = ((approved.subnets, live.subnets), (approved.network_interfaces, live.network_interfaces))
    missing = [resource for declared, attached in pairs for resource in sorted((declared or frozenset()) - attached)]
    if not missing:
        return
    names = ", ".join("/".join(resource.split("/")[-2:]) for resource in missing[:2])
    place = f"at {names}" + (f" and {len(missing) - 2} more" if len(missing) > 2 else "")  # noqa: PLR2004 - shown
    unfiltered = exposure(expected, None, tags=severity_config.tags)
    yield from (ExposureEntry(entry, place) for entry in unfiltered.entries)


@dataclass(frozen=True, slots=True)
class _Context:
    """What the rating of each change of one NSG depends on."""

    approved: ApprovedNSG
    live: LiveNSG | None
    exposed: Sequence[ExposureEntry]
    policy: SeverityPolicy
    tolerated_ratings: Mapping[str, Rating]


def _rating_of(change: Change, context: _Context) -> Rating:
    """Return the rating of the exposure that one change decides."""
    policy = context.policy
    if change.kind == "NSGDeleted":
        return _rating_of_deletion(context)
    if change.kind == "NSGUpdated":
        return _rating_of_attachment(change, context.exposed, policy)
    if change.echo is not None:
        return rated(policy, "NoExposure", change.echo)
    own_rating = rate([pair.entry for pair in context.exposed if decides(change, pair)], policy)
    tolerated = context.tolerated_ratings.get((change.rule or "").lower()) if change.tolerated_by else None
    ratings = [own_rating, *_unclear(change, context.live, policy), *([tolerated] if tolerated else [])]
    rating = worst_rating(ratings, policy)
    return unattached_rating(rating, policy) if is_unattached(context.approved, context.live) else rating


def _rating_of_deletion(context: _Context) -> Rating:
    policy = context.policy
    if is_approved_unattached(context.approved):
        return rated(policy, "UnattachedDeleted", "the NSG was attached to nothing")
    least = rated(policy, "NSGDeleted", "the NSG no longer filters any traffic")
    return worst_rating([rate([pair.entry for pair in context.exposed], policy), least], policy)


def _rating_together(context: _Context) -> Rating:
    """Return the rating of the exposure of all changes: two rules may open together what neither opens alone."""
    policy = context.policy
    if context.live is None:
        return _rating_of_deletion(context)
    rating = rate((pair.entry for pair in context.exposed if pair.place is None), policy)
    return unattached_rating(rating, policy) if is_unattached(context.approved, context.live) else rating


def _is_rest_critical(changes: Iterable[Change], context: _Context) -> bool:
    """Return whether the changes that are not critical alone are critical together."""
    critical = [change for change in changes if change.severity == "critical"]
    pairs = [pair for pair in context.exposed if pair.place is None]
    rest = [pair.entry for pair in pairs if not any(decides(change, pair) for change in critical)]
    return rate(rest, context.policy).severity == "critical"


def _opens_management(change: Change, context: _Context) -> bool:
    return opens_management([pair.entry for pair in context.exposed if decides(change, pair)], context.policy)


def _rating_of_attachment(change: Change, exposed: Sequence[ExposureEntry], policy: SeverityPolicy) -> Rating:
    detached = [pair.entry for pair in exposed if pair.place is not None]
    name = change.fields[0]
    if name not in ("subnets", "networkInterfaces"):
        return rate((), policy)
    if not set((change.approved or {}).get(name, ())) - set((change.live or {}).get(name, ())):
        return rate((), policy)
    least = rated(policy, "NSGDeleted", "the NSG is detached and no longer filters traffic there")
    return worst_rating([rate(detached, policy), least], policy)


def decides(change: Change, exposed: ExposureEntry) -> bool:
    """Return whether a changed rule decides some traffic, as approved or as live."""
    if change.rule is None or exposed.place is not None:
        return False
    name, entry = change.rule.lower(), exposed.entry
    before = change.approved is not None and (entry.approved_rule or "").lower() == name
    after = change.live is not None and (entry.live_rule or "").lower() == name
    return before or after


def _unclear(change: Change, live: LiveNSG | None, policy: SeverityPolicy) -> Iterator[Rating]:
    """Yield the rating of a rule with values that are not recognised, so that its traffic is unknown."""
    if live is None or change.live is None or change.tolerated_by is not None:
        return
    rule = next((candidate for candidate in live.rules if candidate.key == (change.rule or "").lower()), None)
    if rule is not None and rule.access != "Deny" and (names := unreadable(rule)):
        yield rated(policy, "Unclear", f"{rule.name} has a value in {names[0]} that is not recognised")
