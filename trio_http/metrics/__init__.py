"""Metrics of a server in Prometheus' format; needs the extra ``prometheus``."""

from ._metrics import Metrics

__all__ = ["Metrics"]
