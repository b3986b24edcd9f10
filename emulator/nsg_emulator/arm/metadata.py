"""`/metadata/endpoints`, from which `az cloud register` reads the endpoints. The format depends on the api-version."""

from typing import Any

from nsg_emulator.arm.messages import ArmRequest, ArmResponse

_LIST_SINCE = "2019-05-01"
_OBJECT_SINCE = "2022-09-01"


def endpoints(request: ArmRequest) -> ArmResponse:
    """Respond in the format of the requested version: 2015 a flat object, 2019 a list of clouds, 2022 one cloud."""
    version = request.api_version
    if version >= _OBJECT_SINCE:
        return ArmResponse(200, _cloud(request.origin))
    if version >= _LIST_SINCE:
        return ArmResponse(200, [_cloud(request.origin)])
    return ArmResponse(200, _flat(request.origin))


def _authentication(origin: str) -> dict[str, Any]:
    return {
        "loginEndpoint": origin,
        "audiences": [origin, "https://management.core.windows.net/"],
        "tenant": "common",
        "identityProvider": "AAD",
    }


def _flat(origin: str) -> dict[str, Any]:
    there = {"galleryEndpoint": origin, "graphEndpoint": origin, "portalEndpoint": origin}
    return {**there, "authentication": _authentication(origin)}


def _cloud(origin: str) -> dict[str, Any]:
    host = origin.partition("://")[2].partition(":")[0]
    return {
        "name": "Emulated",
        "portal": origin,
        "authentication": _authentication(origin),
        "resourceManager": origin,
        "media": origin,
        "graph": origin,
        "graphAudience": origin,
        "microsoftGraphResourceId": origin,
        "logAnalyticsResourceId": origin,
        "sqlManagement": origin,
        "gallery": origin,
        "vmImageAliasDoc": origin,
        "batch": origin,
        "activeDirectoryDataLake": origin,
        "appInsightsResourceId": origin,
        "suffixes": {
            "storage": f"core.{host}",
            "keyVaultDns": f"vault.{host}",
            "sqlServerHostname": f"database.{host}",
            "acrLoginServer": f"azurecr.{host}",
        },
    }
