"""A Kubernetes Lease, acquired and renewed by compare and set.

The local clock decides whether the Lease of another process has expired, counted from the moment when its last renewal
was observed. The clocks of different nodes need not agree. (The leader election of the official client cannot create a
Lease in version 37.0.)
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from nsg_baseline.kube.errors import KubeError

_CONFLICT = 409


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
    clock: Callable[[], float] = time.monotonic
    _observed: tuple[Any, Any] = (None, None)
    _observed_at: float = field(default=0.0)

    async def acquire(self) -> bool:
        """Acquire or renew the Lease, and return whether this process holds it.

        Raises:
            KubeError: the request failed; the holder is unknown.
        """
        document = await self.kube.lease(self.namespace, self.name)
        spec = dict((document or {}).get("spec") or {})
        if document is not None and not self._is_free(spec):
            return False
        is_renewal = spec.get("holderIdentity") == self.identity
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        spec |= {"holderIdentity": self.identity, "renewTime": now, "leaseDurationSeconds": self.seconds}
        if not is_renewal:
            spec |= {"acquireTime": now, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1}
        return await self._save(document, spec)

    async def release(self) -> None:
        """Release the Lease if this process holds it, so that the next holder does not wait for it to expire.

        Raises:
            KubeError: the request failed; the Lease expires.
        """
        document = await self.kube.lease(self.namespace, self.name)
        spec = dict((document or {}).get("spec") or {})
        if document is not None and spec.get("holderIdentity") == self.identity:
            await self._save(document, {**spec, "holderIdentity": "", "leaseDurationSeconds": 1})

    def _is_free(self, spec: dict[str, Any]) -> bool:
        holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
        if (holder, renewed) != self._observed:
            self._observed, self._observed_at = (holder, renewed), self.clock()
        duration = float(spec.get("leaseDurationSeconds") or self.seconds)
        return not holder or holder == self.identity or self.clock() - self._observed_at >= duration

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
