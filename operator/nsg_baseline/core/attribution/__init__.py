"""Who made the changes of an incident, according to Azure's Activity Log. Pure."""

from nsg_baseline.core.attribution.authorship import LogPeriod
from nsg_baseline.core.attribution.incidents import (
    GIVE_UP_AFTER,
    ActivityRows,
    attributed,
    carried,
    open_since,
    overall,
    read_from,
)

__all__ = ["GIVE_UP_AFTER", "ActivityRows", "LogPeriod", "attributed", "carried", "open_since", "overall", "read_from"]
