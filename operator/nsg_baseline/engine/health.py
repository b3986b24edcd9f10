"""Liveness, readiness and the HTTP server for the metrics.

The liveness probe succeeds while the scopes are reconciled in time, also when Azure fails.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

# Throttling can delay a reconcile by minutes. The probe must fail only for a reconcile that never ends.
MIN_DEADLINE_SECONDS = 600.0
DEADLINE_INTERVALS = 5
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class ReconcileTimes:
    """Results of the full reconciles of a scope.

    Attributes:
        seconds: duration of the last reconcile, in seconds.
        succeeded: how many read and judged all NSGs of the scope.
        failed: how many did not.
        last_success: Unix time of the last successful reconcile, in seconds.
        is_whole: whether the last reconcile was successful.
    """

    seconds: float
    is_whole: bool = False
    succeeded: int = 0
    failed: int = 0
    last_success: float | None = None


class Health:
    """Records reconciles and serves the probes and the metrics."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.reconciles: dict[str, ReconcileTimes] = {}
        self.internal_errors = 0
        self.ended = asyncio.Event()
        """Set at the end of each full reconcile."""
        self._deadlines: dict[str, float] = {}
        self.ready = False
        self.waits_for = "listing objects from the Kubernetes API"
        """The reason why the process is not ready, as the response of `/readyz`."""

    def expect(self, scope: str, interval: float, pause: float = 0.0) -> None:
        """Start the deadline of a scope's next reconcile. `interval`, and a `pause` before it, are in seconds."""
        self._deadlines[scope] = self._clock() + pause + max(MIN_DEADLINE_SECONDS, DEADLINE_INTERVALS * interval)

    def reconciled(self, scope: str, seconds: float, *, whole: bool) -> None:
        """Record a full reconcile and its duration in seconds. `whole`: all NSGs were read and judged."""
        times = self.reconciles.setdefault(scope, ReconcileTimes(seconds))
        times.seconds, times.is_whole = seconds, whole
        times.succeeded += whole
        times.failed += not whole
        if whole:
            times.last_success = time.time()
        self.ended.set()

    def forget(self, scope: str) -> None:
        """Remove the deadline and the results of a deleted scope."""
        self._deadlines.pop(scope, None)
        self.reconciles.pop(scope, None)

    def overdue(self) -> list[str]:
        """Return the names of the scopes whose deadline has passed."""
        now = self._clock()
        return sorted(scope for scope, deadline in self._deadlines.items() if deadline < now)

    def app(self, metrics: Callable[[], bytes]) -> web.Application:
        """Return an application with `/healthz`, `/readyz` and `/metrics` (Prometheus text format)."""
        app = web.Application()

        async def serve_metrics(_: web.Request) -> web.Response:
            return web.Response(body=metrics(), headers={"Content-Type": METRICS_TYPE})

        app.router.add_get("/metrics", serve_metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        return app

    async def _healthz(self, _: web.Request) -> web.Response:
        overdue = self.overdue()
        if overdue:
            return web.Response(status=500, text=f"scopes not reconciled in time: {', '.join(overdue)}")
        return web.Response(text="ok")

    async def _readyz(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.ready else 503, text="ok" if self.ready else self.waits_for)
