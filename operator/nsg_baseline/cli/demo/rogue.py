"""A user who changes NSGs directly through ARM's HTTP API, bypassing the operator."""

import ssl
from typing import Any

import aiohttp

API_VERSION = "2024-05-01"


class Rogue:
    """An ARM client with the token of a user."""

    def __init__(self, url: str, ca_file: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._tls = ssl.create_default_context(cafile=ca_file)

    async def put_rule(self, nsg: str, name: str, **properties: Any) -> None:
        """Create or replace a rule. Values are ARM's properties of a rule."""
        await self._call("PUT", f"{nsg}/securityRules/{name}", {"name": name, "properties": properties})

    async def delete_rule(self, nsg: str, name: str) -> None:
        """Delete a rule."""
        await self._call("DELETE", f"{nsg}/securityRules/{name}")

    async def put_nsg(self, nsg: str, document: dict[str, Any]) -> None:
        """Create or replace an NSG."""
        await self._call("PUT", nsg, document)

    async def delete_nsg(self, nsg: str) -> None:
        """Delete an NSG."""
        await self._call("DELETE", nsg)

    async def get(self, nsg: str) -> dict[str, Any]:
        """Read an NSG."""
        document: dict[str, Any] = await self._call("GET", nsg)
        return document

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        url = f"{self._url}{path}?api-version={API_VERSION}"
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, url, json=body, headers=self._headers, ssl=self._tls) as response,
        ):
            response.raise_for_status()
            return await response.json() if response.content_type == "application/json" else None
