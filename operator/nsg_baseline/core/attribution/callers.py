"""The identity behind a row of the Activity Log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nsg_baseline.api.incident import Caller, CallerKind
from nsg_baseline.core.text.phrasing import cut

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


def identity_of(row: Mapping[str, Any]) -> str:
    """Return what tells identities apart, folded; empty if the row names nobody.

    A user's object id is the same through every client; an application may show its client id alone.
    """
    claims = mapping(row.get("claims"))
    names = (claims.get(_OBJECT_ID), row.get("caller"), claims.get(_UPN), claims.get("xms_mirid"), claims.get("appid"))
    return next((str(name).lower() for name in names if name), "")


def application_ids(row: Mapping[str, Any]) -> frozenset[str]:
    """Return the ids of the identity in a row, folded: client id and object id."""
    claims = mapping(row.get("claims"))
    return frozenset(str(claims[name]).lower() for name in ("appid", _OBJECT_ID) if claims.get(name))


def caller_of(row: Mapping[str, Any], at: datetime) -> Caller:
    """Return the identity in a row as a status stores it."""
    claims, request = mapping(row.get("claims")), mapping(row.get("httpRequest"))
    kind = _kind(row, claims)
    name = row.get("caller") or claims.get(_UPN) or claims.get("xms_mirid") or claims.get("appid")
    address = claims.get("ipaddr") or request.get("clientIpAddress")
    path = str(row.get("resourceId") or "").split("/")
    return Caller(
        name=cut(str(name or claims.get(_OBJECT_ID) or "unknown"), 256),
        kind=kind,
        client=_CLIENTS.get(str(claims.get("appid"))) if kind == "User" else None,
        address=cut(str(address), 64) if address else None,
        at=at.replace(microsecond=0),
        operation=cut(value_of(row.get("operationName")), 256),
        rule=cut(path[-1], 128) if len(path) > 1 and path[-2].lower() == "securityrules" else None,
        correlation_id=cut(str(row.get("correlationId")), 64),
    )


def value_of(field: Any) -> str:
    """Return the text of a field that is a text, or an object with a value and its translation."""
    return str(field.get("value") or "") if isinstance(field, Mapping) else str(field or "")


def mapping(field: Any) -> Mapping[str, Any]:
    """Return an object, or an empty one for anything else: `claims` may be a text."""
    return field if isinstance(field, Mapping) else {}


def _kind(row: Mapping[str, Any], claims: Mapping[str, Any]) -> CallerKind:
    if claims.get("xms_mirid"):
        return "ManagedIdentity"
    return "User" if claims.get(_UPN) or "@" in str(row.get("caller") or "") else "ServicePrincipal"
