"""Metrics: the current values that an on-call dashboard needs, removed with their object."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from nsg_baseline.azure.rate_limit import RateLimiter
from nsg_baseline.core.azure_events import AzureEvent
from nsg_baseline.engine.event_statistics import QueueStatistics
from nsg_baseline.engine.health import Health
from nsg_baseline.engine.metrics import Metrics
from tests.support.in_process_operator import InProcessOperator, in_process_operator
from tests.support.rule_shorthand import arm_rule

WEB = [arm_rule("100 web allow tcp Internet -> *:443")]
SSH = arm_rule("200 open-ssh allow tcp Internet -> *:22")
LABELS = {
    *("version", "scope", "result", "kind", "severity", "namespace", "route", "identity", "status", "region"),
    *("queue", "le"),
}


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[InProcessOperator]:
    async with in_process_operator(tmp_path, {"web": WEB, "db": WEB}, "json://127.0.0.1:1") as started:
        yield started


def _read(metrics: Metrics) -> dict[frozenset[str], float]:
    """Return every sample by its name and the values of its labels, which have no order."""
    families = text_string_to_metric_families(metrics.text().decode())
    samples = [sample for family in families for sample in family.samples]
    assert {label for sample in samples for label in sample.labels} <= LABELS, "a label that may grow without end"
    return {frozenset((sample.name, *sample.labels.values())): sample.value for sample in samples}


def _series(*words: str) -> frozenset[str]:
    return frozenset(words)


async def test_the_metrics_of_a_dashboard_are_exported(operator: InProcessOperator) -> None:
    # A dashboard must show when the operator cannot read Azure.
    health, budget = Health(), RateLimiter()
    metrics = Metrics(operator.records, health, lambda: {"app-1": budget}, lambda: True)
    operator.azure.nsgs["web"] = [*WEB, SSH]
    await operator.reconcile()
    health.reconciled("production", 1.5, whole=True)
    health.reconciled("production", 2.5, whole=False)
    await budget.acquire("write")
    budget.record_response("write", 429, {"Retry-After": "3", "x-ms-failure-cause": "gateway"})
    samples = _read(metrics)
    assert samples[_series("nsg_baseline_scope_nsgs", "production")] == 2
    assert samples[_series("nsg_baseline_scope_drifted", "production")] == 1
    assert samples[_series("nsg_baseline_scope_unbaselined", "production")] == 0
    assert samples[_series("nsg_baseline_incidents_open", "Drift", "critical")] == 1
    assert samples[_series("nsg_baseline_scope_reconciles_total", "production", "succeeded")] == 1
    assert samples[_series("nsg_baseline_scope_reconciles_total", "production", "failed")] == 1
    assert samples[_series("nsg_baseline_scope_reconcile_duration_seconds", "production")] == 2.5
    assert samples[_series("nsg_baseline_scope_last_success_timestamp_seconds", "production")] > 1.7e9
    assert samples[_series("nsg_baseline_route_ready", "nsg-baseline-system", "chat")] == 0
    assert samples[_series("nsg_baseline_azure_requests_total", "app-1", "write", "429")] == 1
    assert 198 <= samples[_series("nsg_baseline_azure_requests_left", "app-1", "unknown", "write")] <= 200
    assert samples[_series("nsg_baseline_leading")] == 1
    operator.azure.nsgs["web"] = WEB
    await operator.reconcile()
    assert _series("nsg_baseline_incidents_open", "Drift", "critical") not in _read(metrics)


async def test_the_queues_of_events_are_exported(operator: InProcessOperator) -> None:
    # An old newest event or a growing poison queue shows that Event Grid or a role is broken.
    happened = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
    statistics = QueueStatistics(lambda: happened.timestamp() + 2.5, received=9, ignored=4, poison=1)
    statistics.handled([AzureEvent("1", "write", "web", happened), AzureEvent("2", "write", "web", happened)])
    samples = _read(Metrics(operator.records, Health(), dict, lambda: True, {"https://queue": statistics}))
    assert samples[_series("nsg_baseline_event_messages_total", "https://queue", "received")] == 9
    assert samples[_series("nsg_baseline_event_messages_total", "https://queue", "ignored")] == 4
    assert samples[_series("nsg_baseline_event_messages_total", "https://queue", "poison")] == 1
    assert samples[_series("nsg_baseline_event_newest_timestamp_seconds", "https://queue")] == happened.timestamp()
    bucket = "nsg_baseline_event_latency_seconds_bucket"
    assert samples[_series(bucket, "https://queue", "2.0")] == 0
    assert samples[_series(bucket, "https://queue", "3.0")] == 2
    assert samples[_series(bucket, "https://queue", "+Inf")] == 2
    assert samples[_series("nsg_baseline_event_latency_seconds_sum", "https://queue")] == 5


async def test_pending_writes_to_the_api_server_are_exported(operator: InProcessOperator) -> None:
    # The pod is healthy and alerts are sent; only this says that a restart would lose what nobody has stored.
    metrics = Metrics(operator.records, Health(), dict, lambda: True)
    assert _read(metrics)[_series("nsg_baseline_kubernetes_api_unavailable")] == 0
    operator.api.interference.fail(100_000, code=503)
    operator.azure.nsgs["web"] = [*WEB, SSH]
    await operator.reconcile()
    samples = _read(metrics)
    assert samples[_series("nsg_baseline_kubernetes_api_unavailable")] == 1
    assert samples[_series("nsg_baseline_unsaved_objects", "NSGIncident")] == 1
    operator.api.interference.stop()
    await operator.records.backlog.flush()
    samples = _read(metrics)
    assert samples[_series("nsg_baseline_kubernetes_api_unavailable")] == 0
    assert _series("nsg_baseline_unsaved_objects", "NSGIncident") not in samples


async def test_the_metrics_of_a_deleted_object_are_removed(operator: InProcessOperator) -> None:
    # A dashboard with values of deleted objects is not reliable.
    health = Health()
    metrics = Metrics(operator.records, health, dict, lambda: False)
    health.reconciled("production", 1.5, whole=True)
    assert _series("nsg_baseline_scope_reconciles_total", "production", "succeeded") in _read(metrics)
    operator.api.delete("nsg-baseline.io/v1alpha1", "NSGScope", "production")
    operator.api.delete("nsg-baseline.io/v1alpha1", "NSGAlertRoute", "chat", "nsg-baseline-system")
    await operator.refresh()
    health.forget("production")
    assert not any("production" in key or "chat" in key for key in _read(metrics))


async def test_metrics_are_served_with_the_probes(operator: InProcessOperator) -> None:
    metrics = Metrics(operator.records, Health(), dict, lambda: True)
    async with TestClient(TestServer(Health().app(metrics.text))) as client:
        answer = await client.get("/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "nsg_baseline_build_info{version=" in await answer.text()
        assert (await client.get("/healthz")).status == 200
