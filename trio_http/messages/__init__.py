"""Requests, responses and bodies: what handlers take and return; nothing here knows a socket."""

from ._body import Body, BodySource, EmptySource, WholeSource
from ._codec import JSON, Codec, JsonCodec
from ._content import ChunkSink, Content, ContentLike, Producer, SendChunk
from ._described import describe
from ._disk_limiter import disk_limiter
from ._exchange import Address, BareExchange, CancelReason, Exchange, NoExchange, Serving, TLSInfo, Via
from ._file_part import FilePart, FileParts, SendPart
from ._handler import Handler, Middleware, Route, Routes, RouteTable, can_be_called_with, check_handler, no_response
from ._lines import Lines
from ._parse import parse_request
from ._request import UNSET, Request, Unset
from ._response import Response
from ._spool import SpooledBody
from ._target import unquote_path
from ._timings import Timings
from ._upgrade import TakeOver, UpgradeResponse

__all__ = [
    "JSON",
    "UNSET",
    "Address",
    "BareExchange",
    "Body",
    "BodySource",
    "CancelReason",
    "ChunkSink",
    "Codec",
    "Content",
    "ContentLike",
    "EmptySource",
    "Exchange",
    "FilePart",
    "FileParts",
    "Handler",
    "JsonCodec",
    "Lines",
    "Middleware",
    "NoExchange",
    "Producer",
    "Request",
    "Response",
    "Route",
    "RouteTable",
    "Routes",
    "SendChunk",
    "SendPart",
    "Serving",
    "SpooledBody",
    "TLSInfo",
    "TakeOver",
    "Timings",
    "Unset",
    "UpgradeResponse",
    "Via",
    "WholeSource",
    "can_be_called_with",
    "check_handler",
    "describe",
    "disk_limiter",
    "no_response",
    "parse_request",
    "unquote_path",
]
