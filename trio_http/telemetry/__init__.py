"""Traces of servers and clients through OpenTelemetry's API; needs the extra ``otel``."""

try:
    from ._client import ClientTracing
    from ._server import ServerTracing
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"trio_http.telemetry needs the extra otel: pip install 'trio-http[otel]' ({_error})", name=_error.name
    ) from _error

__all__ = ["ClientTracing", "ServerTracing"]
