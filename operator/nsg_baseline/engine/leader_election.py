"""Leader election: only the replica that holds the Lease works, and it stops before another replica can take over."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from nsg_baseline.azure.errors import AzureError
from nsg_baseline.engine.ports import NSGWriter
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.lease import Lease

LEASE_NAME = "nsg-baseline-operator"
RETRY_SECONDS = 2.0
RENEW_SECONDS = 10.0
"""How long a replica works without a renewal. Shorter than the Lease, so that it stops before another can start."""
log = structlog.get_logger(__name__)


class LostLeaseError(RuntimeError):
    """The Lease was not renewed in time. The process exits, and the restarted process is a stand-by replica."""


@dataclass(slots=True)
class LeaderElection:
    """Runs work only while this process holds a Lease. `retry_seconds` and `renew_seconds` are durations."""

    lease: Lease
    clock: Callable[[], float] = time.monotonic
    retry_seconds: float = RETRY_SECONDS
    renew_seconds: float = RENEW_SECONDS
    _renewed_at: float = field(default=float("-inf"))

    def is_leader(self) -> bool:
        """Return whether no other replica can hold the Lease now."""
        return self.clock() - self._renewed_at < self.renew_seconds

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the Lease, run the work while it is held, and release it.

        Raises:
            LostLeaseError: the Lease was lost; the work has been stopped.
        """
        # A watch on the Lease would report a release one second earlier, but not a holder that died.
        while not await self._renew():  # noqa: ASYNC110 - as above
            await asyncio.sleep(self.retry_seconds)
        log.info("leading", identity=self.lease.identity)
        task = asyncio.ensure_future(work())
        try:
            while self.is_leader():
                await asyncio.wait({task}, timeout=self.retry_seconds)
                if task.done():
                    task.result()
                    return
                await self._renew()
            raise LostLeaseError("the Lease was not renewed in time; this replica stops working")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._release()

    async def _renew(self) -> bool:
        # The time before the request, because the Lease can start at any moment during a slow request.
        requested_at = self.clock()
        try:
            async with asyncio.timeout(self.renew_seconds / 2):
                acquired = await self.lease.acquire()
        except (KubeError, TimeoutError) as error:
            log.warning("lease not renewed", error=str(error) or "request timed out")
            return False
        if acquired:
            self._renewed_at = requested_at
        return acquired

    async def _release(self) -> None:
        self._renewed_at = float("-inf")
        try:
            async with asyncio.timeout(self.renew_seconds / 2):
                await self.lease.release()
        except (KubeError, TimeoutError) as error:
            log.warning("lease not released; it expires", error=str(error) or "request timed out")


@dataclass(frozen=True, slots=True)
class FencedWriter:
    """An NSG writer that refuses to write when another replica may hold the Lease."""

    writer: NSGWriter
    may_write: Callable[[], bool]

    async def put(self, nsg_id: str, document: Mapping[str, Any], etag: str) -> dict[str, Any]:
        """Write an NSG.

        Raises:
            AzureError: `NotLeading` if this replica may not write; otherwise the reason why the write failed.
        """
        if not self.may_write():
            raise AzureError("NotLeading", "another replica may be the leader; nothing was written")
        return await self.writer.put(nsg_id, document, etag)
