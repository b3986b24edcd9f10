"""The budget as a step of azure-core's pipeline: behind the retries, so that each try counts."""

from typing import Any

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy, AsyncRetryPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from typing_extensions import override

from nsg_baseline.azure.rate_limit import MAX_WAIT_SECONDS, Kind, RateLimiter

_LISTING = "/networksecuritygroups"


class RateLimitPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Has each request wait for its turn, and hears each answer."""

    def __init__(self, rate_limiter: RateLimiter) -> None:
        super().__init__()
        self._rate_limiter = rate_limiter

    @override
    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        kind = kind_of(request.http_request)
        await self._rate_limiter.acquire(kind)
        response = await self.next.send(request)
        self._rate_limiter.record_response(kind, response.http_response.status_code, response.http_response.headers)
        return response


class ShortRetryPolicy(AsyncRetryPolicy[HttpRequest, AsyncHttpResponse]):
    """Leaves it to the next pass where Azure wants to be left alone for longer."""

    @override
    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        return (self.get_retry_after(response) or 0) <= MAX_WAIT_SECONDS and super().is_retry(settings, response)


def kind_of(request: HttpRequest) -> Kind:
    """Return what a request is to the budget."""
    if request.method not in ("GET", "HEAD"):
        return "write"
    path = request.url.partition("?")[0]
    return "watch" if path.lower().endswith(_LISTING) else "read"
