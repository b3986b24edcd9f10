"""Which incidents a route selects by severity, scope, resource group and NSG. Pure."""

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import RouteMatch
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.patterns import any_matches
from nsg_baseline.core.severity_policy import SEVERITIES


def is_selected(match: RouteMatch | None, incident: NSGIncident) -> bool:
    """Return whether an incident fulfils each part that is set.

    Of an incident about several NSGs, one must match. An incident about no NSG, such as a scope that cannot be read,
    is selected whatever the NSGs are: it concerns all of them.
    """
    if match is None:
        return True
    status = incident.status
    severity = (status.highest_severity or status.severity) if status.state == "Resolved" else status.severity
    if match.max_severity is not None and SEVERITIES.index(severity or "info") < SEVERITIES.index(match.max_severity):
        return False
    if match.scopes is not None and incident.spec.scope not in match.scopes:
        return False
    ids = {nsg for nsg in (incident.spec.nsg, *(change.nsg for change in status.changes)) if nsg}
    return not ids or any(_matches(match, NSGId.parse(nsg)) for nsg in ids)


def _matches(match: RouteMatch, nsg: NSGId) -> bool:
    in_group = match.resource_groups is None or any_matches(match.resource_groups, nsg.resource_group)
    return in_group and (match.names is None or any_matches(match.names, nsg.name))
