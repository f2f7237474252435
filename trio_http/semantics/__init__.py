"""RFC 9110 values: what fields, dates, targets and codings mean; no I/O, no trio."""

from __future__ import annotations

from ._auth_values import (
    Challenge,
    DigestCredentials,
    choose_digest_challenge,
    decode_basic_auth,
    digest_response,
    encode_basic_auth,
    encode_bearer_auth,
    encode_username_password,
    parse_challenges,
    parse_credentials,
)
from ._authority import join_host_port, set_idna_codec, split_host_port
from ._conditional import ETag, evaluate_preconditions, if_range_holds, parse_etags
from ._content_coding import (
    PIECE_SIZE,
    ContentDecoder,
    ContentEncoder,
    available_codings,
    decode_content,
    parse_content_encoding,
)
from ._cookie_jar import CookieJar, StoredCookie
from ._cookies import Cookies, SameSite, SetCookie, parse_cookie_date, parse_set_cookie
from ._dates import current_date, format_http_date, parse_http_date
from ._disposition import ContentDisposition, format_content_disposition, parse_content_disposition
from ._forwarded import (
    ForwardedElement,
    ForwardedNode,
    format_forwarded,
    parse_forwarded,
    parse_forwarded_node,
    parse_x_forwarded_for,
)
from ._headers import SECRET_NAMES, HeaderItem, Headers, HeadersInput, HeadersLike
from ._links import Link, format_links, parse_links
from ._media import MediaType, text_encoding
from ._negotiation import choose_charset, choose_coding, choose_language, choose_media_type, parse_weighted_list
from ._parameters import (
    decode_extended,
    encode_extended,
    format_parameters,
    parse_parameters,
    quote_value,
    split_list,
    unquote_value,
)
from ._percent import decode_percent
from ._query import Query, QueryInput, QueryValue, encode_form
from ._ranges import ByteRange, ContentRange, format_content_range, format_range, parse_content_range, parse_range
from ._start_line import (
    Method,
    RequestStartLine,
    ResponseStartLine,
    parse_request_start_line,
    parse_response_start_line,
)
from ._status import Status, phrases, reason_bytes
from ._url import URL, url_concat

__all__ = [
    "PIECE_SIZE",
    "SECRET_NAMES",
    "URL",
    "ByteRange",
    "Challenge",
    "ContentDecoder",
    "ContentDisposition",
    "ContentEncoder",
    "ContentRange",
    "CookieJar",
    "Cookies",
    "DigestCredentials",
    "ETag",
    "ForwardedElement",
    "ForwardedNode",
    "HeaderItem",
    "Headers",
    "HeadersInput",
    "HeadersLike",
    "Link",
    "MediaType",
    "Method",
    "Query",
    "QueryInput",
    "QueryValue",
    "RequestStartLine",
    "ResponseStartLine",
    "SameSite",
    "SetCookie",
    "Status",
    "StoredCookie",
    "available_codings",
    "choose_charset",
    "choose_coding",
    "choose_digest_challenge",
    "choose_language",
    "choose_media_type",
    "current_date",
    "decode_basic_auth",
    "decode_content",
    "decode_extended",
    "decode_percent",
    "digest_response",
    "encode_basic_auth",
    "encode_bearer_auth",
    "encode_extended",
    "encode_form",
    "encode_username_password",
    "evaluate_preconditions",
    "format_content_disposition",
    "format_content_range",
    "format_forwarded",
    "format_http_date",
    "format_links",
    "format_parameters",
    "format_range",
    "if_range_holds",
    "join_host_port",
    "parse_challenges",
    "parse_content_disposition",
    "parse_content_encoding",
    "parse_content_range",
    "parse_cookie_date",
    "parse_credentials",
    "parse_etags",
    "parse_forwarded",
    "parse_forwarded_node",
    "parse_http_date",
    "parse_links",
    "parse_parameters",
    "parse_range",
    "parse_request_start_line",
    "parse_response_start_line",
    "parse_set_cookie",
    "parse_weighted_list",
    "parse_x_forwarded_for",
    "phrases",
    "quote_value",
    "reason_bytes",
    "set_idna_codec",
    "split_host_port",
    "split_list",
    "text_encoding",
    "unquote_value",
    "url_concat",
]
