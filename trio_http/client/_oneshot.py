"""One request and no more: a client for its length alone. Whoever makes several wants a :class:`Client`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Unpack

from ..messages import Response
from ..semantics import URL
from ..websocket import WebSocket
from ._client import Client
from ._options import ClientOptions, RequestOptions
from ._websocket import WebSocketRequestOptions

__all__ = [
    "delete",
    "get",
    "head",
    "open_websocket",
    "options",
    "patch",
    "post",
    "put",
    "request",
    "set_default_client_options",
    "stream",
]

_defaults: ClientOptions = {}


def set_default_client_options(**options: Unpack[ClientOptions]) -> ClientOptions:
    """Say how the clients of these functions are made from now on, in the whole process; for programs, not libraries.

    A :class:`Client` that somebody makes himself is not concerned.

    Args:
        options: As of :class:`Client`; they replace all that was said before.

    Returns:
        What was said before, to be said again: ``set_default_client_options(**before)``.
    """
    global _defaults
    Client(**options)  # a mistake is told here, not with the first request
    before, _defaults = _defaults, options
    return before


async def request(method: str, url: str | URL, **options: Unpack[RequestOptions]) -> Response:
    """Make one request on a connection of its own; see :meth:`Client.request`."""
    async with Client(**_defaults) as client:
        return await client.request(method, url, **options)


async def get(url: str | URL, **options: Unpack[RequestOptions]) -> Response:
    """Make one GET request; see :func:`request`."""
    return await request("GET", url, **options)


async def head(url: str | URL, **options: Unpack[RequestOptions]) -> Response:
    """Make one HEAD request; see :func:`request`."""
    return await request("HEAD", url, **options)


async def options(url: str | URL, **options: Unpack[RequestOptions]) -> Response:
    """Make one OPTIONS request; see :func:`request`."""
    return await request("OPTIONS", url, **options)


async def post(url: str | URL, **options: Unpack[RequestOptions]) -> Response:
    """Make one POST request; see :func:`request`."""
    return await request("POST", url, **options)


async def put(url: str | URL, **options: Unpack[RequestOptions]) -> Response:
    """Make one PUT request; see :func:`request`."""
    return await request("PUT", url, **options)


async def patch(url: str | URL, **options: Unpack[RequestOptions]) -> Response:
    """Make one PATCH request; see :func:`request`."""
    return await request("PATCH", url, **options)


async def delete(url: str | URL, **options: Unpack[RequestOptions]) -> Response:
    """Make one DELETE request; see :func:`request`."""
    return await request("DELETE", url, **options)


@asynccontextmanager
async def stream(method: str, url: str | URL, **options: Unpack[RequestOptions]) -> AsyncIterator[Response]:
    """Make one request and read the response piece by piece; see :meth:`Client.stream`.

    Here the client's nursery is open around the block.
    """
    async with Client(**_defaults) as client, client.stream(method, url, **options) as response:
        yield response


@asynccontextmanager
async def open_websocket(url: str | URL, **options: Unpack[WebSocketRequestOptions]) -> AsyncIterator[WebSocket]:
    """Open one WebSocket, with a client of its own; see :meth:`Client.websocket`."""
    async with Client(**_defaults) as client, client.websocket(url, **options) as ws:
        yield ws
