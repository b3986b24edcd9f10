"""Lint: findings about rules that are ineffective, dangerous or refused by Azure, each with its field and a fix."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.api.common import format_time
from nsg_baseline.api.rule import SecurityRule
from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG, SeverityConfig
from nsg_baseline.core.intervals import Interval, parse_prefix, prefixes
from nsg_baseline.core.nsg import parse_rule
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.severity import Rating, rate
from nsg_baseline.core.text.exposure_lines import ExposureEntry
from nsg_baseline.core.text.phrasing import listed
from nsg_baseline.core.traffic.coverage import Coverage, coverage
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.model import DIRECTIONS
from nsg_baseline.core.traffic.tags import is_service_tag

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
# The level and the description of each kind of finding.
KINDS: Mapping[str, tuple[Level, str]] = {
    "InvalidForm": ("error", "The object does not have the form of its kind."),
    "StarInList": ("error", "Azure takes * alone, not in a list."),
    "TagInList": ("error", "Azure takes a service tag alone, not in a list."),
    "MixedFamilies": ("error", "Azure takes no IPv4 and IPv6 in one list."),
    "DuplicateName": ("error", "Two rules have one name."),
    "DuplicateBaseline": ("error", "Two baselines have one namespace and name."),
    "DuplicateTarget": ("error", "Two baselines manage the same NSG."),
    "DuplicatePriority": ("error", "Two rules of one direction have one priority."),
    "TooManyRules": ("error", "Azure takes 1,000 rules in one NSG."),
    "TooManyAddresses": ("error", "Azure takes 4,000 addresses on each side in one NSG."),
    "TooManyGroups": ("error", "Azure takes 100 application security groups in one NSG."),
    "GuardrailViolated": ("error", "The baseline allows traffic that a guardrail forbids, or blocks what it requires."),
    "OverlappingPrefixes": ("warning", "Azure refuses prefixes of one list that overlap."),
    "HostBits": ("warning", "Azure refuses a prefix with host bits."),
    "UnknownTag": ("warning", "The service tags file does not know this tag."),
    "OpenToInternet": ("warning", "The rule opens ports to the Internet, or management ports to public addresses."),
    "Shadowed": ("warning", "Earlier rules match all of this rule's traffic and decide it alike."),
    "Contradicted": ("warning", "Earlier rules match all of this rule's traffic and decide it differently."),
    "Redundant": ("note", "Later rules decide this rule's traffic alike."),
    "EndedException": ("note", "The exception has expired."),
}
_SHOWN_NAMES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: `field` is its place in the notation of Kubernetes, and `fix` says how to resolve it."""

    id: str
    field: str
    message: str
    fix: str
    rule: str | None = None

    @property
    def level(self) -> Level:
        """The level of this kind of finding."""
        return KINDS[self.id][0]


def lint(
    spec: BaselineSpec, now: datetime, severity_config: SeverityConfig = DEFAULT_SEVERITY_CONFIG
) -> tuple[Finding, ...]:
    """Return the findings about a valid baseline at a time; the time decides which exceptions have ended."""
    rules = [parse_rule(rule) for rule in spec.rules]
    places = {rule.key: f"spec.rules[{index}]" for index, rule in enumerate(rules)}
    findings = [
        *(finding for index, rule in enumerate(spec.rules) for finding in _of_rule(rule, index, severity_config)),
        *_open(rules, places, severity_config),
        *_exceptions(spec, rules, now, severity_config),
        *(
            finding
            for direction in DIRECTIONS
            for rule_coverage in coverage(rules, direction, severity_config.tags)
            for finding in _covered(rule_coverage, places)
        ),
    ]
    return tuple(findings)


def _of_rule(rule: SecurityRule, index: int, severity_config: SeverityConfig) -> Iterator[Finding]:
    sides = (
        ("source", rule.source_address_prefix, rule.source_address_prefixes),
        ("destination", rule.destination_address_prefix, rule.destination_address_prefixes),
    )
    for side, single, several in sides:
        place = f"spec.rules[{index}].{side}AddressPrefix"
        for field, text in [(place, single), *((f"{place}es[{number}]", text) for number, text in enumerate(several))]:
            if text and (masked := _masked(text)) is not None:
                yield Finding("HostBits", field, f"{text} has host bits", f"write {masked}", rule.name)
        yield from _overlaps(rule.name, f"{place}es", several)
        if single and severity_config.tags is not None and _is_unknown(single, severity_config):
            message = f"{single} is not in the service tags file"
            yield Finding("UnknownTag", place, message, "look for a typing mistake", rule.name)


def _masked(text: str) -> str | None:
    """Return a prefix without its host bits; None when it has none."""
    prefix, address = parse_prefix(text), parse_prefix(text.partition("/")[0])
    if prefix is None or address is None or address.first == prefix.first:
        return None
    return prefixes(prefix)[0]


