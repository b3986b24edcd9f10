"""The valid scopes, and the claims of baselines on NSGs, from the stored objects."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from nsg_baseline.api.baseline import BaselineSpec, NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import InvalidObject, problems
from nsg_baseline.core.assignment import Claim, Refusal
from nsg_baseline.core.ids import NSGId, fold
from nsg_baseline.engine.turns import Turns
from nsg_baseline.kube.store import Store, Stored, resource


class Claims:
    """Claims of all baselines. A baseline is parsed again only after an edit, because there can be thousands."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[str, _Parsed] = {}

    async def all(self) -> tuple[list[Claim], dict[ObjectKey, Refusal]]:
        """Return the claims, and a refusal for each baseline that names no valid NSG."""
        claims: list[Claim] = []
        refused: dict[ObjectKey, Refusal] = {}
        by_uid: dict[str, _Parsed] = {}
        turns = Turns()
        for stored in self._store.stored(NSGBaseline):
            by_uid[stored.uid] = parsed_claim = _parse(stored, self._parsed.get(stored.uid))
            if isinstance(parsed_claim.claim, Claim):
                claims.append(parsed_claim.claim)
            else:
                refused[stored.key] = parsed_claim.claim
            await turns.give()
        self._parsed = by_uid
        return claims, refused


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A claim, with the versions of the users' input and of the spec from which it was parsed."""

    intent: str
    spec: str
    claim: Claim | Refusal


def _parse(stored: Stored, previous: _Parsed | None) -> _Parsed:
    """Return the claim of a baseline. An annotation changes the intent but not the claim."""
    if previous is not None and previous.intent == stored.intent:
        return previous
    spec = stored.spec_version
    claim = previous.claim if previous is not None and previous.spec == spec else _claim(stored)
    return _Parsed(stored.intent, spec, claim)


def scopes(store: Store) -> Iterator[NSGScope | tuple[Stored, InvalidObject]]:
    """Yield each scope, or the stored object with its validation error."""
    return parsed(store.stored(NSGScope))


def parsed(stored_scopes: Iterable[Stored]) -> Iterator[NSGScope | tuple[Stored, InvalidObject]]:
    """Yield each stored scope, or the stored object with its validation error."""
    for stored in stored_scopes:
        try:
            yield resource(NSGScope, stored)
        except InvalidObject as error:
            yield stored, error


def readable(candidates: Iterable[NSGScope | tuple[Stored, InvalidObject]]) -> tuple[NSGScope, ...]:
    """Return the valid scopes that are not being deleted."""
    return tuple(
        scope for scope in candidates if isinstance(scope, NSGScope) and scope.metadata.deletion_timestamp is None
    )


def _claim(stored: Stored) -> Claim | Refusal:
    try:
        baseline = resource(NSGBaseline, stored)
    except InvalidObject as error:
        return _broken(stored, Refusal("InvalidSpec", str(error)))
    wrong = problems(baseline.spec)
    idle = Refusal("InvalidSpec", "; ".join(map(str, wrong))) if wrong else None
    if idle is None and baseline.spec.suspend:
        idle = Refusal("Suspended", "spec.suspend is true")
    nsg = NSGId.parse(baseline.spec.target.resource_id)
    return Claim(stored.key, nsg, baseline.metadata.creation_timestamp, idle, _attachments(baseline.spec))


def _attachments(spec: BaselineSpec) -> tuple[str, ...]:
    approved = spec.associations
    if approved is None:
        return ()
    return tuple(map(fold, (*(approved.subnets or ()), *(approved.network_interfaces or ()))))


def _broken(stored: Stored, refusal: Refusal) -> Claim | Refusal:
    """Return the claim of an invalid baseline: it still claims its NSG if it names one."""
    document = stored.document()
    try:
        nsg = NSGId.parse(str(document["spec"]["target"]["resourceId"]))
        created = datetime.fromisoformat(str(document["metadata"]["creationTimestamp"]))
    except (KeyError, TypeError, ValueError):
        return refusal
    return Claim(stored.key, nsg, created, refusal)
