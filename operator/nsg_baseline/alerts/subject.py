"""What an incident is about, and how serious it is, in a few words."""

from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.ids import NSGId


def severity_label(incident: NSGIncident) -> str:
    """Return the incident's severity in upper case."""
    return (incident.status.severity or "info").upper()


def subject_of(incident: NSGIncident) -> str:
    """Return the NSG with its resource group, the guardrail, or the scope."""
    spec = incident.spec
    if spec.guardrail is not None:
        return f"guardrail {spec.guardrail}"
    if spec.nsg is not None:
        nsg = NSGId.parse(spec.nsg)
        return f"{nsg.name} ({nsg.resource_group})"
    # A scope has a name that only its author knows; a subscription is known to everybody.
    is_whole = spec.kind == "WatchLost" and spec.subscription
    return f"scope {spec.scope} (subscription {spec.subscription})" if is_whole else f"scope {spec.scope}"
