"""A sans-I/O HTTP/1.1 core (RFC 9112) with the public API of h11."""

from __future__ import annotations

__all__: list[str] = []
