"""The web layer: routes, resources, responses, files, forms, events and middleware, all pure handlers.

Nothing in here knows a server: whatever takes a :class:`~trio_http.messages.Handler` can serve it.
"""

from ._docs import Argument, RouteInfo, header, param
from ._message import message
from ._paths import path_join_safe
from ._pattern import PathType, Pattern
from ._resource import Resource, delete, get, head, options, patch, post, put, route
from ._responses import JSON, Codec, ErrorResponse, JsonCodec, JsonResponse, SerializableResponse, redirect, serialize
from ._router import Router

__all__ = [
    "JSON",
    "Argument",
    "Codec",
    "ErrorResponse",
    "JsonCodec",
    "JsonResponse",
    "PathType",
    "Pattern",
    "Resource",
    "RouteInfo",
    "Router",
    "SerializableResponse",
    "delete",
    "get",
    "head",
    "header",
    "message",
    "options",
    "param",
    "patch",
    "path_join_safe",
    "post",
    "put",
    "redirect",
    "route",
    "serialize",
]
