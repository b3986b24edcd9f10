"""An operator process that tests kill and start again, in an environment that stays."""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from nsg_baseline.api.common import API_VERSION, REQUESTED_AT
from nsg_baseline.cli.demo.environment import OPERATOR_NAMESPACE, DemoEnvironment, operator_environment, recorded_nsgs
from tests.engine.kill_points import KillPoint, killed_at
from tests.engine.process_forker import ProcessForker

IDS = {nsg["name"]: str(nsg["id"]) for nsg in recorded_nsgs()}
NAMES = tuple(name.lower() for name in IDS)
"""The names of the baselines."""


@dataclass(slots=True)
class OperatorProcess:
    """The operator in an environment in which it reconciles only at its start and on request."""

    environment: DemoEnvironment
    process_forker: ProcessForker
    _requests: "count[int]" = field(default_factory=count)

    def start(self) -> None:
        """Start the process."""
        environment = self.environment
        variables = operator_environment(
            environment.folder, environment.azure, environment.kubeconfig, OPERATOR_NAMESPACE
        )
        environment.process = self.process_forker.start(variables, environment.folder / "operator.log")

    def request_reconcile(self) -> str:
        """Request a reconcile; return the value that its end will report."""
        value = f"reconcile {next(self._requests)}"
        patch = {"metadata": {"annotations": {REQUESTED_AT: value}}}
        self.environment.cluster.api.patch(API_VERSION, "NSGScope", "demo", patch)
        return value

    async def reconcile(self) -> None:
        """Request a reconcile and wait until it is over."""
        value = self.request_reconcile()
        await self.environment.until(lambda: self._scope().get("lastHandledReconcileAt") == value)

    async def wait_until_compliant(self) -> None:
        """Wait until every baseline is compliant."""
        await self.environment.until(lambda: all(self._compliant(name) for name in NAMES))

    async def wait_until_delivered(self) -> None:
        """Wait until a reconcile is over and all its incidents are notified."""
        await self.reconcile()
        await self.environment.until(self._all_delivered)

    async def kill_at(self, kill_point: KillPoint) -> None:
        """Request a reconcile, and kill the process at a moment of it."""
        async with killed_at(self.environment, kill_point):
            self.request_reconcile()

    def incidents(self) -> list[dict[str, Any]]:
        """Return all incidents, the oldest first."""
        return self.environment.cluster.api.list(API_VERSION, "NSGIncident")

    def alerts(self) -> dict[str, list[dict[str, Any]]]:
        """Return the received alerts by their key, in the order of arrival; repeats have the same key."""
        by_incident = defaultdict(list)
        for alert in self.environment.receiver.alerts:
            by_incident[alert["key"]].append(alert)
        return dict(by_incident)

    def _all_delivered(self) -> bool:
        routes = self.environment.cluster.api.list(API_VERSION, "NSGAlertRoute")
        names = {f"{route['metadata']['namespace']}/{route['metadata']['name']}" for route in routes}
        return all(names <= delivered_routes(route) for route in self.incidents())

    def _scope(self) -> dict[str, Any]:
        status: dict[str, Any] = self.environment.cluster.api.get(API_VERSION, "NSGScope", "demo").get("status") or {}
        return status

    def _compliant(self, name: str) -> bool:
        status = self.environment.custom("NSGBaseline", name).get("status") or {}
        return any(
            condition["type"] == "Compliant" and condition["status"] == "True"
            for condition in status.get("conditions", ())
        )


def delivered_routes(incident: dict[str, Any]) -> set[str]:
    """Return the routes that delivered an incident's latest revision to all their channels."""
    status = incident.get("status") or {}
    deliveries = status.get("deliveries") or ()
    return {
        entry["route"]
        for entry in deliveries
        if entry["revision"] == status.get("revision") and not entry.get("pendingChannels")
    }
