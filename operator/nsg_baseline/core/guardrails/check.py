"""The check of rule lists against guardrails.

Each clause is a region of connections. The rules are applied to it in the order of their priorities; what a rule
decides against the clause is a violation. The result is exact in the likely reading of `tags`, for all addresses of
tags that it allows: traffic violates `never` if it may be allowed, and `always` if it may be denied.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nsg_baseline.api.common import Severity
from nsg_baseline.api.guardrail import GuardrailSpec
from nsg_baseline.api.guardrail_clause import Clause, NeverClause
from nsg_baseline.core.guardrails.region import has_platform_traffic, in_words_of, is_public, region
from nsg_baseline.core.guardrails.sizes import Decided, internet_wide_part
from nsg_baseline.core.intervals import ALL_PORTS, common
from nsg_baseline.core.rules import Addresses, Rule
from nsg_baseline.core.traffic.bounding_box import BoundingBox, Overlap
from nsg_baseline.core.traffic.boxes import BoxWriter
from nsg_baseline.core.traffic.defaults import DEFAULT_RULES
from nsg_baseline.core.traffic.merging import merge_pieces
from nsg_baseline.core.traffic.model import Box, Effect
from nsg_baseline.core.traffic.original_case import Speller, speller
from nsg_baseline.core.traffic.rule_diff import ordered
from nsg_baseline.core.traffic.split import split_pieces
from nsg_baseline.core.traffic.tags import LIKELY, LOAD_BALANCER, PLATFORM, PUBLIC, VIRTUAL_NETWORK, TagTable
from nsg_baseline.core.traffic.traffic_space import TrafficSpace

BUDGET = 4000
"""Number of pieces above which the rest of a clause counts as violated, because it is too complex to check."""
_INSIDE = (VIRTUAL_NETWORK, LOAD_BALANCER, *PLATFORM)


@dataclass(frozen=True, slots=True)
class _Region:
    label: str
    clause: Clause
    boxes: tuple[Box, ...]
    extents: tuple[BoundingBox, ...]

    @property
    def effect(self) -> Effect:
        """The effect that violates the clause."""
        return "Allowed" if isinstance(self.clause, NeverClause) else "Denied"


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A guardrail, with the regions of its clauses. `version` is that of the spec, for values that are kept."""

    name: str
    spec: GuardrailSpec
    regions: tuple[_Region, ...]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Violation:
    """Traffic that a rule of an NSG decides against a clause of a guardrail.

    Attributes:
        clause: the clause, such as `never[0]`.
        effect: Allowed for `never`, Denied for `always`.
        rule: the deciding rule; None for the platform, which allows.
        boxes: the traffic. Limits that every connection of the clause has are left out.
        exact: whether the boxes are all of it; otherwise the rest is too complex to check.
    """

    guardrail: str
    severity: Severity
    clause: str
    effect: Effect
    direction: str
    rule: Rule | None
    boxes: tuple[Box, ...]
    exact: bool = True


def compiled(name: str, spec: GuardrailSpec, version: str = "") -> Guardrail:
    """Return a guardrail that is ready to check rules."""
    clauses: list[tuple[str, Clause]] = [
        *((f"never[{index}]", clause) for index, clause in enumerate(spec.never)),
        *((f"always[{index}]", clause) for index, clause in enumerate(spec.always)),
    ]
    return Guardrail(name, spec, tuple(_region(label, clause) for label, clause in clauses), version)


def _region(label: str, clause: Clause) -> _Region:
    boxes = region(clause)
    # Without a service tags file; with it they may be wider than necessary.
    extents = tuple(BoundingBox.everything().within(box, None) for box in boxes)
    return _Region(label, clause, boxes, extents)


def violations(
    guardrails: Iterable[Guardrail], rules: Sequence[Rule], tags: TagTable | None = None
) -> tuple[Violation, ...]:
    """Return the violations of guardrails by an NSG with these custom rules, in the order of clauses and rules."""
    lists = {direction: [*ordered(rules, direction), *defaults] for direction, defaults in DEFAULT_RULES.items()}
    return tuple(
        violation
        for guardrail in guardrails
        for clause_region in guardrail.regions
        for violation in _of_clause(guardrail, clause_region, lists[clause_region.clause.direction], tags)
    )


