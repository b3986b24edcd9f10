"""Changes: what differs between approved and live. Each is one value that holds both sides."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. The sides are flattened documents; None where a side has nothing.

    `fingerprint` is equal for equal changes, whatever their formatting and whenever they are detected.
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


def detect(approved: ApprovedNSG, live: LiveNSG | None, classification: Classification) -> tuple[Change, ...]:
    """Return all changes of one NSG, sorted; live is None when Azure says that the NSG does not exist.

    Their severities are not rated yet, and co-owners' rules are not among them.
    """
    if live is None:
        deleted = {"id": str(approved.id)}
        return (Change("NSGDeleted", None, fingerprint("NSGDeleted", approved.id.key), approved=deleted),)
    found = [
        *_rule_changes(approved, live, classification),
        *_tag_changes(approved, live),
        *_association_changes(approved, live),
    ]
    return tuple(sorted(found, key=lambda change: (KIND_ORDER.index(change.kind), (change.rule or "").lower())))


def tolerated_change(rule: Rule, owner: str, approved: ApprovedNSG) -> Change:
    """Return the change that a co-owner's rule is where it opens too much."""
    mark = fingerprint("RuleCreated", _mark(rule, approved))
    return Change("RuleCreated", rule.name, mark, live=rule.document, tolerated_by=owner)


def created(nsg_id: str) -> Change:
    """Return the change that an NSG without a baseline is."""
    return Change("NSGCreated", None, fingerprint("NSGCreated", fold(nsg_id)), live={"id": nsg_id}, nsg=nsg_id)


def fingerprint(*parts: Any) -> str:
    """Return a short hash of plain values, the same in every process."""
    text = json.dumps(parts, sort_keys=True, default=list, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _rule_changes(approved: ApprovedNSG, live: LiveNSG, classification: Classification) -> Iterator[Change]:
    wanted = {rule.key: rule for rule in approved.rules}
    tolerated = {rule.key for rule, _ in classification.tolerated}
    for rule in live.rules:
        ours = wanted.pop(rule.key, None)
        if rule.key in classification.excepted or rule.key in tolerated:
            continue
        if ours is None:
            mark = fingerprint("RuleCreated", _mark(rule, approved))
            yield Change("RuleCreated", rule.name, mark, live=rule.document)
        elif fields := differing_fields(ours, rule, approved.comparison):
            yield _updated(ours, rule, fields, approved)
    for rule in wanted.values():
        mark = fingerprint("RuleDeleted", rule.key)
        yield Change("RuleDeleted", rule.name, mark, approved=rule.document)


def _updated(ours: Rule, live: Rule, fields: tuple[str, ...], approved: ApprovedNSG) -> Change:
    mark = fingerprint("RuleUpdated", _mark(live, approved))
    return Change("RuleUpdated", ours.name, mark, approved=ours.document, live=live.document, fields=fields)


def _mark(rule: Rule, approved: ApprovedNSG) -> str:
    return fingerprint(semantic_key(rule, approved.comparison))


def _tag_changes(approved: ApprovedNSG, live: LiveNSG) -> Iterator[Change]:
    # A tag's key has no case, its value has.
    present = {key.lower(): value for key, value in live.tags.items()}
    wrong = {
        key: present.get(key.lower())
        for key, value in (approved.tags or {}).items()
        if present.get(key.lower()) != value
    }
    if wrong:
        yield Change(
            "NSGUpdated",
            None,
            fingerprint("tags", {key.lower(): value for key, value in wrong.items()}),
            approved={"tags": {key: (approved.tags or {})[key] for key in wrong}},
            live={"tags": {key: value for key, value in wrong.items() if value is not None}},
            fields=tuple(f"tags.{key}" for key in sorted(wrong)),
        )


def _association_changes(approved: ApprovedNSG, live: LiveNSG) -> Iterator[Change]:
    pairs = (
        ("subnets", approved.subnets, live.subnets),
        ("networkInterfaces", approved.network_interfaces, live.network_interfaces),
    )
    for name, ours, theirs in pairs:
        if ours is not None and ours != theirs:
            mark = fingerprint(name, sorted(theirs))
            yield Change("NSGUpdated", None, mark, {name: sorted(ours)}, {name: sorted(theirs)}, (name,))


def live_hashes(approved: ApprovedNSG, live: LiveNSG) -> tuple[str, str]:
    """Return two hashes of live: of everything in it, and of what this baseline compares.

    The first is blind to edits of the baseline, the second to what co-owners do. Live is where it was when one of the
    two is what it was.
    """
    attached = sorted(live.subnets), sorted(live.network_interfaces)
    everything = sorted(fingerprint(semantic_key(rule, STRICT), rule.description) for rule in live.rules)
    names = {rule.key for rule in approved.rules}
    own = sorted(
        _mark(rule, approved)
        for rule in live.rules
        if rule.key in names or co_owner_of(rule, approved.tolerate) is None
    )
    declared = {key.lower() for key in approved.tags or {}}
    tags = {key.lower(): value for key, value in live.tags.items()}
    kept = {key: value for key, value in tags.items() if key in declared}
    compared = tuple(
        part if wanted is not None else None
        for part, wanted in zip(attached, (approved.subnets, approved.network_interfaces), strict=True)
    )
    return fingerprint(everything, tags, attached), fingerprint(own, kept, compared)
