"""The client for programs without trio: the same, with plain calls. It runs a trio loop in a thread of its own."""

from ._client import BlockingResponseStream, Client

__all__ = ["BlockingResponseStream", "Client"]
