"""Making the metrics of one observer: all in one registry, their names with one beginning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["BUCKETS", "OTHER", "Families", "method_label"]

# seconds; those of prometheus-client with 1 ms and 30 s added: handlers here are often over in less than 5 ms
BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
OTHER = "other"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"})


def method_label(method: str) -> str:
    """Return a method, if it is one of those that are registered: labels are bounded."""
    return method if method in _METHODS else OTHER


@final
class Families:
    """Makes counters, gauges and histograms.

    Args:
        registry: Where they are registered; None for prometheus-client's own.
        namespace: What the names begin with.

    Raises:
        ValueError: From each method: the registry has a metric of that name; the message is prometheus-client's.
    """

    def __init__(self, registry: CollectorRegistry | None, namespace: str) -> None:
        self.registry: CollectorRegistry = REGISTRY if registry is None else registry
        self._namespace = namespace

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """Make a counter."""
        return Counter(name, text, labels, namespace=self._namespace, registry=self.registry)

    def gauge(self, name: str, text: str) -> Gauge:
        """Make a gauge: of several workers the sum is of interest, and of one that has died nothing."""
        return Gauge(name, text, namespace=self._namespace, registry=self.registry, multiprocess_mode="livesum")

    def histogram(self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]) -> Histogram:
        """Make a histogram."""
        return Histogram(name, text, labels, namespace=self._namespace, registry=self.registry, buckets=buckets)
