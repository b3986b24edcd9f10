"""Changes: the differences between approved and live. Each change is one value with both sides."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nsg_baseline.api.changes import ChangeKind
from nsg_baseline.api.common import Severity
from nsg_baseline.core.classification import Classification
from nsg_baseline.core.ids import fold
from nsg_baseline.core.nsg import STRICT, ApprovedNSG, LiveNSG
from nsg_baseline.core.rules import Rule, differing_fields, semantic_key
from nsg_baseline.core.tolerations import co_owner_of

KIND_ORDER: tuple[ChangeKind, ...] = (
    "NSGDeleted",
    "NSGCreated",
    "RuleCreated",
    "RuleUpdated",
    "RuleDeleted",
    "NSGUpdated",
    "GuardrailViolated",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. The sides are flattened documents; None where a side has nothing.

    `fingerprint` is equal for equal changes, whatever their formatting and whenever they are detected. `reason`
    explains the severity. `echo` says that a rule was only renumbered or renamed. `opens` is set if the change allows
    traffic that is not approved. `urgent` is set if it is part of a critical opening, alone or together with others.
    """

    kind: ChangeKind
    rule: str | None
    fingerprint: str
    approved: Mapping[str, Any] | None = field(default=None, compare=False)
    live: Mapping[str, Any] | None = field(default=None, compare=False)
    fields: tuple[str, ...] = ()
    severity: Severity = "medium"
    tolerated_by: str | None = None
    nsg: str | None = None
    reason: str | None = field(default=None, compare=False)
    echo: str | None = field(default=None, compare=False)
    opens: bool = field(default=False, compare=False)
    urgent: bool = field(default=False, compare=False)


def detect(approved: ApprovedNSG, live: LiveNSG | None, classification: Classification) -> tuple[Change, ...]:
    """Return all changes of one NSG, sorted; live is None when Azure says that the NSG does not exist.

    Their severities are not rated yet. Rules of co-owners are not included.
    """
    if live is None:
        deleted = {"id": str(approved.id)}
        return (Change("NSGDeleted", None, fingerprint("NSGDeleted", approved.id.key), approved=deleted),)
    changes = [
        *_rule_changes(approved, live, classification),
        *_tag_changes(approved, live),
        *_association_changes(approved, live),
    ]
    return tuple(sorted(changes, key=lambda change: (KIND_ORDER.index(change.kind), (change.rule or "").lower())))


def tolerated_change(rule: Rule, owner: str, approved: ApprovedNSG) -> Change:
    """Return the change for a co-owner's rule that opens too much."""
    return replace(_created(rule, approved), tolerated_by=owner)


def created(nsg_id: str) -> Change:
    """Return the change for an NSG without a baseline."""
    return Change("NSGCreated", None, fingerprint("NSGCreated", fold(nsg_id)), live={"id": nsg_id}, nsg=nsg_id)


