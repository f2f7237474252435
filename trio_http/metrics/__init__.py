"""Metrics of servers and clients in Prometheus' format; needs the extra ``prometheus``."""

try:
    from ._client_metrics import ClientMetrics
    from ._metrics import Metrics
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"trio_http.metrics needs the extra prometheus: pip install 'trio-http[prometheus]' ({error})", name=error.name
    ) from error

__all__ = ["ClientMetrics", "Metrics"]
