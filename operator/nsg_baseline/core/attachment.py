"""What an NSG is attached to, as far as it bears on severity: an NSG that is attached to nothing filters nothing.

Only declared associations count. Without them an input may simply not contain what the NSG is attached to.
"""

from nsg_baseline.core.nsg import ApprovedNSG, LiveNSG
from nsg_baseline.core.severity import Rating, rated
from nsg_baseline.core.severity_policy import SEVERITIES, SeverityPolicy


def is_approved_unattached(approved: ApprovedNSG) -> bool:
    """Return whether a baseline declares that its NSG is attached to nothing."""
    return _are_declared(approved) and not (approved.subnets or approved.network_interfaces)


def is_unattached(approved: ApprovedNSG, live: LiveNSG | None) -> bool:
    """Return whether an NSG with declared associations is attached to nothing."""
    return live is not None and _are_declared(approved) and not (live.subnets or live.network_interfaces)


def unattached_rating(rating: Rating, policy: SeverityPolicy) -> Rating:
    """Return the rating of a change in an NSG that is attached to nothing."""
    limited = rated(policy, "Unattached", f"the NSG is attached to nothing; {rating.severity} once it is attached")
    is_above = SEVERITIES.index(rating.severity) < SEVERITIES.index(limited.severity)
    if not is_above:
        return rating
    return Rating(limited.severity, limited.reason, f"{limited.explanation}: {rating.explanation}")


def _are_declared(approved: ApprovedNSG) -> bool:
    return approved.subnets is not None or approved.network_interfaces is not None
