"""Families of metrics with the operator's prefix."""

from collections.abc import Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

PREFIX = "nsg_baseline"
Series = Mapping[Any, float]
"""Values by the tuple of their label values."""


def gauge(name: str, text: str, labels: tuple[str, ...], values: Series) -> Metric:
    """Return a value that rises and falls."""
    family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def counter(name: str, text: str, labels: tuple[str, ...], values: Series) -> Metric:
    """Return a value that rises only."""
    family = CounterMetricFamily(f"{PREFIX}_{name}", text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family
