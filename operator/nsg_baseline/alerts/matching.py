"""Which incidents a route selects by severity, kind, scope, resource group, NSG and tags. Pure."""

from collections.abc import Mapping

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route_match import RouteMatch
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.patterns import any_matches, matches
from nsg_baseline.core.severity_policy import SEVERITIES


def is_selected(match: RouteMatch | None, incident: NSGIncident, approved_tags: Mapping[str, str]) -> bool:
    """Return whether an incident fulfils each part that is set.

    Of an incident about several NSGs, one must match. An incident about no NSG, such as a scope that cannot be read,
    is selected whatever the NSGs are: it concerns all of them.

    Args:
        match: The wanted incidents; None for all.
        incident: The incident.
        approved_tags: The tags that the baseline of its NSG approves.
    """
    if match is None:
        return True
    if not _has_severity(match, incident):
        return False
    if match.kinds is not None and incident.spec.kind not in match.kinds:
        return False
    if match.scopes is not None and incident.spec.scope not in match.scopes:
        return False
    ids = {nsg for nsg in (incident.spec.nsg, *(change.nsg for change in incident.status.changes)) if nsg}
    if not ids:
        return True
    return any(_matches(match, NSGId.parse(nsg)) for nsg in ids) and _has_tags(match, incident, approved_tags)


def _has_severity(match: RouteMatch, incident: NSGIncident) -> bool:
    rank = _severity(incident)
    is_low_enough = match.max_severity is None or rank >= SEVERITIES.index(match.max_severity)
    return is_low_enough and (match.min_severity is None or rank <= SEVERITIES.index(match.min_severity))


def _severity(incident: NSGIncident) -> int:
    """Return the rank of the severity: of what is open now, or of an incident that ended, the highest one."""
    status = incident.status
    highest = status.highest_severity if status.state == "Resolved" else None
    return SEVERITIES.index(highest or status.severity or "info")


def _matches(match: RouteMatch, nsg: NSGId) -> bool:
    in_group = match.resource_groups is None or any_matches(match.resource_groups, nsg.resource_group)
    return in_group and (match.names is None or any_matches(match.names, nsg.name))


def _has_tags(match: RouteMatch, incident: NSGIncident, approved_tags: Mapping[str, str]) -> bool:
    """Return whether the approved tags are those that are wanted.

    Tags in Azure do not count: who may change an NSG could give its alerts to others. Without an approved value, a
    critical incident is selected, so that it is not lost.
    """
    approved = {name.lower(): value for name, value in approved_tags.items()}
    is_critical = _severity(incident) == SEVERITIES.index("critical")
    values = ((wanted, approved.get(name.lower())) for name, wanted in (match.tags or {}).items())
    return all(is_critical if value is None else matches(wanted, value) for wanted, value in values)
