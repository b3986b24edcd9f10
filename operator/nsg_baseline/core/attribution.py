"""The callers who made an incident's changes: rows of Azure's Activity Log joined with the changes.

The log reports a PUT of a whole NSG as a write of the NSG, not of its rules. A change is therefore joined with the
latest write of its rule or of its NSG before it was observed.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from nsg_baseline.api.incident import Caller, CallerKind, NSGIncident
from nsg_baseline.core.text.phrasing import cut

SHOWN = 20
_SKEW = timedelta(seconds=5)
_NSG = "microsoft.network/networksecuritygroups"
_OPERATIONS = (f"{_NSG}/write", f"{_NSG}/delete", f"{_NSG}/securityrules/write", f"{_NSG}/securityrules/delete")
_OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
_UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
# Microsoft's own applications, by which users sign in; their ids are the same in every tenant.
_CLIENTS = {
    "c44b4083-3bb0-49c1-b47d-974e53cbdf3c": "the Azure portal",
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "the Azure CLI",
    "1950a258-227b-4e31-a9cf-717495945fc2": "Azure PowerShell",
    "872cd9fa-d31f-45e0-9eab-6e460a02d1f1": "Visual Studio",
    "aebc6443-996d-45c2-90f0-388ff96faa56": "Visual Studio Code",
}


def callers(incident: NSGIncident, rows: Iterable[Mapping[str, Any]], own: frozenset[str]) -> tuple[Caller, ...]:
    """Return who made an incident's changes, the latest first. `own` are ids of the operator's own applications."""
    status = incident.status
    # The caller whose write ended the incident did not cause it.
    observed = status.opened_at if status.state == "Resolved" else status.updated_at or status.opened_at
    if observed is None:
        return ()
    writes = sorted(_successful_writes(rows, observed + _SKEW, own), key=lambda write: write[0].at, reverse=True)
    by_request: dict[str, Caller] = {}
    for nsg, rule in _changed(incident):
        latest = next((caller for caller, target in writes if _is_write_of(target, nsg, rule)), None)
        if latest is not None:
            by_request.setdefault(latest.correlation_id, latest)
    return tuple(sorted(by_request.values(), key=lambda caller: caller.at, reverse=True))[:SHOWN]


def _changed(incident: NSGIncident) -> Iterator[tuple[str, str | None]]:
    for change in incident.status.changes:
        nsg = change.nsg or incident.spec.nsg
        if nsg:
            yield nsg.lower(), change.rule.lower() if change.rule else None


def _is_write_of(target: str, nsg: str, rule: str | None) -> bool:
    return target == nsg or (rule is not None and target == f"{nsg}/securityrules/{rule}")


def _successful_writes(
    rows: Iterable[Mapping[str, Any]], until: datetime, own: frozenset[str]
) -> Iterator[tuple[Caller, str]]:
    """Yield the caller of each write that did not fail, and the folded id of the resource that it wrote."""
    by_request: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if _named(row.get("operationName")).lower() in _OPERATIONS:
            by_request.setdefault(str(row.get("correlationId")), []).append(row)
    for group in by_request.values():
        if any(_named(row.get("status")) == "Failed" for row in group):
            continue
        for row in group:
            at = _time(row.get("eventTimestamp"))
            if at is not None and at <= until and not own & _ids(row):
                yield _caller(row, at), str(row.get("resourceId") or "").lower()


def _caller(row: Mapping[str, Any], at: datetime) -> Caller:
    claims, request = _mapping(row.get("claims")), _mapping(row.get("httpRequest"))
    kind = _kind(row, claims)
    name = row.get("caller") or claims.get(_UPN) or claims.get("xms_mirid") or claims.get("appid")
    address = claims.get("ipaddr") or request.get("clientIpAddress")
    segments = str(row.get("resourceId") or "").split("/")
    return Caller(
        name=cut(str(name or claims.get(_OBJECT_ID) or "unknown"), 256),
        kind=kind,
        client=_CLIENTS.get(str(claims.get("appid"))) if kind == "User" else None,
        address=cut(str(address), 64) if address else None,
        at=at.replace(microsecond=0),
        operation=cut(_named(row.get("operationName")), 256),
        rule=cut(segments[-1], 128) if len(segments) > 1 and segments[-2].lower() == "securityrules" else None,
        correlation_id=cut(str(row.get("correlationId")), 64),
    )


def _kind(row: Mapping[str, Any], claims: Mapping[str, Any]) -> CallerKind:
    if claims.get("xms_mirid"):
        return "ManagedIdentity"
    return "User" if claims.get(_UPN) or "@" in str(row.get("caller") or "") else "ServicePrincipal"


def _ids(row: Mapping[str, Any]) -> set[str]:
    claims = _mapping(row.get("claims"))
    return {str(claims[name]).lower() for name in ("appid", _OBJECT_ID) if claims.get(name)}


def _named(value: Any) -> str:
    return str(value.get("value") or "") if isinstance(value, Mapping) else str(value or "")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _time(value: Any) -> datetime | None:
    try:
        # Azure writes seven digits of a second; Python accepts six.
        text = str(value).removesuffix("Z").partition(".")
        return datetime.fromisoformat(f"{text[0]}.{text[2][:6].ljust(6, '0')}+00:00")
    except ValueError:
        return None
