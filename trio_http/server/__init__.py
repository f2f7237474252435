"""Serving HTTP: a handler on listeners."""

from ._connection import ServerConnection
from ._server import Server, ServerStats, ShutdownReport, serve

__all__ = ["Server", "ServerConnection", "ServerStats", "ShutdownReport", "serve"]
