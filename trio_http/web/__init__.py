"""The web layer: routes, resources, responses, files, forms, events and middleware, all pure handlers.

Nothing in here knows a server: whatever takes a :class:`~trio_http.messages.Handler` can serve it.
"""

from ._docs import Argument, RouteInfo, header, param
from ._pattern import PathType, Pattern
from ._resource import Resource, delete, get, head, options, patch, post, put, route
from ._router import Router

__all__ = [
    "Argument",
    "PathType",
    "Pattern",
    "Resource",
    "RouteInfo",
    "Router",
    "delete",
    "get",
    "head",
    "header",
    "options",
    "param",
    "patch",
    "post",
    "put",
    "route",
]
