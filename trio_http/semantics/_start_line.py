"""Start lines as text, RFC 9112 sections 3 and 4: for tools, logs and tests; the core reads them as bytes itself."""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from .._errors import RemoteProtocolError

__all__ = ["Method", "RequestStartLine", "ResponseStartLine", "parse_request_start_line", "parse_response_start_line"]

_VERSION = r"HTTP/[0-9]\.[0-9]"
_REQUEST = re.compile(rf"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) ({_VERSION})")
_RESPONSE = re.compile(rf"({_VERSION}) ([1-9][0-9]{{2}})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_SHOWN_MAX = 100

Method: TypeAlias = str
"""A request method: a token, compared with regard to case (RFC 9110 section 9.1)."""


class RequestStartLine(NamedTuple):
    """The first line of a request."""

    method: Method
    target: str
    version: str
    """As it stands there, such as ``"HTTP/1.1"``."""


class ResponseStartLine(NamedTuple):
    """The first line of a response."""

    version: str
    status: int
    reason: str


def parse_request_start_line(line: str) -> RequestStartLine:
    """Return the parts of a line such as ``"GET /path HTTP/1.1"`` (without its line end).

    Raises:
        RemoteProtocolError: It is no request line.
    """
    match = _REQUEST.fullmatch(line)
    if match is None:
        raise RemoteProtocolError(f"{line[:_SHOWN_MAX]!a} is no request line: expected 'METHOD target HTTP/1.1'")
    return RequestStartLine(match[1], match[2], match[3])


def parse_response_start_line(line: str) -> ResponseStartLine:
    """Return the parts of a line such as ``"HTTP/1.1 200 OK"`` (without its line end); the reason may be missing.

    Raises:
        RemoteProtocolError: It is no status line.
    """
    match = _RESPONSE.fullmatch(line)
    if match is None:
        raise RemoteProtocolError(f"{line[:_SHOWN_MAX]!a} is no status line: expected 'HTTP/1.1 200 OK'")
    return ResponseStartLine(match[1], int(match[2]), match[3] or "")
