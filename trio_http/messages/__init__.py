"""Requests, responses and bodies: what handlers take and return, without any I/O."""

from ._body import Body, BodySource, EmptySource, WholeSource
from ._content import ChunkSink, Content, ContentLike, Producer, SendChunk
from ._exchange import Address, BareExchange, CancelReason, Exchange, NoExchange, Serving, TLSInfo, Via
from ._handler import Handler, Middleware
from ._lines import Lines
from ._parse import parse_request
from ._request import UNSET, Request, Unset, unquote_path
from ._response import Response
from ._timings import Timings
from ._upgrade import TakeOver, UpgradeResponse

__all__ = [
    "UNSET",
    "Address",
    "BareExchange",
    "Body",
    "BodySource",
    "CancelReason",
    "ChunkSink",
    "Content",
    "ContentLike",
    "EmptySource",
    "Exchange",
    "Handler",
    "Lines",
    "Middleware",
    "NoExchange",
    "Producer",
    "Request",
    "Response",
    "SendChunk",
    "Serving",
    "TLSInfo",
    "TakeOver",
    "Timings",
    "Unset",
    "UpgradeResponse",
    "Via",
    "WholeSource",
    "parse_request",
    "unquote_path",
]
