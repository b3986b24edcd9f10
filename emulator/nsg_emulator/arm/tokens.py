"""Bearer tokens in the format of Entra ID, but unsigned: each client of the emulator can claim any identity."""

import base64
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from nsg_emulator.arm.errors import unauthenticated
from nsg_emulator.arm.principals import Principal

LIFETIME = 3599
ARM_AUDIENCE = "https://management.azure.com"
_ARM_HOSTS = frozenset(
    f"management.{domain}"
    for domain in (
        "azure.com",
        "core.windows.net",
        "usgovcloudapi.net",
        "core.usgovcloudapi.net",
        "chinacloudapi.cn",
        "core.chinacloudapi.cn",
    )
)
_NAMESPACE = uuid.UUID("5b0e1c1e-3c1f-4f2e-9d0a-2f6f0a8c7e11")


def object_id(tenant: str, principal: str) -> str:
    """Return the object id of a user or application; the same name always has the same id."""
    return str(uuid.uuid5(_NAMESPACE, f"{tenant}/{principal}".lower()))


def app_claims(tenant: str, client_id: str) -> dict[str, Any]:
    """Return the claims of an application."""
    return {
        "appid": client_id,
        "appidacr": "1",
        "idtyp": "app",
        "oid": object_id(tenant, client_id),
        "sub": object_id(tenant, client_id),
    }


def user_claims(
    tenant: str, upn: str, client_id: str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46", ip: str = ""
) -> dict[str, Any]:
    """Return the claims of a user, by default signed in with the Azure CLI."""
    name = upn.partition("@")[0].replace(".", " ").title()
    person = {
        "upn": upn,
        "unique_name": upn,
        "name": name,
        "oid": object_id(tenant, upn),
        "sub": object_id(tenant, upn),
    }
    return {
        "appid": client_id,
        "appidacr": "0",
        "idtyp": "user",
        "scp": "user_impersonation",
        **person,
        **({"ipaddr": ip} if ip else {}),
    }


def mint(claims: Mapping[str, Any], *, tenant: str, audience: str, now: datetime, lifetime: int = LIFETIME) -> str:
    """Return a token with these claims.

    Args:
        claims: The claims that identify the caller.
        tenant: The tenant that issues the token.
        audience: The audience of the token.
        now: The time of issue.
        lifetime: Seconds until the token expires.
    """
    moment = int(now.timestamp())
    times = {"iat": moment, "nbf": moment, "exp": moment + lifetime}
    issuer = {"aud": audience, "iss": f"https://sts.windows.net/{tenant}/", "tid": tenant, "ver": "1.0"}
    head = _part({"typ": "JWT", "alg": "none"})
    return f"{head}.{_part({**issuer, **times, **claims})}.{base64.urlsafe_b64encode(b'emulated').decode().rstrip('=')}"


def read(authorization: str, *, origin: str, tenant: str, now: datetime) -> Principal:
    """Return the caller that an Authorization header identifies.

    Raises:
        ArmError: 401, with Azure's code for the problem.
    """
    if not authorization:
        message = "Authentication failed. The 'Authorization' header is missing."
        raise unauthenticated("AuthenticationFailed", message, origin, tenant)
    scheme, _, token = authorization.partition(" ")
    claims = _claims(token.strip()) if scheme.lower() == "bearer" else None
    if claims is None:
        raise unauthenticated("InvalidAuthenticationToken", "The access token is invalid.", origin, tenant)
    if not isinstance(claims.get("exp"), int) or claims["exp"] <= now.timestamp():
        message = f"The access token expiry UTC time '{claims.get('exp')}' is earlier than current UTC time '{now}'."
        raise unauthenticated("ExpiredAuthenticationToken", message, origin, tenant)
    if urlsplit(str(claims.get("aud"))).netloc not in {*_ARM_HOSTS, *_same_place(origin)}:
        message = f"The access token has been obtained for wrong audience or resource '{claims.get('aud')}'."
        raise unauthenticated("InvalidAuthenticationTokenAudience", message, origin, tenant)
    return Principal(claims)


def _same_place(origin: str) -> set[str]:
    """Return the authorities that clients may use for this server."""
    parts = urlsplit(origin)
    port = f":{parts.port}" if parts.port else ""
    return {parts.netloc, f"localhost{port}", f"127.0.0.1{port}"}


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")


def _claims(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature: a JWT
        return None
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, msgspec.DecodeError):
        return None
    return claims if isinstance(claims, dict) else None
