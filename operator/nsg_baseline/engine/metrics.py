"""The metrics. They are computed from the stored objects at each scrape, so that a series ends with its object.

Names of rules, people and channels are never labels.
"""

import importlib.metadata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.engine.baseline_claims import readable, scopes
from nsg_baseline.engine.event_metrics import event_metrics
from nsg_baseline.engine.event_statistics import QueueStatistics
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.metric_families import counter, gauge
from nsg_baseline.kube.records import Records


class Metrics(Collector):
    """The operator's state as metrics.

    Args:
        records: the stored objects.
        health: the results of the reconciles.
        budgets: returns the rate limiter of each identity, by client id.
        leads: returns whether this replica is the leader.
        queues: the messages of each queue of events, by its URL.
    """

    def __init__(
        self,
        records: Records,
        health: Health,
        budgets: Callable[[], Mapping[str, RateLimiter]],
        leads: Callable[[], bool],
        queues: Mapping[str, QueueStatistics] | None = None,
    ) -> None:
        self._records = records
        self._health = health
        self._budgets = budgets
        self._leads = leads
        self._queues = queues if queues is not None else {}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)

    @override
    def collect(self) -> Iterable[Metric]:
        yield gauge(
            "build_info", "Version of the operator.", ("version",), {(importlib.metadata.version(_DISTRIBUTION),): 1}
        )
        yield gauge(
            "leading", "Whether this replica is the leader (1) or on stand-by (0).", (), {(): float(self._leads())}
        )
        yield from self._kubernetes()
        yield from self._scopes()
        yield from self._guardrails()
        yield self._incidents()
        yield from self._routes()
        yield from self._azure()
        yield from event_metrics(self._queues)

    def describe(self) -> Iterable[Metric]:
        """Return no metrics: the registry calls this before any object has been read."""
        return ()

    def _kubernetes(self) -> Iterator[Metric]:
        backlog = self._records.backlog
        text = "Whether the last write to the Kubernetes API got no response (1) or did (0)."
        yield gauge("kubernetes_api_unavailable", text, (), {(): float(backlog.is_unavailable)})
        unsaved = {(kind,): count for kind, count in backlog.sizes.items()}
        yield gauge(
            "unsaved_objects", "Objects in memory that are not saved to the Kubernetes API yet.", ("kind",), unsaved
        )

    def _scopes(self) -> Iterator[Metric]:
        text = "Unexpected exceptions outside the reconcile of one NSG; the log has the tracebacks."
        yield counter("internal_errors", text, (), {(): self._health.internal_errors})
        statuses = {scope.metadata.name: scope.status for scope in readable(scopes(self._records.store))}
        for name, text in _SCOPE_GAUGES.items():
            by_scope = {(scope,): getattr(status, name) for scope, status in statuses.items()}
            reported = {scope: value for scope, value in by_scope.items() if value is not None}
            yield gauge(f"scope_{name}", text, ("scope",), reported)
        reconciles = self._health.reconciles
        counts = {(scope, "succeeded"): times.succeeded for scope, times in reconciles.items()}
        counts |= {(scope, "failed"): times.failed for scope, times in reconciles.items()}
        yield counter("scope_reconciles", "Full reconciles of a scope, by result.", ("scope", "result"), counts)
        seconds = {(scope,): times.seconds for scope, times in reconciles.items()}
        text = "Duration of the last full reconcile of a scope, in seconds."
        yield gauge("scope_reconcile_duration_seconds", text, ("scope",), seconds)
        last = {(scope,): times.last_success for scope, times in reconciles.items() if times.last_success is not None}
        text = "Unix time of the last successful full reconcile of a scope, in seconds."
        yield gauge("scope_last_success_timestamp_seconds", text, ("scope",), last)

    def _guardrails(self) -> Iterator[Metric]:
        statuses = {stored.key.name: stored.status() for stored in self._records.store.stored(NSGGuardrail)}
        for name, text in _GUARDRAIL_GAUGES.items():
            values = {(guardrail,): float(status.get(name) or 0) for guardrail, status in statuses.items()}
            yield gauge(f"guardrail_{name}", text, ("guardrail",), values)

    def _incidents(self) -> Metric:
        open_incidents = Counter(
            (incident.spec.kind, incident.status.severity or "info")
            for incident in self._records.incidents.all()
            if incident.status.state == "Open"
        )
        return gauge("incidents_open", "Open incidents.", ("kind", "severity"), open_incidents)

    def _routes(self) -> Iterator[Metric]:
        ready = {}
        undelivered = {}
        beating: dict[tuple[str, str], float] = {}
        for stored in self._records.store.stored(NSGAlertRoute):
            status = stored.document().get("status") or {}
            conditions = status.get("conditions") or ()
            undelivered[stored.key] = float(status.get("undelivered") or 0)
            ready[stored.key] = float(
                any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
            )
            states = [condition["status"] for condition in conditions if condition["type"] == "Heartbeat"]
            if states:
                beating[stored.key] = float(states == ["True"])
        labels = ("namespace", "route")
        yield gauge("route_ready", "Whether a route is ready to deliver notifications (1) or not (0).", labels, ready)
        text = "Notifications that some channel of a route could not receive yet."
        yield gauge("route_undelivered", text, labels, undelivered)
        text = "Whether the heartbeat of a route is sent and its dead man's switches are called (1) or not (0)."
        yield gauge("route_heartbeat", text, labels, beating)

    def _azure(self) -> Iterator[Metric]:
        budgets = self._budgets()
        responses = {
            (who, kind, str(status)): count
            for who, budget in budgets.items()
            for (kind, status), count in budget.responses.items()
        }
        labels = ("identity", "kind", "status")
        yield counter("azure_requests", "Requests to Azure Resource Manager, by HTTP status.", labels, responses)
        remaining = {
            (who, *where): tokens for who, budget in budgets.items() for where, tokens in budget.remaining().items()
        }
        text = "Requests that Azure would accept now before it throttles the identity."
        yield gauge("azure_requests_left", text, ("identity", "region", "kind"), remaining)
        waited = {(who,): budget.waited_seconds for who, budget in budgets.items()}
        yield counter(
            "azure_waited_seconds", "Time that requests waited for the rate limit, in seconds.", ("identity",), waited
        )


_DISTRIBUTION = "nsg-baseline-operator"
_GUARDRAIL_GAUGES = {
    "nsgs": "NSGs that a guardrail applies to.",
    "violating": "NSGs that violate a guardrail.",
    "excepted": "NSGs that have an exception from a guardrail now.",
}
_SCOPE_GAUGES = {
    "nsgs": "NSGs found by the last complete reconcile of a scope.",
    "baselines": "Active baselines of a scope.",
    "drifted": "Baselines whose NSG drifts.",
    "unbaselined": "NSGs of a scope without a baseline.",
}
