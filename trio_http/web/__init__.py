"""The web layer: routes, resources, responses, files, forms, events and middleware, all pure handlers.

Nothing in here knows a server: whatever takes a :class:`~trio_http.messages.Handler` can serve it.
"""

from ..messages import JSON, Codec, JsonCodec, disk_limiter
from ._access_log import access_log
from ._compression import compression
from ._cors import cors
from ._docs import Argument, RouteInfo, header, param
from ._docs_page import add_docs, docs_page
from ._error_pages import error_pages
from ._events import EventSender, EventStream
from ._file_response import FileResponse
from ._form import Form, OpenForm, Uploads, form, parse_form, parse_multipart
from ._hosts import https_only, trusted_hosts
from ._limits import by_peer, limit_concurrency, limit_rate
from ._multipart import FormLimits, MultipartParser, PartBegin, PartData, PartEnd
from ._openapi import openapi
from ._paths import path_join_safe
from ._pattern import PathType, Pattern
from ._request_id import request_id
from ._resource import Resource, delete, get, head, options, patch, post, put, route, websocket
from ._responses import ErrorResponse, JsonResponse, SerializableResponse, redirect, serialize
from ._router import Router
from ._static import static
from ._threaded import apply, threaded
from ._timeout import timeout
from ._upload import Upload
from ._websocket_route import WebSocketRouteOptions

__all__ = [
    "JSON",
    "Argument",
    "Codec",
    "ErrorResponse",
    "EventSender",
    "EventStream",
    "FileResponse",
    "Form",
    "FormLimits",
    "JsonCodec",
    "JsonResponse",
    "MultipartParser",
    "OpenForm",
    "PartBegin",
    "PartData",
    "PartEnd",
    "PathType",
    "Pattern",
    "Resource",
    "RouteInfo",
    "Router",
    "SerializableResponse",
    "Upload",
    "Uploads",
    "WebSocketRouteOptions",
    "access_log",
    "add_docs",
    "apply",
    "by_peer",
    "compression",
    "cors",
    "delete",
    "disk_limiter",
    "docs_page",
    "error_pages",
    "form",
    "get",
    "head",
    "header",
    "https_only",
    "limit_concurrency",
    "limit_rate",
    "openapi",
    "options",
    "param",
    "parse_form",
    "parse_multipart",
    "patch",
    "path_join_safe",
    "post",
    "put",
    "redirect",
    "request_id",
    "route",
    "serialize",
    "static",
    "threaded",
    "timeout",
    "trusted_hosts",
    "websocket",
]
