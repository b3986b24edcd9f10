"""Counts of the messages of each queue, for the metrics."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from nsg_baseline.core.azure_events import AzureEvent

LATENCY_BUCKETS = (1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper bounds in seconds."""


@dataclass(slots=True)
class QueueStatistics:
    """The messages of one queue since the start of the process.

    Attributes:
        received: messages received, each as often as it appeared.
        ignored: messages without an event that concerns an NSG of a scope.
        poison: messages moved to the queue of poison messages.
        newest: Unix time of the newest event that was handled; None before the first one.
        latencies: how many events took at most as long as each of `LATENCY_BUCKETS`, and longer, from the change in
            Azure to the end of the reading that followed.
        latency_sum: all these times, in seconds.
    """

    clock: Callable[[], float] = time.time
    received: int = 0
    ignored: int = 0
    poison: int = 0
    newest: float | None = None
    latencies: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BUCKETS) + 1))
    latency_sum: float = 0.0

    def handled(self, events: Iterable[AzureEvent]) -> None:
        """Count events whose NSGs were read just now."""
        now = self.clock()
        for event in events:
            happened = event.time.timestamp()
            latency = max(0.0, now - happened)
            place = sum(bound < latency for bound in LATENCY_BUCKETS)
            self.latencies[place] += 1
            self.latency_sum += latency
            self.newest = max(self.newest or 0.0, happened)
