"""Whether the process is alive: it is while passes go on, whatever Azure answers them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

# A pass that throttling holds up may take long; one that never ends is what this is for.
LEAST_PATIENCE_SECONDS = 600.0
PATIENT_INTERVALS = 5
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class ReconcileTimes:
    """What became of a scope's whole passes; `last_success` is in seconds since 1970, `seconds` the last one's time."""

    succeeded: int = 0
    failed: int = 0
    seconds: float = 0.0
    last_success: float | None = None


class Health:
    """Notes of passes, and the HTTP endpoints that tell of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.passes: dict[str, ReconcileTimes] = {}
        self._deadlines: dict[str, float] = {}
        self.ready = False

    def expect(self, scope: str, interval: float) -> None:
        """Note that a scope's loop is at work, and when the next note is due."""
        self._deadlines[scope] = self._clock() + max(LEAST_PATIENCE_SECONDS, PATIENT_INTERVALS * interval)

    def passed(self, scope: str, seconds: float, *, whole: bool) -> None:
        """Note the end of a pass, and whether all of the scope was read."""
        note = self.passes.setdefault(scope, ReconcileTimes())
        note.seconds = seconds
        note.succeeded += whole
        note.failed += not whole
        if whole:
            note.last_success = time.time()

    def forget(self, scope: str) -> None:
        """Expect nothing more of a scope."""
        self._deadlines.pop(scope, None)
        self.passes.pop(scope, None)

    def overdue(self) -> list[str]:
        """Return the scopes whose passes stopped."""
        now = self._clock()
        return sorted(scope for scope, deadline in self._deadlines.items() if deadline < now)

    def app(self, metrics: Callable[[], bytes]) -> web.Application:
        """Return `/healthz`, `/readyz`, and `/metrics` in Prometheus' text form."""
        app = web.Application()

        async def told(_: web.Request) -> web.Response:
            return web.Response(body=metrics(), headers={"Content-Type": METRICS_TYPE})

        app.router.add_get("/metrics", told)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        return app

    async def _healthz(self, _: web.Request) -> web.Response:
        late = self.overdue()
        return web.Response(status=500 if late else 200, text=f"no passes of {', '.join(late)}" if late else "ok")

    async def _readyz(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.ready else 503, text="ok" if self.ready else "reading the baselines")
