"""The opening handshake, both sides, without I/O: fields in, fields out (RFC 6455 section 4).

It knows requests and responses as messages; of connections and frames it knows nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from typing import final

from .._entropy import random_bytes
from .._errors import LocalProtocolError, RemoteProtocolError
from .._grammar import is_token
from ..messages import Request, Response
from ..semantics import Headers
from ..semantics._parameters import split_list, unquote_value
from ._deflate import Agreement, Deflate, accept_offers, check_answer

__all__ = ["Accepted", "ClientHandshake", "accept", "check_subprotocols", "choose_subprotocol", "origin_fits"]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_EXTENSIONS_MAX = 32  # offers looked at; browsers make one or two


@final
class Accepted:
    """What a server has agreed to."""

    __slots__ = ("deflate", "headers", "subprotocol")

    def __init__(self, headers: Headers, subprotocol: str | None, deflate: Agreement | None) -> None:
        self.headers = headers
        """The fields of the 101 response, but for Connection and Upgrade."""
        self.subprotocol = subprotocol
        self.deflate = deflate


def accept(
    request: Request,
    *,
    subprotocols: Sequence[str] = (),
    origins: Iterable[str] | None = None,
    compression: Deflate | None = None,
) -> Accepted | Response:
    """Judge a request to open a WebSocket, as a server.

    Args:
        request: The request.
        subprotocols: Those that are understood, the best first. If none of them is offered, none is chosen.
        origins: The origins that browsers may come from; None for any. A request without an Origin field does not
            come from a browser's page, and passes.
        compression: How we would compress.

    Returns:
        The agreement, or the response that refuses: 400, 403, 405 or 426.
    """
    headers = request.headers
    if request.method != "GET":
        return Response("a WebSocket is opened with GET\n", status=405, headers={"Allow": "GET"})
    if "websocket" not in _tokens(headers, "upgrade") or "upgrade" not in _tokens(headers, "connection"):
        return Response(
            "this is a WebSocket: send Upgrade: websocket\n",
            status=426,
            headers={"Upgrade": "websocket"},
        )
    versions = headers.get_list("sec-websocket-version")
    if versions != ["13"]:
        return Response(
            f"version {', '.join(versions) or 'unknown'} of the WebSocket protocol is not spoken here; 13 is\n",
            status=426,
            headers={"Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
        )
    keys = headers.get_list("sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        return Response("Sec-WebSocket-Key is not 16 bytes in base64\n", status=400)
    if not origin_fits(headers.get("origin"), origins):
        return Response("this origin may not open a WebSocket here\n", status=403)
    subprotocol = choose_subprotocol(headers, subprotocols)
    deflate = None if compression is None else accept_offers(compression, _extensions(headers))
    answer = Headers({"Sec-WebSocket-Accept": _proof(keys[0])})
    if subprotocol is not None:
        answer["Sec-WebSocket-Protocol"] = subprotocol
    if deflate is not None:
        answer["Sec-WebSocket-Extensions"] = deflate.answer
    return Accepted(answer, subprotocol, deflate)


def origin_fits(origin: str | None, origins: Iterable[str] | None) -> bool:
    """Tell whether a request from this origin may open a WebSocket where these are allowed; None: any."""
    return origins is None or origin is None or origin.lower() in {each.lower() for each in origins}


def choose_subprotocol(headers: Headers, subprotocols: Sequence[str]) -> str | None:
    """Return the best of these that is offered, or None."""
    offered = [name for value in headers.get_list("sec-websocket-protocol") for name in split_list(value)]
    return next((name for name in subprotocols if name in offered), None)


@final
class ClientHandshake:
    """What a client says and expects.

    Args:
        subprotocols: Those that are understood, the best first.
        compression: How we would compress; None for not offering it.

    Attributes:
        headers: The fields of the request, but for Connection and Upgrade.

    Raises:
        LocalProtocolError: A subprotocol is no token.
    """

    __slots__ = ("_compression", "_key", "_subprotocols", "headers")

    def __init__(self, *, subprotocols: Sequence[str] = (), compression: Deflate | None = None) -> None:
        self._key = base64.b64encode(random_bytes(16)).decode()
        self._subprotocols = check_subprotocols(subprotocols)
        self._compression = compression
        self.headers = Headers({"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": self._key})
        if self._subprotocols:
            self.headers["Sec-WebSocket-Protocol"] = ", ".join(self._subprotocols)
        if compression is not None:
            self.headers["Sec-WebSocket-Extensions"] = compression.offer()

    def check(self, headers: Headers) -> tuple[str | None, Agreement | None]:
        """Judge the fields of a 101 response (RFC 6455 section 4.1).

        Returns:
            The subprotocol chosen, and the agreement about compression.

        Raises:
            RemoteProtocolError: The server switched to something else, or agreed to what was not offered.
        """
        if _tokens(headers, "upgrade") != ["websocket"] or "upgrade" not in _tokens(headers, "connection"):
            raise _odd("it did not switch to websocket: Upgrade and Connection do not say so")
        if headers.get_list("sec-websocket-accept") != [_proof(self._key)]:
            raise _odd(
                "Sec-WebSocket-Accept does not belong to our key: perhaps the answer of a cache, or no WebSocket"
            )
        chosen = headers.get_list("sec-websocket-protocol")
        if len(chosen) > 1 or (chosen and chosen[0] not in self._subprotocols):
            offered = ", ".join(self._subprotocols) or "none"
            raise _odd(f"it chose the subprotocol {', '.join(chosen)!r}; offered: {offered}")
        deflate = check_answer(self._compression, _extensions(headers))
        if isinstance(deflate, str):
            raise _odd(deflate)
        return (chosen[0] if chosen else None), deflate


def check_subprotocols(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names as given.

    Raises:
        LocalProtocolError: One is no token, or is given twice.
        TypeError: It is one str, not a sequence of them.
    """
    if isinstance(names, str):
        raise TypeError(f"subprotocols={names!r}: give a sequence of names, such as [{names!r}]")
    found = tuple(names)
    for name in found:
        if not name.isascii() or not is_token(name.encode()):
            raise LocalProtocolError(f"{name!r} is no name of a subprotocol: expected a token (RFC 6455 section 4.1)")
    if len(set(found)) < len(found):
        raise LocalProtocolError(f"the subprotocols {', '.join(found)} name one twice (RFC 6455 section 4.1)")
    return found


def _odd(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"the server answered 101 to the WebSocket handshake, but {what}")


def _proof(key: str) -> str:
    digest = hashlib.sha1(key.encode("latin-1") + _GUID, usedforsecurity=False)
    return base64.b64encode(digest.digest()).decode()


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _tokens(headers: Headers, name: str) -> list[str]:
    return [token.lower() for value in headers.get_list(name) for token in split_list(value)]


def _extensions(headers: Headers) -> list[tuple[str, dict[str, str | None]]]:
    """Parse ``Sec-WebSocket-Extensions``; an element with a parameter given twice is left out (RFC 7692 section 7)."""
    found: list[tuple[str, dict[str, str | None]]] = []
    elements = [element for value in headers.get_list("sec-websocket-extensions") for element in split_list(value)]
    for element in elements[:_EXTENSIONS_MAX]:
        name, *words = split_list(element, ";") or [""]  # nothing but semicolons: an extension without a name
        parameters: dict[str, str | None] = {}
        for word in words:
            key, equals, value = word.partition("=")
            parameters.setdefault(key.strip(" \t"), unquote_value(value.strip(" \t")) if equals else None)
        if len(parameters) < len(words):
            parameters[""] = None  # no parameter is called so: nobody will agree to it
        found.append((name, parameters))
    return found
