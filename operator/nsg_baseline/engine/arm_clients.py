"""Connections to Azure for each identity."""

import os
from collections.abc import Callable

from nsg_baseline.api.scope import Identity as ScopeIdentity
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.azure.activity_log import ActivityLogReader
from nsg_baseline.azure.clouds import Cloud
from nsg_baseline.azure.credentials import Identity
from nsg_baseline.azure.errors import AzureError
from nsg_baseline.azure.event_queue import EventQueue
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.azure.services import ArmServices


class ArmClients:
    """One set of connections to Azure for each identity."""

    def __init__(self, cloud: Cloud, may_write: Callable[[], bool]) -> None:
        self._cloud = cloud
        self._may_write = may_write
        self._arms: dict[ScopeIdentity | None, ArmServices] = {}

    def of(self, scope: NSGScope) -> ArmServices:
        """Return the Azure services that a scope's identity connects with."""
        who = scope.spec.identity
        if who not in self._arms:
            identity = Identity(who.client_id, who.tenant_id) if who is not None else None
            self._arms[who] = ArmServices.connect(self._cloud, identity, self._may_write)
        return self._arms[who]

    def activity_of(self, scope: NSGScope) -> tuple[ActivityLogReader, frozenset[str]]:
        """Return a scope's Activity Log and the client ids, in lower case, of the operator's own applications."""
        own = scope.spec.identity.client_id if scope.spec.identity is not None else os.environ.get("AZURE_CLIENT_ID")
        return self.of(scope).activity_log, frozenset({own.lower()} if own else ())

    def event_queue_of(self, scope: NSGScope) -> EventQueue:
        """Return the queue with the events of a scope.

        Raises:
            AzureError: the scope has no queue, or its URL leads away from the cloud.
        """
        if scope.spec.events is None:
            raise AzureError("InvalidQueue", "the scope has no queue")
        return self.of(scope).event_queue(scope.spec.events.queue_url)

    def budgets(self) -> dict[str, RateLimiter]:
        """Return the rate limiter of each identity by client id; `own` if the pod's is unknown."""
        own = os.environ.get("AZURE_CLIENT_ID") or "own"
        return {who.client_id if who is not None else own: arm.rate_limiter for who, arm in self._arms.items()}

    async def aclose(self) -> None:
        """Close all connections."""
        for arm in self._arms.values():
            await arm.aclose()
