"""The rate limit as a policy of azure-core's pipeline. It comes after the retry policy, so that each attempt counts."""

from typing import Any

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy, AsyncRetryPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from typing_extensions import override

from nsg_baseline.azure.errors import parse_number
from nsg_baseline.azure.rate_limit import MAX_WAIT_SECONDS, Kind, RateLimiter

_LISTING = "/networksecuritygroups"


class RateLimitPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Delays each request until the rate limiter admits it, and reports each response to the limiter."""

    def __init__(self, rate_limiter: RateLimiter) -> None:
        super().__init__()
        self._rate_limiter = rate_limiter

    @override
    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        kind = kind_of(request.http_request)
        await self._rate_limiter.acquire(kind)
        response = await self.next.send(request)
        http_response = response.http_response
        self._rate_limiter.record_response(kind, http_response.status_code, http_response.headers)
        return response


class ShortRetryPolicy(AsyncRetryPolicy[HttpRequest, AsyncHttpResponse]):
    """Retries only after short pauses. After a longer one, the next reconcile makes the request."""

    @override
    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        pause = parse_number(response.http_response.headers.get("Retry-After"))
        return pause <= MAX_WAIT_SECONDS and super().is_retry(settings, response)

    @override
    def get_retry_after(self, response: PipelineResponse[Any, Any]) -> float | None:
        """Return the pause in seconds; azure-core also accepts dates and has no limit."""
        return parse_number(response.http_response.headers.get("Retry-After")) or None


def kind_of(request: HttpRequest) -> Kind:
    """Return the kind of a request for the rate limiter."""
    if request.method not in ("GET", "HEAD"):
        return "write"
    path = request.url.partition("?")[0]
    return "watch" if path.lower().endswith(_LISTING) else "read"
