"""The metrics: computed from stored objects at each scrape, so that a series ends with its object.

No name of a rule, a person or a channel is a label.
"""

import importlib.metadata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.engine.baseline_claims import readable, scopes
from nsg_baseline.engine.health import Health
from nsg_baseline.kube.records import Records

PREFIX = "nsg_baseline"
Series = Mapping[Any, float]
"""Values by the values of their labels, a tuple."""


class Metrics(Collector):
    """The operator's state as metrics. `budgets` are Azure's by identity, `leads` says whether this replica works."""

    def __init__(
        self,
        records: Records,
        health: Health,
        budgets: Callable[[], Mapping[str, RateLimiter]],
        leads: Callable[[], bool],
    ) -> None:
        self._records = records
        self._health = health
        self._budgets = budgets
        self._leads = leads
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text form."""
        return generate_latest(self._registry)

    @override
    def collect(self) -> Iterable[Metric]:
        yield _gauge("build_info", "The version.", ("version",), {(importlib.metadata.version(_DISTRIBUTION),): 1})
        yield _gauge("leading", "Whether this replica works.", (), {(): float(self._leads())})
        yield from self._scopes()
        yield self._incidents()
        yield self._routes()
        yield from self._azure()

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the registry asks when nothing has been read yet."""
        return ()

    def _scopes(self) -> Iterator[Metric]:
        statuses = {scope.metadata.name: scope.status for scope in readable(scopes(self._records.store))}
        for name, text in _SCOPE_GAUGES.items():
            by_scope = {(scope,): getattr(status, name) for scope, status in statuses.items()}
            reported = {scope: value for scope, value in by_scope.items() if value is not None}
            yield _gauge(f"scope_{name}", text, ("scope",), reported)
        passes = self._health.reconciles
        ended = {(scope, "succeeded"): note.succeeded for scope, note in passes.items()}
        ended |= {(scope, "failed"): note.failed for scope, note in passes.items()}
        yield _counter("scope_passes", "Passes over a scope, by how they ended.", ("scope", "result"), ended)
        seconds = {(scope,): note.seconds for scope, note in passes.items()}
        yield _gauge("scope_pass_duration_seconds", "How long the last pass took.", ("scope",), seconds)
        last = {(scope,): note.last_success for scope, note in passes.items() if note.last_success is not None}
        yield _gauge("scope_last_success_timestamp_seconds", "When all of a scope was read last.", ("scope",), last)

    def _incidents(self) -> Metric:
        open_incidents = Counter(
            (incident.spec.kind, incident.status.severity or "info")
            for incident in self._records.incidents.all()
            if incident.status.state == "Open"
        )
        return _gauge("incidents_open", "Open incidents.", ("kind", "severity"), open_incidents)

    def _routes(self) -> Metric:
        ready = {}
        for stored in self._records.store.stored(NSGAlertRoute):
            conditions = (stored.document().get("status") or {}).get("conditions") or ()
            ready[stored.key] = float(
                any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
            )
        return _gauge("route_ready", "Whether alerts get through.", ("namespace", "route"), ready)

    def _azure(self) -> Iterator[Metric]:
        budgets = self._budgets()
        responses = {
            (who, kind, str(status)): count
            for who, budget in budgets.items()
            for (kind, status), count in budget.responses.items()
        }
        labels = ("identity", "kind", "status")
        yield _counter("azure_requests", "Requests to Azure Resource Manager.", labels, responses)
        remaining = {
            (who, *where): tokens for who, budget in budgets.items() for where, tokens in budget.remaining().items()
        }
        text = "Requests that Azure would take now without refusing any."
        yield _gauge("azure_requests_left", text, ("identity", "region", "kind"), remaining)
        waited = {(who,): budget.waited_seconds for who, budget in budgets.items()}
        yield _counter("azure_waited_seconds", "Seconds that requests waited for their turn.", ("identity",), waited)


_DISTRIBUTION = "nsg-baseline-operator"
_SCOPE_GAUGES = {
    "nsgs": "NSGs seen by the last complete pass.",
    "baselines": "Baselines judged in a scope.",
    "drifted": "Baselines whose NSG deviates.",
    "unbaselined": "NSGs without a baseline.",
}


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Series) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def _counter(name: str, text: str, labels: tuple[str, ...], values: Series) -> Metric:
    family = CounterMetricFamily(f"{PREFIX}_{name}", text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family
