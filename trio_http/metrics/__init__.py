"""Metrics of servers and clients in Prometheus' format; needs the extra ``prometheus``."""

try:
    from ._client_metrics import ClientMetrics
    from ._metrics import Metrics
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"trio_http.metrics needs the extra prometheus: pip install 'trio-http[prometheus]' ({_error})",
        name=_error.name,
    ) from _error

__all__ = ["ClientMetrics", "Metrics"]
