"""Traces of servers and clients through OpenTelemetry's API; needs the extra ``otel``."""

try:
    from ._client import ClientTracing
    from ._server import ServerTracing
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"trio_http.telemetry needs the extra otel: pip install 'trio-http[otel]' ({error})", name=error.name
    ) from error

__all__ = ["ClientTracing", "ServerTracing"]
