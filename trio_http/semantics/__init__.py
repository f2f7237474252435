"""RFC 9110 values: what fields, dates, targets and codings mean; no I/O, no trio."""

from __future__ import annotations

from ._authority import join_host_port, set_idna_codec, split_host_port
from ._dates import current_date, format_http_date, parse_http_date
from ._headers import HeaderItem, Headers, HeadersInput
from ._query import Query, QueryInput, QueryValue, encode_form
from ._status import Status, phrases, reason_bytes
from ._url import URL, url_concat

__all__ = [
    "URL",
    "HeaderItem",
    "Headers",
    "HeadersInput",
    "Query",
    "QueryInput",
    "QueryValue",
    "Status",
    "current_date",
    "encode_form",
    "format_http_date",
    "join_host_port",
    "parse_http_date",
    "phrases",
    "reason_bytes",
    "set_idna_codec",
    "split_host_port",
    "url_concat",
]
