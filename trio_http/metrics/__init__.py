"""Metrics of servers and clients in Prometheus' format; needs the extra ``prometheus``."""

from ._client_metrics import ClientMetrics
from ._metrics import Metrics

__all__ = ["ClientMetrics", "Metrics"]
