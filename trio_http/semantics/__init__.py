"""RFC 9110 values: what fields, dates, targets and codings mean; no I/O, no trio."""

from __future__ import annotations

from ._dates import current_date, format_http_date, parse_http_date
from ._headers import HeaderItem, Headers, HeadersInput
from ._status import Status, phrases, reason_bytes

__all__ = [
    "HeaderItem",
    "Headers",
    "HeadersInput",
    "Status",
    "current_date",
    "format_http_date",
    "parse_http_date",
    "phrases",
    "reason_bytes",
]
