"""Sends tokens only to the endpoint of the cloud."""

from urllib.parse import SplitResult, urlsplit

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from typing_extensions import override

from nsg_baseline.azure.errors import AzureError

_DEFAULT_PORTS = {"https": 443, "http": 80}


class EndpointPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Refuses requests to any other host.

    It comes before authentication: a `nextLink` or a polling URL of a response must not receive the token.
    """

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._endpoint = endpoint

    @override
    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        if not has_same_origin(request.http_request.url, self._endpoint):
            raise AzureError("InvalidResponse", f"a link in the response leads away from {self._endpoint}")
        return await self.next.send(request)


def has_same_origin(url: str, endpoint: str) -> bool:
    """Return whether a URL has the scheme, host and port of the endpoint. Malformed URLs do not."""
    # URL parsers disagree about backslashes, blanks and control characters.
    if not url.isprintable() or any(character in url for character in " \\"):
        return False
    try:
        parts = urlsplit(url)
        return "@" not in parts.netloc and _origin(parts) == _origin(urlsplit(endpoint))
    except ValueError:
        return False


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
