"""One Lease of the API server, taken and renewed by compare and set.

Whether another's has run out is judged by this process's own clock, from when its last renewal was seen, so that clocks
that differ do no harm. (The official client's election cannot create a Lease in 37.0.)
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from nsg_baseline.kube.errors import KubeError

_NOT_FOUND, _CONFLICT = 404, 409


class Leases(Protocol):
    """Calls about Leases; see `kube.client.Kube`."""

    async def lease(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Return a Lease; None when there is none."""
        ...

    async def save_lease(self, namespace: str, document: dict[str, Any]) -> None:
        """Create a Lease, or replace it if it is still the version that was read."""
        ...


@dataclass(slots=True)
class Lease:
    """A Lease as one process sees it. `seconds` is how long it lasts without a renewal."""

    kube: Leases
    namespace: str
    name: str
    identity: str
    seconds: int = 15
    clock: Callable[[], float] = time.monotonic
    _seen: tuple[Any, Any] = (None, None)
    _seen_at: float = field(default=0.0)

    async def hold(self) -> bool:
        """Take it or renew it, and say whether this process has it now.

        Raises:
            KubeError: the API server did not answer, so that nothing is known.
        """
        document = await self.kube.lease(self.namespace, self.name)
        spec = dict((document or {}).get("spec") or {})
        if document is not None and not self._is_free(spec):
            return False
        mine = spec.get("holderIdentity") == self.identity
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        spec |= {"holderIdentity": self.identity, "renewTime": now, "leaseDurationSeconds": self.seconds}
        if not mine:
            spec |= {"acquireTime": now, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1}
        return await self._save(document, spec)

    async def release(self) -> None:
        """Let it go, if this process has it, so that the next need not wait.

        Raises:
            KubeError: the API server did not answer; it runs out by itself.
        """
        document = await self.kube.lease(self.namespace, self.name)
        spec = dict((document or {}).get("spec") or {})
        if document is not None and spec.get("holderIdentity") == self.identity:
            await self._save(document, {**spec, "holderIdentity": "", "leaseDurationSeconds": 1})

    def _is_free(self, spec: dict[str, Any]) -> bool:
        holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
        if (holder, renewed) != self._seen:
            self._seen, self._seen_at = (holder, renewed), self.clock()
        lasts = float(spec.get("leaseDurationSeconds") or self.seconds)
        return not holder or holder == self.identity or self.clock() - self._seen_at >= lasts

    async def _save(self, known: dict[str, Any] | None, spec: dict[str, Any]) -> bool:
        metadata = (known or {}).get("metadata") or {"name": self.name, "namespace": self.namespace}
        document = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        try:
            await self.kube.save_lease(self.namespace, document)
        except KubeError as error:
            if error.status != _CONFLICT:
                raise
            return False
        return True
