"""Probes: the pod restarts when a scope is no longer reconciled, and for no other reason."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from nsg_baseline.engine.health import Health


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


@pytest.mark.parametrize(("interval", "deadline"), [(60.0, 600.0), (120.0, 600.0), (200.0, 1000.0)])
def test_a_deadline_is_five_intervals_and_at_least_ten_minutes(
    health: Health, clock: Clock, interval: float, deadline: float
) -> None:
    # Throttling by Azure delays a reconcile by minutes; a restart would not help.
    health.expect("production", interval)
    clock.now += deadline
    assert health.overdue() == []
    clock.now += 0.1
    assert health.overdue() == ["production"]


def test_a_pause_that_azure_asked_for_moves_the_deadline(health: Health, clock: Clock) -> None:
    # A process that waits for Azure must not be restarted.
    health.expect("production", 60, pause=50)
    clock.now += 650
    assert health.overdue() == []
    clock.now += 0.1
    assert health.overdue() == ["production"]


def test_each_reconcile_starts_a_new_deadline(health: Health, clock: Clock) -> None:
    health.expect("production", 60)
    clock.now += 599
    health.expect("production", 60)
    clock.now += 599
    assert health.overdue() == []


def test_a_deleted_scope_has_no_deadline(health: Health, clock: Clock) -> None:
    # Otherwise the pod restarts ten minutes after each deletion of a scope.
    health.expect("production", 60)
    health.expect("staging", 60)
    health.reconciled("production", 1.0, whole=True)
    health.forget("production")
    clock.now += 601
    assert health.overdue() == ["staging"]
    assert health.reconciles == {}
    health.forget("unknown")


def test_a_new_process_has_no_internal_errors_and_is_not_ready(health: Health) -> None:
    # An alert on the counter fires at its first increase.
    assert (health.internal_errors, health.ready) == (0, False)


def test_results_are_counted_for_each_scope(health: Health) -> None:
    # Metrics: a failed reconcile changes neither the successes nor the time of the last one.
    health.reconciled("production", 1.5, whole=False)
    assert health.reconciles["production"].last_success is None
    health.reconciled("production", 2.0, whole=True)
    first = health.reconciles["production"].last_success
    health.reconciled("production", 2.5, whole=False)
    times = health.reconciles["production"]
    assert (times.succeeded, times.failed, times.seconds) == (1, 2, 2.5)
    assert first is not None
    assert times.last_success == first


async def test_the_probes_report_overdue_scopes_and_the_first_list(health: Health, clock: Clock) -> None:
    # The kubelet restarts the pod on 500, and sends no traffic on 503.
    async with TestClient(TestServer(health.app(lambda: b"metric 1\n"))) as client:
        ready = await client.get("/readyz")
        assert (ready.status, await ready.text()) == (503, "listing objects from the Kubernetes API")
        health.ready = True
        ready = await client.get("/readyz")
        assert (ready.status, await ready.text()) == (200, "ok")
        alive = await client.get("/healthz")
        assert (alive.status, await alive.text()) == (200, "ok")
        health.expect("b", 60)
        health.expect("a", 60)
        clock.now += 601
        alive = await client.get("/healthz")
        assert (alive.status, await alive.text()) == (500, "scopes not reconciled in time: a, b")
        metrics = await client.get("/metrics")
        assert (await metrics.read(), metrics.headers["Content-Type"]) == (
            b"metric 1\n",
            "text/plain; version=0.0.4; charset=utf-8",
        )