def _is_unknown(word: str, severity_config: SeverityConfig) -> bool:
    folded = word.lower()
    constants = ("internet", "azureloadbalancer")
    if severity_config.tags is None or folded in constants or folded.startswith("azureplatform"):
        return False
    return parse_prefix(word) is None and is_service_tag(folded) and severity_config.tags.ranges(folded) is None


def _overlaps(name: str, place: str, texts: tuple[str, ...]) -> Iterator[Finding]:
    prefixes_by_start = sorted(
        ((prefix, index) for index, text in enumerate(texts) if (prefix := parse_prefix(text)) is not None),
        key=lambda indexed: (indexed[0].family, indexed[0].first, -indexed[0].last),
    )
    # The earlier prefix that reaches furthest overlaps the next one if any earlier prefix does.
    furthest: tuple[Interval, int] | None = None
    for prefix, index in prefixes_by_start:
        if furthest is not None and prefix.family == furthest[0].family and prefix.first <= furthest[0].last:
            outer, text = texts[furthest[1]], texts[index]
            message = f"{text} lies within {outer}" if prefix.last <= furthest[0].last else f"{outer} meets {text}"
            yield Finding("OverlappingPrefixes", f"{place}[{index}]", message, f"leave out {text}", name)
        if furthest is None or prefix.last > furthest[0].last or prefix.family != furthest[0].family:
            furthest = (prefix, index)


def _open(rules: list[Rule], places: Mapping[str, str], severity_config: SeverityConfig) -> Iterator[Finding]:
    """Yield the rules that open traffic of severity high or critical to the Internet."""
    opened = exposure((), rules, tags=severity_config.tags)
    by_rule: dict[str, list[ExposureEntry]] = {}
    for entry in opened.entries:
        if entry.effect == "Allowed" and entry.direction == "Inbound" and entry.live_rule is not None:
            by_rule.setdefault(entry.live_rule, []).append(ExposureEntry(entry))
    for name, pairs in by_rule.items():
        rating = rate((pair.entry for pair in pairs), severity_config.policy)
        if name.lower() in places and _is_open(rating):
            message = f"{rating.explanation} ({rating.severity})"
            fix = "name the addresses that need it, or reach it through Bastion, a VPN or just-in-time access"
            yield Finding("OpenToInternet", places[name.lower()], message, fix, name)


def _is_open(rating: Rating) -> bool:
    severe = rating.severity in ("critical", "high")
    return severe and rating.reason.startswith(("InternetTo", "ManyTo", "PublicTo"))


def _exceptions(
    spec: BaselineSpec, rules: list[Rule], now: datetime, severity_config: SeverityConfig
) -> Iterator[Finding]:
    """Yield findings about exceptions: those that ended, and those that open traffic to the Internet."""
    for index, exception in enumerate(spec.exceptions):
        place = f"spec.exceptions[{index}]"
        if exception.until <= now:
            message = f"the exception for {exception.rule.name} ended at {format_time(exception.until)}"
            yield Finding("EndedException", f"{place}.until", message, "remove it", exception.rule.name)
            continue
        excepted = parse_rule(exception.rule)
        other_rules = [rule for rule in rules if rule.key != excepted.key]
        for finding in _open([*other_rules, excepted], {excepted.key: f"{place}.rule"}, severity_config):
            message = f"{finding.message}, until {format_time(exception.until)}"
            yield replace(finding, message=message)


def _covered(covered: Coverage, places: Mapping[str, str]) -> Iterator[Finding]:
    rule, place = covered.rule, places[covered.rule.key]
    if covered.hidden_by:
        opposed = [hiding for hiding in covered.hidden_by if hiding.access != rule.access]
        names = _names(opposed or covered.hidden_by)
        message = f"unreachable: {_first(opposed or covered.hidden_by)} this traffic"
        if opposed:
            yield Finding("Contradicted", place, message, f"move it before {names}, or remove it", rule.name)
        else:
            yield Finding("Shadowed", place, message, "remove it", rule.name)
    elif covered.same_as:
        verb = "decides" if len(covered.same_as) == 1 else "decide"
        message = f"redundant: without it, {_names(covered.same_as)} {verb} this traffic alike"
        yield Finding("Redundant", place, message, "remove it, unless it documents an intent", rule.name)


def _first(rules: Sequence[Rule]) -> str:
    """Return `a matches first and denies`, for rules of one access."""
    denies = rules[0].access == "Deny"
    if len(rules) == 1:
        return f"{_names(rules)} matches first and {'denies' if denies else 'allows'}"
    return f"{_names(rules)} match first and {'deny' if denies else 'allow'}"


def _names(rules: Sequence[Rule]) -> str:
    names = [rule.name for rule in rules]
    more = [f"{len(names) - _SHOWN_NAMES} more"] if len(names) > _SHOWN_NAMES else []
    return listed([*names[:_SHOWN_NAMES], *more])
