"""Of several replicas one works: the one that holds the Lease. It stops before another may begin."""

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
"""So long without a renewal the work goes on; less than the Lease lasts, so that no other has begun by then."""
log = structlog.get_logger(__name__)


class LostLeaseError(RuntimeError):
    """Another replica has the Lease, or may have it by now. The process ends, and begins again as a stand-by."""


@dataclass(slots=True)
class LeaderElection:
    """Works only while it holds a Lease."""

    lease: Lease
    clock: Callable[[], float] = time.monotonic
    retry_seconds: float = RETRY_SECONDS
    renew_seconds: float = RENEW_SECONDS
    _renewed: float = field(default=float("-inf"))

    def holds(self) -> bool:
        """Say whether nobody else can hold the Lease now."""
        return self.clock() - self._renewed < self.renew_seconds

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the Lease, work while it is held, and release it.

        Raises:
            LostLeaseError: it was lost; the work has been stopped.
        """
        # Watching the Lease would tell of a release a second earlier, and nothing of a holder that died.
        while not await self._renew():  # noqa: ASYNC110 - as above
            await asyncio.sleep(self.retry_seconds)
        log.info("leading", identity=self.lease.identity)
        task = asyncio.ensure_future(work())
        try:
            while self.holds():
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
        # From before the request: when it takes long, the Lease began to run in the meantime.
        asked = self.clock()
        try:
            async with asyncio.timeout(self.renew_seconds / 2):
                held = await self.lease.hold()
        except (KubeError, TimeoutError) as error:
            log.warning("lease not renewed", error=str(error) or "no answer in time")
            return False
        if held:
            self._renewed = asked
        return held

    async def _release(self) -> None:
        self._renewed = float("-inf")
        try:
            async with asyncio.timeout(self.renew_seconds / 2):
                await self.lease.release()
        except (KubeError, TimeoutError) as error:
            log.warning("lease not released; it runs out by itself", error=str(error) or "no answer in time")


@dataclass(frozen=True, slots=True)
class Fenced:
    """A writer that writes nothing once the Lease may be another's."""

    writer: NSGWriter
    may_write: Callable[[], bool]

    async def put(self, nsg_id: str, document: Mapping[str, Any], etag: str) -> dict[str, Any]:
        """Write an NSG.

        Raises:
            AzureError: `NotLeading`, or why Azure did not take it.
        """
        if not self.may_write():
            raise AzureError("NotLeading", "another replica may be at work by now; nothing was written")
        return await self.writer.put(nsg_id, document, etag)
