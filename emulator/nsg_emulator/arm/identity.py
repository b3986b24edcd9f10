"""The part of Entra ID that clients need to get a token, on the address of the emulator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from nsg_emulator.arm import tokens
from nsg_emulator.arm.messages import ArmRequest, ArmResponse

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Identity:
    """Issues tokens.

    Attributes:
        tenant: The tenant for `common` and `organizations`.
        secrets: Secret by client id. Other clients may use any secret.
    """

    tenant: str
    secrets: Mapping[str, str] = field(default_factory=dict)

    def openid_configuration(self, request: ArmRequest) -> ArmResponse:
        """Return the discovery document that MSAL reads first."""
        tenant = self._tenant(request)
        base = f"{request.origin}/{tenant}"
        oauth = f"{base}/oauth2/v2.0"
        return ArmResponse(
            200,
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{oauth}/authorize",
                "token_endpoint": f"{oauth}/token",
                "device_authorization_endpoint": f"{oauth}/devicecode",
                "end_session_endpoint": f"{oauth}/logout",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_types_supported": ["code", "id_token", "token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "tenant_region_scope": "EU",
            },
        )

    def instance_discovery(self, request: ArmRequest) -> ArmResponse:
        """Respond to MSAL that this authority is valid and has no aliases."""
        host = request.origin.partition("://")[2]
        return ArmResponse(
            200,
            {
                "tenant_discovery_endpoint": f"{request.origin}/{self.tenant}/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            },
        )

    def token(self, request: ArmRequest, now: datetime) -> ArmResponse:
        """Issue a token (v1 and v2) for client credentials (secret or assertion), a password or a refresh token."""
        form = dict(parse_qsl(request.body.decode(errors="replace")))
        refusal = self._refusal(form)
        if refusal is not None:
            return refusal
        tenant = self._tenant(request)
        audience = _audience(form)
        claims = self._claims(tenant, form, request.client_ip)
        token = tokens.mint(claims, tenant=tenant, audience=audience, now=now)
        return ArmResponse(
            200, self._answer(request, form, claims, token, now), {"Cache-Control": "no-store, no-cache"}
        )

    def _claims(self, tenant: str, form: Mapping[str, str], client_ip: str) -> dict[str, Any]:
        client = form["client_id"]
        if form["grant_type"] == "client_credentials":
            return tokens.app_claims(tenant, client)
        user = form.get("username") or form["refresh_token"]
        return tokens.user_claims(tenant, user, client, client_ip)

    def _answer(
        self, request: ArmRequest, form: Mapping[str, str], claims: Mapping[str, Any], token: str, now: datetime
    ) -> dict[str, Any]:
        lifetime = {
            "token_type": "Bearer",
            "expires_in": tokens.LIFETIME,
            "ext_expires_in": tokens.LIFETIME,
            "access_token": token,
        }
        answer: dict[str, Any] = lifetime
        if "v2.0" not in request.path:
            expiry = int(now.timestamp()) + tokens.LIFETIME
            answer = {
                **{name: str(value) for name, value in lifetime.items()},
                "expires_on": str(expiry),
                "resource": form.get("resource", ""),
            }
        if claims.get("upn"):
            answer = {**answer, **_signed_in(request, self._tenant(request), claims, form, now)}
        return answer

    def _refusal(self, form: Mapping[str, str]) -> ArmResponse | None:
        client = form.get("client_id", "")
        if not client:
            return _refused(
                "invalid_request",
                "AADSTS900144: The request body must contain the following parameter: 'client_id'.",
                400,
            )
        match form.get("grant_type"):
            case "client_credentials":
                return self._app_refusal(client, form)
            case "password" if form.get("username"):
                return None
            case "refresh_token" if form.get("refresh_token"):
                return None
            case grant:
                return _refused(
                    "unsupported_grant_type",
                    f"AADSTS70003: The app requested an unsupported grant type '{grant}'.",
                    400,
                )

    def _app_refusal(self, client: str, form: Mapping[str, str]) -> ArmResponse | None:
        if form.get("client_assertion"):
            is_assertion = form.get("client_assertion_type") == _ASSERTION
            return (
                None
                if is_assertion
                else _refused("invalid_request", "AADSTS50027: The type of the client assertion is unknown.", 400)
            )
        secret = form.get("client_secret", "")
        if not secret:
            parameter = "'client_assertion' or 'client_secret'"
            message = f"AADSTS7000218: The request body must contain the following parameter: {parameter}."
            return _refused("invalid_client", message, 401)
        if secret != self.secrets.get(client, secret):
            return _refused("invalid_client", f"AADSTS7000215: Invalid client secret provided for app '{client}'.", 401)
        return None

    def _tenant(self, request: ArmRequest) -> str:
        named = request.params.get("tenant", "")
        return self.tenant if named.lower() in {"", "common", "organizations", "consumers"} else named


def _audience(form: Mapping[str, str]) -> str:
    if form.get("resource"):
        return form["resource"]
    scope = next((part for part in form.get("scope", "").split() if "://" in part), tokens.ARM_AUDIENCE)
    return scope.removesuffix("/.default").removesuffix("/user_impersonation")


def _signed_in(
    request: ArmRequest, tenant: str, claims: Mapping[str, Any], form: Mapping[str, str], now: datetime
) -> dict[str, str]:
    """Return what accompanies a user's access token: the signed-in user and a refresh token."""
    about = {
        "preferred_username": claims["upn"],
        "name": claims["name"],
        "oid": claims["oid"],
        "iss": f"{request.origin}/{tenant}/v2.0",
    }
    return {
        "scope": form.get("scope", ""),
        "refresh_token": str(claims["upn"]),
        "id_token": tokens.mint({**about, "sub": claims["sub"]}, tenant=tenant, audience=form["client_id"], now=now),
    }


def _refused(code: str, description: str, status: int) -> ArmResponse:
    return ArmResponse(status, {"error": code, "error_description": description, "error_codes": []})
