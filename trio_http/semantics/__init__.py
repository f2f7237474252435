"""RFC 9110 values: what fields, dates, targets and codings mean; no I/O, no trio."""

from __future__ import annotations

__all__: list[str] = []
