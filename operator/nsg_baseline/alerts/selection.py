"""Since when a route selects the incidents that it selects now. Pure."""

from datetime import datetime

from nsg_baseline.api.route import NSGAlertRoute, Selection
from nsg_baseline.core.changes import fingerprint

_FIELDS = {"kinds", "min_severity", "match", "send", "suspend"}
"""The fields that decide about the first notification of an incident. How it is delivered is not among them: a
corrected Secret must not make the operator forget what is undelivered."""


def selected_since(route: NSGAlertRoute) -> datetime | None:
    """Return since when the route has selected the same incidents as now; None if that is not known."""
    stored = route.status.selection
    if stored is not None and stored.digest == _digest(route):
        return stored.since
    # A route that was never edited always selected the same.
    return route.metadata.creation_timestamp if stored is None and route.metadata.generation == 1 else None


def next_selection(route: NSGAlertRoute, now: datetime) -> Selection:
    """Return what to store about the selection of a route."""
    return Selection(digest=_digest(route), since=selected_since(route) or now)


def selection_of(member: NSGAlertRoute, since: datetime | None) -> Selection | None:
    """Return the selection of a group of a route that has selected the same incidents since then."""
    return Selection(digest=_digest(member), since=since) if since is not None else None


def _digest(route: NSGAlertRoute) -> str:
    # Without defaults, so that a new field with a default changes no digest.
    fields = route.spec.model_dump(mode="json", include=_FIELDS, exclude_defaults=True)
    if route.spec.channels:
        matches = ((group.name, group.match) for group in route.spec.channels)
        fields["channels"] = sorted((name, match and match.model_dump(mode="json")) for name, match in matches)
    return fingerprint(sorted(fields.items()))