def _of_clause(
    guardrail: Guardrail, clause_region: _Region, rules: Sequence[Rule], tags: TagTable | None
) -> Iterator[Violation]:
    clause, effect = clause_region.clause, clause_region.effect
    pairs = zip(clause_region.boxes, clause_region.extents, strict=True)
    decided = [part for box, extent in pairs for part in _decided(box, extent, rules, clause_region, tags)]
    if isinstance(clause, NeverClause) and clause.source_size == "InternetWide":
        decided = internet_wide_part(decided)
    by_rule: dict[int, tuple[Rule | None, list[Box], bool]] = {}
    for rule, boxes, exact in decided:
        _, rule_boxes, rule_exact = by_rule.get(id(rule), (rule, [], True))
        by_rule[id(rule)] = (rule, [*rule_boxes, *boxes], rule_exact and exact)
    for rule, rule_boxes, exact in by_rule.values():
        yield Violation(
            guardrail.name,
            guardrail.spec.severity,
            clause_region.label,
            effect,
            clause.direction,
            rule,
            in_words_of(clause, rule_boxes),
            exact,
        )


def _decided(
    box: Box, extent: BoundingBox, rules: Sequence[Rule], clause_region: _Region, tags: TagTable | None
) -> Iterator[Decided]:
    """Yield each rule that decides traffic of a box of a clause against the clause, and that traffic."""
    clause, effect = clause_region.clause, clause_region.effect
    if extent.is_empty():
        return
    relevant = _relevant(box, rules, effect, clause.direction, Overlap(extent, tags))
    if not relevant:
        return
    space = TrafficSpace(extent, relevant, box, tags, LIKELY)
    writer = BoxWriter(space, _speller(clause, relevant))
    rest = [piece for piece in space.pieces_of_box(box) if piece[0] and space.exists(piece)]
    for rule in relevant:
        inside, rest = split_pieces(rest, space.pieces_of_rule(rule), space)
        if inside and _has_effect(rule, effect):
            yield rule, writer.boxes(merge_pieces(inside, space)), True
        if len(rest) > BUDGET:
            yield rule, writer.boxes(rest[:1]), False
            return
        if not rest:
            return
    if effect == "Allowed" and has_platform_traffic(box):
        yield None, writer.boxes(merge_pieces(rest, space)), True


def _speller(clause: Clause, rules: Sequence[Rule]) -> Speller:
    """Return the spelling of tags as in the clause, or else as in the rules."""
    spelling = {text.lower(): text for text in (clause.source, clause.destination)}
    of_rules = speller(rules)
    return lambda word: spelling.get(word) or of_rules(word)


def _relevant(box: Box, rules: Sequence[Rule], effect: Effect, direction: str, overlap: Overlap) -> list[Rule]:
    """Return the rules that may match traffic of a box, up to the last that may have an effect."""
    far = box.source if direction == "Inbound" else box.destination
    may_match = overlap.may_match
    # The bounds of several ports are wide, and most rules are about other ports.
    limited = set(box.protocols) <= {"Tcp", "Udp"} and box.destination_ports != ALL_PORTS
    relevant = [rule for rule in rules if may_match(rule) and not (limited and _has_other_ports(rule, box))]
    if is_public(far):
        sides = ((rule, rule.source if direction == "Inbound" else rule.destination) for rule in relevant)
        relevant = [rule for rule, side in sides if not _is_inside(side)]
    if has_platform_traffic(box):
        return relevant or list(rules[-1:])
    while relevant and not _has_effect(relevant[-1], effect):
        relevant.pop()
    return relevant


def _has_other_ports(rule: Rule, box: Box) -> bool:
    ports = rule.destination_ports
    return not ports.words and ports.ranges != ALL_PORTS and not common(ports.ranges, box.destination_ports)


def _is_inside(side: Addresses) -> bool:
    """Return whether a side of a rule contains no address outside the virtual network."""
    if not all(word in _INSIDE for word in side.words):
        return False
    return not side.ranges or not common(side.ranges, PUBLIC)


def _has_effect(rule: Rule, effect: Effect) -> bool:
    """Return whether a rule may have an effect. An access that Azure does not have today may have either."""
    return rule.access != ("Deny" if effect == "Allowed" else "Allow")
