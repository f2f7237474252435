"""The web layer: routes, resources, responses, files, forms, events and middleware, all pure handlers.

Nothing in here knows a server: whatever takes a :class:`~trio_http.messages.Handler` can serve it.
"""

from ._disk import disk_limiter
from ._docs import Argument, RouteInfo, header, param
from ._file_response import FileResponse
from ._form import Form, OpenForm, Uploads, form, parse_form, parse_multipart
from ._message import message
from ._multipart import FormLimits, MultipartParser, PartBegin, PartData, PartEnd
from ._paths import path_join_safe
from ._pattern import PathType, Pattern
from ._resource import Resource, delete, get, head, options, patch, post, put, route
from ._responses import JSON, Codec, ErrorResponse, JsonCodec, JsonResponse, SerializableResponse, redirect, serialize
from ._router import Router
from ._static import static
from ._upload import Upload

__all__ = [
    "JSON",
    "Argument",
    "Codec",
    "ErrorResponse",
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
    "delete",
    "disk_limiter",
    "form",
    "get",
    "head",
    "header",
    "message",
    "options",
    "param",
    "parse_form",
    "parse_multipart",
    "patch",
    "path_join_safe",
    "post",
    "put",
    "redirect",
    "route",
    "serialize",
    "static",
]
