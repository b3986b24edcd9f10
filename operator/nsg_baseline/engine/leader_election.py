"""Leader election: only the holder of the Lease works, and it writes to Azure only while the Lease is surely valid."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.lease import Lease, boot_time

LEASE_NAME = "nsg-baseline-operator"
RETRY_SECONDS = 2.0
RENEW_SECONDS = 10.0
"""How long a replica may write after a renewal. Shorter than the Lease, so that no other replica can write by then."""
log = structlog.get_logger(__name__)


class LostLeaseError(RuntimeError):
    """Another replica has held the Lease. The process exits, and the restarted process is a stand-by replica."""


@dataclass(slots=True)
class LeaderElection:
    """Runs work once this process holds a Lease. `retry_seconds` and `renew_seconds` are durations.

    Without a renewal the work continues, but `is_leader` is false, so that nothing is written to Azure. The work ends
    when another replica has held the Lease.
    """

    lease: Lease
    clock: Callable[[], float] = boot_time
    retry_seconds: float = RETRY_SECONDS
    renew_seconds: float = RENEW_SECONDS
    _renewed_at: float = float("-inf")
    _attempted_at: float = float("-inf")
    _has_lapsed: bool = False
    _attempted: asyncio.Event = field(default_factory=asyncio.Event)

    def is_leader(self) -> bool:
        """Return whether no other replica can hold the Lease now."""
        return self.clock() - self._renewed_at < self.renew_seconds

    async def may_save(self) -> bool:
        """Return `is_leader()`, after an attempt to renew the Lease if it may have expired since the last one.

        After a pause of the process, this detects another leader before a notification is sent.
        """
        while not self.is_leader() and self._attempted_at < self._renewed_at + self.renew_seconds:
            await self._attempted.wait()
        return self.is_leader()

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the Lease, run the work, and release the Lease.

        Raises:
            LostLeaseError: another replica has held the Lease; the work has been stopped.
        """
        # A watch on the Lease would report a release one second earlier, but not a holder that died.
        while not await self._attempt(self.lease.acquire):  # noqa: ASYNC110 - as above
            await asyncio.sleep(self.retry_seconds)
        log.info("leading", identity=self.lease.identity)
        task = asyncio.ensure_future(work())
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=self.retry_seconds)
                if not task.done():
                    await self._renew()
            task.result()
        finally:
            task.cancel()
            await self._ended(task)
            await self._release()

    async def _ended(self, task: "asyncio.Future[None]") -> None:
        """Wait for the end of the work. Until then no other replica may lead: it would repeat messages under way."""
        while not task.done():
            await asyncio.wait({task}, timeout=self.retry_seconds)
            if not task.done() and self.is_leader():
                await self._attempt(self.lease.renew)
        await asyncio.gather(task, return_exceptions=True)

    async def _renew(self) -> None:
        if await self._attempt(self.lease.renew) is False:
            self._renewed_at = float("-inf")
            message = "another replica has held the Lease; this replica stops working"
            log.error(message, identity=self.lease.identity)
            raise LostLeaseError(message)
        if not self.is_leader() and not self._has_lapsed:
            log.warning("the Lease may have expired; no writes to Azure until it is renewed")
        self._has_lapsed = not self.is_leader()

    async def _attempt(self, request: Callable[[], Awaitable[bool]]) -> bool | None:
        """Return whether this process holds the Lease; None if it is unknown."""
        # The time before the request, because the Lease can start at any moment during a slow request.
        requested_at, is_holder = self.clock(), None
        try:
            async with asyncio.timeout(self.renew_seconds / 2):
                is_holder = await request()
        except (KubeError, TimeoutError) as error:
            log.warning("lease not renewed", error=str(error) or "request timed out")
        if is_holder:
            self._renewed_at = requested_at
        self._attempted_at = requested_at
        attempted, self._attempted = self._attempted, asyncio.Event()
        attempted.set()
        return is_holder

    async def _release(self) -> None:
        self._renewed_at = float("-inf")
        try:
            async with asyncio.timeout(self.renew_seconds / 2):
                await self.lease.release()
        except (KubeError, TimeoutError) as error:
            log.warning("lease not released; it expires", error=str(error) or "request timed out")
