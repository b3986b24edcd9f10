"""The metrics about the queues of Azure's events."""

from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric

from nsg_baseline.engine.event_statistics import LATENCY_BUCKETS, QueueStatistics
from nsg_baseline.engine.metric_families import PREFIX, counter, gauge

_LABELS = ("queue",)
_BOUNDS = (*map(str, LATENCY_BUCKETS), "+Inf")


def event_metrics(queues: Mapping[str, QueueStatistics]) -> Iterator[Metric]:
    """Yield the metrics of each queue, by its URL."""
    messages = {
        (queue, result): count
        for queue, statistics in queues.items()
        for result, count in (
            ("received", statistics.received),
            ("ignored", statistics.ignored),
            ("poison", statistics.poison),
        )
    }
    text = "Messages of a queue of events: received, ignored because they concern no NSG, moved to the poison queue."
    yield counter("event_messages", text, ("queue", "result"), messages)
    newest = {(queue,): statistics.newest for queue, statistics in queues.items() if statistics.newest is not None}
    text = "Unix time of the newest event of a queue whose NSG was read, in seconds."
    yield gauge("event_newest_timestamp_seconds", text, _LABELS, newest)
    yield _latency(queues)


def _latency(queues: Mapping[str, QueueStatistics]) -> Metric:
    text = "Time from a change in Azure to the end of the reading that its event caused, in seconds."
    family = HistogramMetricFamily(f"{PREFIX}_event_latency_seconds", text, labels=_LABELS)
    for queue, statistics in sorted(queues.items()):
        counts = accumulate(map(float, statistics.latencies))
        family.add_metric((queue,), list(zip(_BOUNDS, counts, strict=True)), sum_value=statistics.latency_sum)
    return family
