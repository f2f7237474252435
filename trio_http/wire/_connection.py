"""HTTP/1.1 by hand over any trio stream: heads, pieces of bodies and ends, in the order of the wire; either role.

For proxies, tests and protocols that ride on HTTP. Servers and clients do not use it: they have a cheaper way of
their own. Framing, states, limits and deadlines are the same.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, final

import trio

from .. import h1
from .._config import ClientLimits, ClientTimeouts, ServerLimits, ServerTimeouts
from .._errors import DecodingError, IdleTimeout, LocalProtocolError, ReadTimeout, RemoteProtocolError
from ..messages import Body, BodySource, EmptySource
from ..semantics import (
    Headers,
    HeadersInput,
    RequestStartLine,
    ResponseStartLine,
    parse_content_encoding,
    reason_bytes,
)
from ..transport import READ_SIZE, adopt, format_address
from ._decoding import DecodedBody
from ._http1 import HTTP1Stream
from ._incoming import IncomingBody
from ._timing import Timing

__all__ = ["HTTP1Connection", "MessageHead"]


class MessageHead(NamedTuple):
    """The head of a message."""

    start_line: RequestStartLine | ResponseStartLine
    """Method, target and version, or version, code and reason."""
    headers: Headers
    """The fields."""


@final
class HTTP1Connection:
    """One HTTP/1.1 connection, message by message.

    One task may send while another receives. When both sides have finished a message, the next may begin.

    Args:
        stream: A connected stream, TLS done; it belongs to this object from now on.
        role: ``h1.CLIENT`` or ``h1.SERVER``.
        limits: What the peer may send; those of the role by default. Those that are about several connections or
            about requests as such (``connections``, ``concurrency``, ``redirects`` and the like) mean nothing here.
        timeouts: How long to wait for the peer; those of the role by default.
        keep_alive: False to say ``Connection: close`` with the first message; nothing may follow it.
        decompress: Undo content codings of incoming bodies, within ``decompressed`` or ``ratio`` of the limits.
        read_size: Bytes asked for at once; a piece of a body is no longer than that.
        context: Anything of yours, to be found again.

    Attributes:
        context: The same.

    Example:
        >>> async with HTTP1Connection(stream, h1.CLIENT) as connection:
        ...     await connection.send_head(RequestStartLine("GET", "/", "HTTP/1.1"), {"Host": "example.org"})
        ...     await connection.finish()
        ...     head = await connection.receive_response()
        ...     content = await connection.body.read()
    """

    __slots__ = ("_body", "_decompress", "_keep_alive", "_limits", "_role", "_stream", "context")

    def __init__(
        self,
        stream: trio.abc.Stream,
        role: type[h1.CLIENT | h1.SERVER],
        *,
        limits: ServerLimits | ClientLimits | None = None,
        timeouts: ServerTimeouts | ClientTimeouts | None = None,
        keep_alive: bool = True,
        decompress: bool = False,
        read_size: int = READ_SIZE,
        context: object = None,
    ) -> None:
        server = role is h1.SERVER
        limits = limits or (ServerLimits() if server else ClientLimits())
        timeouts = timeouts or (ServerTimeouts() if server else ClientTimeouts())
        timing = Timing(
            type(timeouts).__name__,
            head=timeouts.head if isinstance(timeouts, ServerTimeouts) else timeouts.read,
            idle=timeouts.idle,
            read=timeouts.read,
            write=timeouts.write,
            min_rate=limits.min_rate if isinstance(limits, ServerLimits) else None,
        )
        h1_limits = h1.Limits(head=limits.head, header_count=limits.header_count)
        if isinstance(limits, ServerLimits):
            h1_limits = replace(h1_limits, target=limits.target, chunk_line=limits.chunk_line, trailers=limits.trailers)
        self._limits = limits
        self._role = role
        self._keep_alive = keep_alive
        self._decompress = decompress
        self._stream = HTTP1Stream(adopt(stream), role, limits=h1_limits, timing=timing, read_size=read_size)
        self._body: Body | None = None
        self.context: object = context

    def __repr__(self) -> str:
        return f"<HTTP1Connection: {self._peer()}>"

    async def __aenter__(self) -> HTTP1Connection:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    # ---------------------------------------------------------------- receiving

    async def receive_message(self) -> MessageHead | None:
        """Wait for the next head: of a request as a server, of a response as a client, informational ones too.

        Returns:
            The head, or None if the peer ended the connection between two messages.

        Raises:
            IdleTimeout, ReadTimeout: It did not come in time.
            RemoteProtocolError: The peer broke HTTP.
            ReadError: The connection broke.
            LocalProtocolError: The body of the last message has not been read to its end.
            DecodingError: Its body is to be decoded, and has a coding that is not known here.

        Cancellation:
            Loses nothing.
        """
        self._go_on()
        if self._role is h1.CLIENT:
            response = await self._stream.receive_response()
            headers = Headers.from_items(response.headers.triples)
            line = ResponseStartLine(
                "HTTP/" + response.http_version.decode(), response.status_code, response.reason.decode("latin-1")
            )
            if isinstance(response, h1.Response):
                self._body = Body(self._source("ClientLimits.body", headers))
            return MessageHead(line, headers)
        request = await self._request()
        if request is None:
            return None
        headers = Headers.from_items(request.headers.triples)
        self._body = Body(self._source("ServerLimits.body", headers))
        version = "HTTP/" + request.http_version.decode()
        start = RequestStartLine(request.method.decode(), request.target.decode("latin-1"), version)
        return MessageHead(start, headers)

    async def receive_response(self) -> MessageHead:
        """Wait for the head of the final response; informational ones are passed over, as many as the limits allow.

        Raises:
            As :meth:`receive_message`; RemoteProtocolError also if the peer ended the connection.
        """
        most = self._limits.informational if isinstance(self._limits, ClientLimits) else None
        passed = 0
        while True:
            head = await self.receive_message()
            if head is None or isinstance(head.start_line, RequestStartLine):
                raise LocalProtocolError("receive_response() is for clients; servers receive requests")
            if head.start_line.status >= 200:
                return head
            passed += 1
            if most is not None and passed > most:
                stream = self._stream
                raise stream.failed(
                    RemoteProtocolError(
                        f"{stream.about()}: more than {most} informational responses before the final one "
                        "(ClientLimits.informational)"
                    )
                )

    @property
    def body(self) -> Body:
        """The body of the message whose head was received last.

        Raises:
            LocalProtocolError: None was.
        """
        if self._body is None:
            raise LocalProtocolError("no head has been received yet, so there is no body")
        return self._body

    async def _request(self) -> h1.Request | None:
        stream = self._stream
        timing = stream.timing
        if stream.exchanges and not stream.core.buffered:
            await self._begin_of_next(timing.idle)
        with trio.CancelScope(deadline=_deadline(timing.head)):
            return await stream.receive_request()
        text = f"{self._peer()}: the head of a request is not complete after {timing.head:g} s"
        raise stream.failed(ReadTimeout(f"{text} ({timing.owner}.head={timing.head:g})", limit=timing.head))

    async def _begin_of_next(self, idle: float | None) -> None:
        stream = self._stream
        with trio.CancelScope(deadline=_deadline(idle)):
            stream.core.receive_data(await stream.transport.receive(stream.read_size))
            return
        text = f"{self._peer()}: no next request for {idle:g} s ({stream.timing.owner}.idle={idle:g})"
        raise stream.failed(IdleTimeout(text, limit=idle))

    def _peer(self) -> str:
        return f"connection with {format_address(self._stream.transport.peer)}"

    def _source(self, what: str, headers: Headers) -> BodySource:
        stream = self._stream
        if stream.core.their_state is not h1.SEND_BODY:
            return EmptySource()
        limits = self._limits
        source = IncomingBody(stream, limit=limits.body, what=what)
        codings = parse_content_encoding(headers.get("content-encoding")) if self._decompress else []
        if not codings:
            return source
        try:
            if isinstance(limits, ServerLimits):
                return DecodedBody(source, codings, limits.decompressed, stream.failed)
            return DecodedBody(source, codings, limits.body, stream.failed, ratio=limits.ratio)
        except DecodingError as error:
            raise stream.failed(error) from None

    # ---------------------------------------------------------------- sending

    async def send_head(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HeadersInput | None = None,
        first_chunk: bytes = b"",
    ) -> None:
        """Send the head of a message, and the beginning of its body with it.

        A request whose body is to follow needs Content-Length or ``Transfer-Encoding: chunked`` among its fields;
        a response without either is framed as the peer understands it.

        Raises:
            LocalProtocolError: It is not valid, or not this side's turn.
            WriteTimeout, WriteError: The peer takes no bytes, or is gone.

        Cancellation:
            The connection can only be closed then, unless nothing had been sent.
        """
        self._go_on()
        stream = self._stream
        fields = Headers(headers)
        if not self._keep_alive and not (isinstance(start_line, ResponseStartLine) and start_line.status < 200):
            fields["connection"] = "close"
        items = h1.Headers(fields.items_list)
        event: h1.Event
        if isinstance(start_line, RequestStartLine):
            event = h1.Request(method=start_line.method, target=start_line.target, headers=items)
            stream.subject = f"{start_line.method} {start_line.target}"
            stream.exchanges += 1
        else:
            reason = start_line.reason.encode("latin-1") or reason_bytes(start_line.status)
            kind = h1.Response if start_line.status >= 200 else h1.InformationalResponse
            event = kind(status_code=start_line.status, headers=items, reason=reason)
        pieces = list(stream.core.send_with_data_passthrough(event) or ())
        if first_chunk:
            pieces += stream.core.send_with_data_passthrough(h1.Data(data=first_chunk)) or ()
        await stream.send_pieces(pieces)

    async def send_data(self, chunk: bytes) -> None:
        """Send a piece of the body.

        Raises:
            LocalProtocolError: It is longer than declared, or no body is being sent.
            WriteTimeout, WriteError: The peer takes no bytes, or is gone.
        """
        if chunk:
            await self._stream.send_event(h1.Data(data=chunk))
        else:
            await trio.lowlevel.checkpoint()

    async def finish(self, trailers: HeadersInput | None = None) -> None:
        """End the message.

        Raises:
            LocalProtocolError: The body is shorter than declared, or trailers cannot be sent here.
            WriteTimeout, WriteError: The peer takes no bytes, or is gone.
        """
        items = [] if trailers is None else Headers(trailers).items_list
        await self._stream.send_event(h1.EndOfMessage(headers=h1.Headers(items)))

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    def _go_on(self) -> None:
        if self._stream.reusable:
            self._stream.next_exchange()


def _deadline(seconds: float | None) -> float:
    return math.inf if seconds is None else trio.current_time() + seconds
