"""Names of incidents: readable, sortable by time, and always the same for the same incident."""

from datetime import UTC, datetime

from nsg_baseline.api.incident import IncidentKind
from nsg_baseline.core.changes import fingerprint

_SUBJECT_LENGTH = 200


def incident_name(kind: IncidentKind, subject: str, uid: str, opened: datetime) -> str:
    """Return a name such as `web-20261125-045012-1a2b3c`: the subject, the time of opening, and a short hash."""
    stamp = opened.astimezone(UTC).strftime("%Y%m%d-%H%M%S")
    prefix = "" if kind == "Drift" else f"{kind.lower()}-"
    readable = subject.partition("/")[0]
    return f"{prefix}{readable[:_SUBJECT_LENGTH].rstrip('.-')}-{stamp}-{fingerprint(kind, uid, stamp)[:6]}"
