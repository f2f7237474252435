"""Structured-concurrency HTTP for trio: server, client, sans-I/O core and deterministic network tests."""

from ._version import __version__ as __version__

__all__ = ["__version__"]
