"""An OpenAPI 3.1 document of routes: from patterns, docstrings, ``@header`` and ``@param``, and annotations."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any, Union, final, get_args, get_origin, get_type_hints
from uuid import UUID

from ..messages import Response
from ..websocket import WebSocketResponse
from ._docs import RouteInfo
from ._pattern import Pattern
from ._responses import JsonResponse
from ._router import Router

__all__ = ["openapi", "schema_of"]

Json = dict[str, Any]

_SIMPLE: dict[Any, Json] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    UUID: {"type": "string", "format": "uuid"},
}
_PATH_TYPES: dict[str, Json] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "uuid": {"type": "string", "format": "uuid"},
}
_NAME = re.compile(r"\{[^/]*\}")
# the methods that OpenAPI 3.1 has a place for
_METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")


def openapi(
    router: Router,
    *,
    title: str,
    version: str,
    description: str = "",
    servers: Sequence[str] = (),
    bodies: Mapping[Callable[..., Any], type] | None = None,
) -> Json:
    """Return an OpenAPI 3.1 document of a router, ready for :class:`JsonResponse`.

    Optional parameters of a path become paths of their own, because OpenAPI knows none. Where the handler's return
    annotation is a dataclass or the like (of a handler wrapped by your own decorator), it is the schema of the 200
    answer.

    Args:
        router: Whose routes.
        title: Of the API.
        version: Of the API.
        description: Of the API, in Markdown.
        servers: URLs.
        bodies: By handler, the type that it reads with ``request.message()``; dataclasses become schemas.
    """
    schemas = Schemas()
    paths: Json = {}
    shapes: dict[str, tuple[str, list[str]]] = {}
    used: set[str] = set()
    for info in router.describe():
        body = (bodies or {}).get(info.handler)
        for path, names in _paths_of(info):
            # two paths that differ in the names of their parameters only are one: the first names them
            path, first = shapes.setdefault(_NAME.sub("{}", path), (path, list(names)))
            names = dict(zip(first, names.values(), strict=True))
            item = paths.setdefault(path, {})
            for method in _METHODS[:-1] if info.method == "*" else [info.method]:
                if method in _METHODS and method.lower() not in item:  # first match wins
                    item[method.lower()] = _operation(info, names, body, schemas, used)
    about: Json = {"title": title, "version": version}
    if description:
        about["description"] = description
    document: Json = {"openapi": "3.1.0", "info": about, "paths": paths}
    if servers:
        document["servers"] = [{"url": url} for url in servers]
    if schemas:
        document["components"] = {"schemas": schemas}
    return document


def _paths_of(info: RouteInfo) -> list[tuple[str, dict[str, Json]]]:
    """The plain paths that a pattern stands for, each with its parameters."""
    found = []
    for parts, _ in _lenient(info.pattern).variants():
        names: dict[str, Json] = {}
        text = ""
        for part in parts:
            if part.literal is not None:
                text += "/" + part.literal.replace("{", "%7B").replace("}", "%7D")
            else:
                text += f"/{{{part.name}}}"
                names[part.name] = _PATH_TYPES.get(part.type_name or "", {"type": "string"})
        found.append((text or "/", names))
    return found


@final
class Schemas(dict[str, Any]):
    """The schemas of a document, by name; each type has one."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[type, str] = {}

    def name_of(self, wanted: type) -> tuple[str, bool]:
        """Return the name of the schema of a type, and whether there is none yet."""
        if wanted in self._names:
            return self._names[wanted], False
        name, number = wanted.__name__, 1
        while name in self._names.values():  # two of the same name, from different places
            number += 1
            name = f"{wanted.__name__}{number}"
        self._names[wanted] = name
        return name, True


class _AnyTypes(dict[str, Any]):
    """Types of parameters that routers define themselves are texts as far as OpenAPI is concerned."""

    def __contains__(self, name: object) -> bool:
        return True


def _lenient(pattern: str) -> Pattern:
    return Pattern(pattern, _AnyTypes())


def _operation(info: RouteInfo, names: dict[str, Json], body: type | None, schemas: Schemas, used: set[str]) -> Json:
    operation: Json = {}
    if info.name and info.name not in used:
        used.add(info.name)
        operation["operationId"] = info.name
    if info.summary:
        operation["summary"] = info.summary
    if info.description:
        operation["description"] = info.description
    owner = getattr(inspect.unwrap(info.handler), "__self__", None)
    if owner is not None and not isinstance(owner, Router):
        operation["tags"] = [type(owner).__name__]
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": schema} for name, schema in names.items()
    ]
    for argument in info.arguments:
        parameter: Json = {"name": argument.name, "in": argument.kind, "required": argument.required}
        if argument.description:
            parameter["description"] = argument.description
        parameter["schema"] = schema_of(argument.value_type, schemas)
        parameters.append(parameter)
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of(body, schemas)}},
        }
    operation["responses"] = _responses(info, schemas)
    return operation


def _responses(info: RouteInfo, schemas: Schemas) -> Json:
    try:
        returned = get_type_hints(info.handler).get("return")
    except (NameError, TypeError):
        returned = None  # an annotation that only the type checker can read
    if returned is WebSocketResponse:
        return {"101": {"description": "A WebSocket"}, "426": {"description": "The request is none for a WebSocket"}}
    answer: Json = {"description": "The answer"}
    if returned is JsonResponse:
        answer["content"] = {"application/json": {}}
    elif returned is not None and not (isinstance(returned, type) and issubclass(returned, Response)):
        answer["content"] = {"application/json": {"schema": schema_of(returned, schemas)}}
    responses: Json = {"200": answer}
    if info.max_content_length is not None:
        responses["413"] = {"description": f"The body is larger than {info.max_content_length} bytes"}
    return responses


def schema_of(wanted: Any, schemas: Schemas) -> Json:
    """Return the JSON schema of a type; those of dataclasses go to ``schemas`` and are referred to."""
    if wanted in _SIMPLE:
        return dict(_SIMPLE[wanted])
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in {Union, types.UnionType}:
        return {"anyOf": [schema_of(one, schemas) for one in arguments]}
    if origin in {list, set, frozenset, tuple, Sequence}:
        return {"type": "array", "items": schema_of(arguments[0], schemas) if arguments else {}}
    if origin in {dict, Mapping}:
        return {"type": "object", "additionalProperties": schema_of(arguments[1], schemas) if arguments else {}}
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return {"enum": [member.value for member in wanted]}
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        name, is_new = schemas.name_of(wanted)
        if is_new:
            hints = get_type_hints(wanted)
            fields = [field for field in dataclasses.fields(wanted) if field.init]
            schemas[name] = {
                "type": "object",
                "properties": {field.name: schema_of(hints[field.name], schemas) for field in fields},
                "required": [
                    field.name
                    for field in fields
                    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
                ],
                "additionalProperties": False,
            }
        return {"$ref": f"#/components/schemas/{name}"}
    if wanted in {list, tuple, set, frozenset}:
        return {"type": "array"}
    return {"type": "object"} if wanted is dict else {}
