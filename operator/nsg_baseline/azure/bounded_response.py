"""Reads a response body within size limits, before and after decompression.

A hostile or broken server must not exhaust the memory of the operator. 300 NSGs of 1,000 rules each take about 40 MB of
JSON; a page of ARM contains far fewer.
"""

import zlib
from collections.abc import AsyncIterator
from typing import Final

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from typing_extensions import override

from nsg_baseline.azure.errors import AzureError

MAX_RECEIVED_BYTES = 32 * 1024 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
ACCEPTED_ENCODINGS = "gzip, deflate"
BODY: Final = "nsg_baseline.body"
"""Key of the pipeline context under which `BoundedBodyPolicy` stores the body."""
# zlib's value for "gzip or zlib, by the header".
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class BoundedBodyPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Reads the body inside the retries, so that a connection that breaks off is retried."""

    @override
    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        response = await self.next.send(request)
        encoding = response.http_response.headers.get("Content-Encoding", "")
        try:
            request.context[BODY] = await read_bounded(response.http_response.iter_raw(), encoding)
        finally:
            await response.http_response.close()
        return response


async def read_bounded(chunks: AsyncIterator[bytes], encoding: str, limit: int | None = None) -> bytes:
    """Return the decompressed body.

    Args:
        chunks: The body as received.
        encoding: The value of the header `Content-Encoding`; empty if absent.
        limit: Bytes before and after decompression, in place of `MAX_RECEIVED_BYTES` and `MAX_BODY_BYTES`.

    Raises:
        AzureError: `ResponseTooLarge` above a limit; `InvalidResponse` if the body cannot be decompressed.
    """
    max_received, max_body = limit or MAX_RECEIVED_BYTES, limit or MAX_BODY_BYTES
    decoder = _decoder(encoding)
    received, body = 0, bytearray()
    async for chunk in chunks:
        received += len(chunk)
        if received > max_received:
            raise AzureError("ResponseTooLarge", f"the response exceeds {max_received} bytes")
        body += decoder.decode(chunk, max_body - len(body))
        if len(body) > max_body:
            raise AzureError("ResponseTooLarge", f"the decompressed response exceeds {max_body} bytes")
    if received and not decoder.complete:
        raise AzureError("InvalidResponse", "the compressed response is truncated")
    return bytes(body)


class _Identity:
    complete = True

    def decode(self, chunk: bytes, remaining: int) -> bytes:
        del remaining
        return chunk


class _Deflated:
    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)

    @property
    def complete(self) -> bool:
        return self._decompressor.eof

    def decode(self, chunk: bytes, remaining: int) -> bytes:
        """Return at most one byte more than `remaining`: enough to detect that the limit is exceeded."""
        try:
            return self._decompressor.decompress(chunk, remaining + 1)
        except zlib.error as error:
            raise AzureError("InvalidResponse", "the response could not be decompressed") from error


def _decoder(encoding: str) -> _Identity | _Deflated:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return _Identity()
    if name in ("gzip", "deflate"):
        return _Deflated()
    raise AzureError("InvalidResponse", "the response has an unsupported Content-Encoding")
