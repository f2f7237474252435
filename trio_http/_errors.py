"""The error tree of the whole package; everything that trio_http raises on purpose is an :class:`HTTPError`.

::

    HTTPError
      ProtocolError (.error_status_hint)
        LocalProtocolError                  we (or our user) broke HTTP
        RemoteProtocolError                 the peer broke HTTP
      TransportError
        ConnectError  ReadError  WriteError  TLSError  ProxyError
      HTTPTimeout (+ TimeoutError)          .phase .limit
        ConnectTimeout  HandshakeTimeout  PoolTimeout  WriteTimeout  ReadTimeout  IdleTimeout  TotalTimeout
      BodyError
        BodyTooLarge  BodyConsumed  BodyScopeEnded  DecodingError
        IncompleteBody (+ RemoteProtocolError)
      StatusError                           .status .detail .headers .response
      TooManyRedirects
      InvalidURL (+ ValueError)
      PoolError
      CircuitOpen                           .seconds
      WebSocketError
        ConnectionClosed (.code .reason)  HandshakeRejected (.response)

A text says what happened, what was expected and what to do, with the values. It never holds credentials.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self, TypeVar

__all__ = [
    "BodyConsumed",
    "BodyError",
    "BodyScopeEnded",
    "BodyTooLarge",
    "CircuitOpen",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "DecodingError",
    "HTTPError",
    "HTTPTimeout",
    "HandshakeRejected",
    "HandshakeTimeout",
    "IdleTimeout",
    "IncompleteBody",
    "InvalidURL",
    "LocalProtocolError",
    "PoolError",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "StatusError",
    "TLSError",
    "TooManyRedirects",
    "TotalTimeout",
    "TransportError",
    "WebSocketError",
    "WriteError",
    "WriteTimeout",
]


_E = TypeVar("_E", bound="HTTPError")


class HTTPError(Exception):
    """The root of all errors that trio_http raises on purpose."""

    def with_text(self, text: str) -> Self:
        """Return an error of the same kind, with the same attributes, and another text; for who knows more of it.

        Args:
            text: What ``str()`` of it gives.
        """
        return _remade(type(self), (text,), {key: value for key, value in vars(self).items() if key != "__notes__"})

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception makes a copy by calling the class with the text alone, which is not how all of these are made
        return _remade, (type(self), self.args, dict(vars(self)))


def _remade(kind: type[_E], args: tuple[object, ...], attributes: Mapping[str, object]) -> _E:
    error = kind.__new__(kind)
    error.args = args
    vars(error).update(attributes)
    return error


# ---------------------------------------------------------------- protocol


class ProtocolError(HTTPError):
    """Somebody broke HTTP; which side did is told by the two subclasses, never by this class itself.

    Args:
        msg: What happened, what was expected, what to do.
        error_status_hint: The status code a server should answer with when the peer is to blame.
    """

    error_status_hint: int

    def __init__(self, msg: str, error_status_hint: int = 400) -> None:
        if type(self) is ProtocolError:
            raise TypeError("ProtocolError is abstract: raise LocalProtocolError or RemoteProtocolError")
        Exception.__init__(self, msg)
        self.error_status_hint = error_status_hint


class LocalProtocolError(ProtocolError):
    """We, or the program using us, tried to do what HTTP forbids; nothing of it reached the wire."""


class RemoteProtocolError(ProtocolError):
    """The peer broke HTTP; the connection cannot be used any more."""


# ---------------------------------------------------------------- transport


class TransportError(HTTPError):
    """The connection below HTTP failed; ``__cause__`` is the operating system's or trio's error."""


class ConnectError(TransportError):
    """No connection could be made (name resolution included)."""


class ReadError(TransportError):
    """The connection broke while we were reading."""


class WriteError(TransportError):
    """The connection broke while we were sending."""


class TLSError(TransportError):
    """The TLS handshake or a TLS record failed."""


class ProxyError(TransportError):
    """A proxy refused or broke the connection through it."""


# ---------------------------------------------------------------- time


class HTTPTimeout(HTTPError, TimeoutError):
    """A deadline of ours passed. Also a :class:`TimeoutError`, and so an :class:`OSError`.

    A deadline of the caller's own cancel scope is never turned into this error.

    Args:
        msg: What was awaited, for how long, and how far it had come.
        limit: The limit in seconds, as configured.

    Attributes:
        phase: ``"connect"``, ``"handshake"``, ``"pool"``, ``"write"``, ``"read"``, ``"idle"`` or ``"total"``.
        limit: The limit in seconds, or None where it is not known.
    """

    phase: ClassVar[str] = ""
    limit: float | None

    def __init__(self, msg: str, *, limit: float | None = None) -> None:
        super().__init__(msg)
        self.limit = limit


class ConnectTimeout(HTTPTimeout):
    """Resolving the name and connecting took too long."""

    phase = "connect"


class HandshakeTimeout(HTTPTimeout):
    """The TLS handshake took too long."""

    phase = "handshake"


class PoolTimeout(HTTPTimeout):
    """No connection of the pool came free in time, or a turn under a rate limit is too far away; the text says why."""

    phase = "pool"


class WriteTimeout(HTTPTimeout):
    """The peer took no byte for too long."""

    phase = "write"


class ReadTimeout(HTTPTimeout):
    """No byte arrived for too long, or bytes arrived more slowly than the minimum rate."""

    phase = "read"


class IdleTimeout(HTTPTimeout):
    """The connection stood unused for too long."""

    phase = "idle"


class TotalTimeout(HTTPTimeout):
    """The whole request, with its redirects, retries and body, took too long."""

    phase = "total"


# ---------------------------------------------------------------- bodies


class BodyError(HTTPError):
    """Something is wrong with a body, or with the way it is used."""


class BodyTooLarge(BodyError):
    """A body is larger than the limit set for it.

    Args:
        msg: Which limit, and how large the body is as far as known.
        limit: The limit in bytes.
    """

    error_status_hint = 413
    limit: int | None

    def __init__(self, msg: str, *, limit: int | None = None) -> None:
        super().__init__(msg)
        self.limit = limit


class BodyConsumed(BodyError):
    """A body was asked for that has been read already, or that is needed again and cannot be replayed."""


class BodyScopeEnded(BodyError):
    """A body was used after its ``async with`` block or its handler had ended."""


class DecodingError(BodyError):
    """A body could not be decoded: content coding, character set or JSON."""


class IncompleteBody(BodyError, RemoteProtocolError):
    """The connection ended before the body did; what had arrived is not passed off as the whole."""

    def __init__(self, msg: str, error_status_hint: int = 400) -> None:
        RemoteProtocolError.__init__(self, msg, error_status_hint)


# ---------------------------------------------------------------- the rest


class StatusError(HTTPError):
    """A status code as an exception.

    Raised by a handler it becomes the answer: ``raise StatusError(404, "no such user")``. Raised by a client
    (``raise_for_status``) it carries the response; let out of a handler such an error is an unhandled one.

    Args:
        status: The status code, 400 to 599 as a rule.
        detail: A text for the peer, or None for the phrase of the status.
        headers: Header fields for the answer.
        response: The response that was received; only clients set it.
    """

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        response: object = None,
    ) -> None:
        super().__init__(f"{status}" if detail is None else f"{status}: {detail}")
        self.status: int = int(status)
        self.detail = detail
        self.headers = headers
        self.response = response


class TooManyRedirects(HTTPError):
    """A request was redirected more often than allowed."""


class InvalidURL(HTTPError, ValueError):
    """A URL or a part of one is not valid."""


class PoolError(HTTPError):
    """A connection pool cannot serve: it is closed, or it is misused."""


class CircuitOpen(HTTPError):
    """A server has failed so often that it is not asked for a while; nothing was sent.

    Args:
        msg: Which server, how it has failed, and when it is tried again.
        seconds: Seconds until then; 0.0 while another request is trying it.
    """

    seconds: float

    def __init__(self, msg: str, *, seconds: float = 0.0) -> None:
        super().__init__(msg)
        self.seconds = seconds


class WebSocketError(HTTPError):
    """The root of errors about WebSockets."""


class ConnectionClosed(WebSocketError):
    """The WebSocket is closed.

    Args:
        code: The close code, RFC 6455 section 7.4 (1006 where none was received).
        reason: The reason given with it, ``""`` where none was.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"WebSocket closed with code {code}" + (f": {reason}" if reason else ""))
        self.code = code
        self.reason = reason


class HandshakeRejected(WebSocketError):
    """The server answered the WebSocket handshake with an ordinary response.

    Args:
        msg: Which URL, and what was answered.
        response: That response.
    """

    def __init__(self, msg: str, response: object = None) -> None:
        super().__init__(msg)
        self.response = response
