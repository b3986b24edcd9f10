"""The valid scopes, and the claims of baselines on NSGs, from the stored objects."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import InvalidObject, problems
from nsg_baseline.core.assignment import Claim, Refusal
from nsg_baseline.core.ids import NSGId
from nsg_baseline.kube.store import Store, Stored, resource


class Claims:
    """Claims of all baselines. A baseline is parsed again only after an edit, because there can be thousands."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[str, tuple[str, Claim | Refusal]] = {}

    def all(self) -> tuple[list[Claim], dict[ObjectKey, Refusal]]:
        """Return the claims, and a refusal for each baseline that names no valid NSG."""
        claims: list[Claim] = []
        refused: dict[ObjectKey, Refusal] = {}
        parsed: dict[str, tuple[str, Claim | Refusal]] = {}
        for stored in self._store.stored(NSGBaseline):
            previous = self._parsed.get(stored.uid)
            claim = previous[1] if previous is not None and previous[0] == stored.intent else _claim(stored)
            parsed[stored.uid] = (stored.intent, claim)
            if isinstance(claim, Claim):
                claims.append(claim)
            else:
                refused[stored.key] = claim
        self._parsed = parsed
        return claims, refused


def scopes(store: Store) -> Iterator[NSGScope | tuple[Stored, InvalidObject]]:
    """Yield each scope, or the stored object with its validation error."""
    for stored in store.stored(NSGScope):
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
    return Claim(stored.key, nsg, baseline.metadata.creation_timestamp, idle)


def _broken(stored: Stored, refusal: Refusal) -> Claim | Refusal:
    """Return the claim of an invalid baseline: it still claims its NSG if it names one."""
    document = stored.document()
    try:
        nsg = NSGId.parse(str(document["spec"]["target"]["resourceId"]))
        created = datetime.fromisoformat(str(document["metadata"]["creationTimestamp"]))
    except (KeyError, TypeError, ValueError):
        return refusal
    return Claim(stored.key, nsg, created, refusal)
