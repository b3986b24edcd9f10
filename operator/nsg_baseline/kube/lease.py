"""A Kubernetes Lease, acquired and renewed by compare and set.

The local clock decides whether the Lease of another process has expired, counted from the moment when its last renewal
was observed. The clocks of different nodes need not agree. (The leader election of the official client cannot create a
Lease in version 37.0.)
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from nsg_baseline.kube.errors import KubeError

_CONFLICT = 409


def boot_time() -> float:
    """Return the seconds of a clock that also runs while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Leases(Protocol):
    """Lease requests; see `kube.client.Kube`."""

    async def lease(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Return a Lease; None if it does not exist."""
        ...

    async def save_lease(self, namespace: str, document: dict[str, Any]) -> None:
        """Create a Lease, or replace the version that was read."""
        ...


@dataclass(slots=True)
class Lease:
    """A Lease as this process observes it. `seconds` is its duration without a renewal."""

    kube: Leases
    namespace: str
    name: str
    identity: str
    seconds: int = 15
    clock: Callable[[], float] = boot_time
    _observed: tuple[Any, Any] = (None, None)
    _unrenewed_seconds: float = 0.0
    _read_at: float | None = None

    async def acquire(self) -> bool:
        """Acquire the Lease if no process holds it, or renew it, and return whether this process holds it.

        Raises:
            KubeError: the request failed; the holder is unknown.
        """
        document, spec = await self._read()
        if document is not None and not self._is_free(spec):
            return False
        return await self._save(document, self._renewed(spec))

    async def renew(self) -> bool:
        """Renew the Lease; return False if another process has held it in the meantime.

        Raises:
            KubeError: the request failed; the holder is unknown.
        """
        document, spec = await self._read()
        if document is not None and spec.get("holderIdentity") != self.identity:
            return False
        if not await self._save(document, self._renewed(spec)):
            raise KubeError("Conflict", "another client changed the Lease at the same time", _CONFLICT)
        return True

    async def release(self) -> None:
        """Release the Lease if this process holds it, so that the next holder does not wait for it to expire.

        Raises:
            KubeError: the request failed; the Lease expires.
        """
        document, spec = await self._read()
        if document is not None and spec.get("holderIdentity") == self.identity:
            await self._save(document, {**spec, "holderIdentity": "", "leaseDurationSeconds": 1})

    async def _read(self) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        # While the API server is unavailable, the holder cannot renew the Lease. This time does not count as time
        # without a renewal, so that the holder can renew the Lease after the outage.
        read_at, self._read_at = self._read_at, None
        document = await self.kube.lease(self.namespace, self.name)
        spec = dict((document or {}).get("spec") or {})
        now, observed = self.clock(), (spec.get("holderIdentity"), spec.get("renewTime"))
        if observed != self._observed:
            self._observed, self._unrenewed_seconds = observed, 0.0
        elif read_at is not None:
            self._unrenewed_seconds += now - read_at
        self._read_at = now
        return document, spec

    def _is_free(self, spec: dict[str, Any]) -> bool:
        holder = spec.get("holderIdentity")
        duration = float(spec.get("leaseDurationSeconds") or self.seconds)
        return not holder or holder == self.identity or self._unrenewed_seconds >= duration

    def _renewed(self, spec: dict[str, Any]) -> dict[str, Any]:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        renewed = {"holderIdentity": self.identity, "renewTime": now, "leaseDurationSeconds": self.seconds}
        if spec.get("holderIdentity") != self.identity:
            renewed |= {"acquireTime": now, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1}
        return {**spec, **renewed}

    async def _save(self, current: dict[str, Any] | None, spec: dict[str, Any]) -> bool:
        metadata = (current or {}).get("metadata") or {"name": self.name, "namespace": self.namespace}
        document = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        try:
            await self.kube.save_lease(self.namespace, document)
        except KubeError as error:
            if error.status != _CONFLICT:
                raise
            return False
        return True
