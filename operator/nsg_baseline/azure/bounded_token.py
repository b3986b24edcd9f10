"""Limits of token requests. azure-identity reads a whole response into memory and retries for minutes."""

import asyncio
from collections.abc import Iterator
from typing import Any, Self

from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.core.rest import HttpRequest
from typing_extensions import override

from nsg_baseline.azure.bounded_response import read_bounded
from nsg_baseline.azure.errors import AzureError, translate_errors

MAX_TOKEN_BYTES = 1024 * 1024
"""Limit of a token response, before and after decompression. A token with many claims has about 10 KB."""
TOKEN_DEADLINE_SECONDS = 120.0
"""Limit of one token request with all retries. The metadata service can be unavailable for 70 s."""


class BoundedTransport(AsyncHttpTransport[HttpRequest, Any]):
    """Sends requests over another transport, and limits response bodies to some bytes, or `MAX_TOKEN_BYTES`."""

    def __init__(self, transport: AsyncHttpTransport[HttpRequest, Any], limit: int | None = None) -> None:
        self._transport = transport
        self._limit = limit

    @override
    async def send(self, request: HttpRequest, **options: Any) -> Any:
        response = await self._transport.send(request, **{**options, "stream": True})
        encoding = response.headers.pop("Content-Encoding", "")
        try:
            # azure-core has no public way to set the body of a response.
            response._content = await read_bounded(response.iter_raw(), encoding, self._limit or MAX_TOKEN_BYTES)  # noqa: SLF001
        finally:
            await response.close()
        return response

    @override
    async def open(self) -> None:
        await self._transport.open()

    @override
    async def close(self) -> None:
        await self._transport.close()

    @override
    async def __aenter__(self) -> Self:
        await self.open()
        return self

    @override
    async def __aexit__(self, *error: object) -> None:
        await self.close()


class BoundedCredential(AsyncTokenCredential):
    """A credential with a deadline."""

    def __init__(self, credential: AsyncTokenCredential) -> None:
        self._credential = credential

    @override
    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token.

        Raises:
            AzureError: there is no token, or none within `TOKEN_DEADLINE_SECONDS`.
        """
        with translate_errors():
            try:
                async with asyncio.timeout(TOKEN_DEADLINE_SECONDS) as deadline:
                    return await self._credential.get_token(*scopes, **options)
            except Exception as error:
                if deadline.expired():
                    message = f"no token within {TOKEN_DEADLINE_SECONDS:g} s"
                    raise AzureError("Timeout", message) from error
                # azure-identity wraps unexpected exceptions and drops their messages.
                cause = next((cause for cause in _causes(error) if isinstance(cause, AzureError)), error)
                raise cause from None

    @override
    async def close(self) -> None:
        await self._credential.close()

    @override
    async def __aexit__(self, *error: object) -> None:
        await self.close()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
