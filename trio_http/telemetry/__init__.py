"""Traces of servers and clients through OpenTelemetry's API; needs the extra ``otel``."""

from ._client import ClientTracing
from ._server import ServerTracing

__all__ = ["ClientTracing", "ServerTracing"]