def fingerprint(*parts: Any) -> str:
    """Return a short hash of plain values, the same in every process."""
    text = json.dumps(parts, sort_keys=True, default=list, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def rule_change_fingerprint(kind: ChangeKind, rule: Rule, approved: ApprovedNSG) -> str:
    """Return the fingerprint of the change for a live rule: RuleCreated or RuleUpdated."""
    return fingerprint(kind, _rule_fingerprint(rule, approved))


def tags_fingerprint(tags: Mapping[str, str], approved: ApprovedNSG) -> str:
    """Return the fingerprint of the change for live tags. That of approved tags differs from all changes."""
    return fingerprint("tags", {key.lower(): value for key, value in _differing_tags(tags, approved).items()})


def _rule_changes(approved: ApprovedNSG, live: LiveNSG, classification: Classification) -> Iterator[Change]:
    approved_rules = {rule.key: rule for rule in approved.rules}
    tolerated = {rule.key for rule, _ in classification.tolerated}
    for rule in live.rules:
        approved_rule = approved_rules.pop(rule.key, None)
        if rule.key in classification.excepted or rule.key in tolerated:
            continue
        if approved_rule is None:
            yield _created(rule, approved)
        elif fields := differing_fields(approved_rule, rule, approved.comparison):
            yield _updated(approved_rule, rule, fields, approved)
    for rule in approved_rules.values():
        yield Change("RuleDeleted", rule.name, fingerprint("RuleDeleted", rule.key), approved=rule.document)


def _created(rule: Rule, approved: ApprovedNSG) -> Change:
    identity = fingerprint("RuleCreated", _rule_fingerprint(rule, approved))
    return Change("RuleCreated", rule.name, identity, live=rule.document)


def _updated(approved_rule: Rule, live_rule: Rule, fields: tuple[str, ...], approved: ApprovedNSG) -> Change:
    return Change(
        "RuleUpdated",
        approved_rule.name,
        fingerprint("RuleUpdated", _rule_fingerprint(live_rule, approved)),
        approved=approved_rule.document,
        live=live_rule.document,
        fields=fields,
    )


def _rule_fingerprint(rule: Rule, approved: ApprovedNSG) -> str:
    """Return a fingerprint that is equal for rules of equal meaning."""
    return fingerprint(semantic_key(rule, approved.comparison))


def _tag_changes(approved: ApprovedNSG, live: LiveNSG) -> Iterator[Change]:
    differing = _differing_tags(live.tags, approved)
    if differing:
        yield Change(
            "NSGUpdated",
            None,
            tags_fingerprint(live.tags, approved),
            approved={"tags": {key: (approved.tags or {})[key] for key in differing}},
            live={"tags": {key: value for key, value in differing.items() if value is not None}},
            fields=tuple(f"tags.{key}" for key in sorted(differing)),
        )


def _differing_tags(tags: Mapping[str, str], approved: ApprovedNSG) -> dict[str, str | None]:
    """Return the approved tags whose live value differs, with that value."""
    # Tag keys are compared without regard to case, tag values with it.
    present = {key.lower(): value for key, value in tags.items()}
    return {
        key: present.get(key.lower())
        for key, value in (approved.tags or {}).items()
        if present.get(key.lower()) != value
    }


def _association_changes(approved: ApprovedNSG, live: LiveNSG) -> Iterator[Change]:
    pairs = (
        ("subnets", approved.subnets, live.subnets),
        ("networkInterfaces", approved.network_interfaces, live.network_interfaces),
    )
    for name, approved_ids, live_ids in pairs:
        if approved_ids is not None and approved_ids != live_ids:
            identity = fingerprint(name, sorted(live_ids))
            yield Change("NSGUpdated", None, identity, {name: sorted(approved_ids)}, {name: sorted(live_ids)}, (name,))


def live_hashes(approved: ApprovedNSG, live: LiveNSG) -> tuple[str, str]:
    """Return two hashes of live: of everything in it, and of the part that this baseline compares.

    Edits of the baseline do not change the first, and changes by co-owners do not change the second. Live is unchanged
    if one of the two is unchanged.
    """
    associations = sorted(live.subnets), sorted(live.network_interfaces)
    everything = sorted(fingerprint(semantic_key(rule, STRICT), rule.description) for rule in live.rules)
    names = {rule.key for rule in approved.rules}
    compared_rules = sorted(
        _rule_fingerprint(rule, approved)
        for rule in live.rules
        if rule.key in names or co_owner_of(rule, approved.tolerate) is None
    )
    declared = {key.lower() for key in approved.tags or {}}
    tags = {key.lower(): value for key, value in live.tags.items()}
    declared_tags = {key: value for key, value in tags.items() if key in declared}
    compared_associations = tuple(
        live_part if approved_part is not None else None
        for live_part, approved_part in zip(associations, (approved.subnets, approved.network_interfaces), strict=True)
    )
    return fingerprint(everything, tags, associations), fingerprint(
        compared_rules, declared_tags, compared_associations
    )
