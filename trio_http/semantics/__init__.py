"""RFC 9110 values: what fields, dates, targets and codings mean; no I/O, no trio."""

from __future__ import annotations

from ._authority import join_host_port, set_idna_codec, split_host_port
from ._content_coding import (
    PIECE_SIZE,
    ContentDecoder,
    ContentEncoder,
    available_codings,
    decode_content,
    parse_content_encoding,
)
from ._dates import current_date, format_http_date, parse_http_date
from ._headers import HeaderItem, Headers, HeadersInput
from ._media import MediaType, text_encoding
from ._negotiation import choose_charset, choose_coding, choose_language, choose_media_type, parse_weighted_list
from ._query import Query, QueryInput, QueryValue, encode_form
from ._start_line import RequestStartLine, ResponseStartLine, parse_request_start_line, parse_response_start_line
from ._status import Status, phrases, reason_bytes
from ._url import URL, url_concat

__all__ = [
    "PIECE_SIZE",
    "URL",
    "ContentDecoder",
    "ContentEncoder",
    "HeaderItem",
    "Headers",
    "HeadersInput",
    "MediaType",
    "Query",
    "QueryInput",
    "QueryValue",
    "RequestStartLine",
    "ResponseStartLine",
    "Status",
    "available_codings",
    "choose_charset",
    "choose_coding",
    "choose_language",
    "choose_media_type",
    "current_date",
    "decode_content",
    "encode_form",
    "format_http_date",
    "join_host_port",
    "parse_content_encoding",
    "parse_http_date",
    "parse_request_start_line",
    "parse_response_start_line",
    "parse_weighted_list",
    "phrases",
    "reason_bytes",
    "set_idna_codec",
    "split_host_port",
    "text_encoding",
    "url_concat",
]
