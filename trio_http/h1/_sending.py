"""The sending half of a connection: from events to bytes.

How it works: :meth:`Sending._response_head` and :meth:`Sending._request_head` work out the bytes, the framing of the
body and the situation that follows, and change nothing; the callers commit when all is well. So a message that
cannot be sent leaves :meth:`Sending.send_message` without a trace. (:meth:`Sending.send` goes to ERROR instead,
because h11 does.)
"""

from __future__ import annotations

from typing import NoReturn, overload

from .._errors import LocalProtocolError
from ._events import ConnectionClosed, Data, EndOfMessage, Event, InformationalResponse, Request, Response
from ._exchange import CHUNKED, COUNTED, UNTIL_CLOSE, Exchange
from ._head import FRAMING, Found, Triples, has_token, survey
from ._headers import Headers
from ._sentinels import CLOSED, ERROR, IDLE, SEND_BODY, SWITCH_CONNECT, SWITCH_UPGRADE
from ._state import START, Situation

__all__ = ["Sending"]

# methods whose requests tell their length even if it is 0 (RFC 9110 section 8.6)
_WITH_CONTENT = frozenset({b"POST", b"PUT", b"PATCH"})

_BODY_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_NONE: frozenset[bytes] = frozenset()

# What a plain answer must leave alone: the fields that frame it, those about the connection, and those that come with
# what the caller adds.
_NOT_PLAIN = FRAMING | {b"date", b"keep-alive", b"proxy-connection", b"server"}
# A whole request has come and the connection goes on; and the same after a whole answer.
_ASKED = START.on_client[Request].on_client[EndOfMessage]
_ANSWERED = _ASKED.on_server[Response].on_server[EndOfMessage]

# bytes, kind of body, bytes of a counted body, situation after the head
_Head = tuple[bytes, int, int, Situation]


# Status lines that were sent before, by status and reason. Bounded: reasons come from users.
_LINES_MAX = 256
_status_lines: dict[tuple[int, bytes], bytes] = {}


def _status_line(status: int, reason: bytes) -> bytes:
    line = b"HTTP/1.1 %d %b\r\n" % (status, reason)
    if len(_status_lines) < _LINES_MAX:
        _status_lines[status, reason] = line
    return line


def _add_fields(parts: list[bytes], triples: Triples) -> None:
    """Add the lines of the fields; a Host field goes first (RFC 9110 section 7.2)."""
    if len(triples) > 1:
        triples = sorted(triples, key=_host_first)
    for raw, _, value in triples:
        # half the price of one `%` for each line
        parts += (raw, b": ", value, b"\r\n")


def _host_first(triple: tuple[bytes, bytes, bytes]) -> bool:
    return triple[1] != b"host"


class Sending(Exchange):
    """A connection as far as it sends."""

    __slots__ = ()

    # declared in Exchange too; again here, where it is assigned, for type checkers that infer from that
    client_is_waiting_for_100_continue: bool

    # ---------------------------------------------------------------- events in, bytes out

    @overload
    def send(self, event: ConnectionClosed) -> None: ...
    @overload
    def send(self, event: Request | InformationalResponse | Response | Data | EndOfMessage) -> bytes: ...
    @overload
    def send(self, event: Event) -> bytes | None: ...
    def send(self, event: Event) -> bytes | None:
        """Turn an event into the bytes to be sent, and go on to the state that follows.

        Returns:
            The bytes, perhaps none; None for :class:`ConnectionClosed`: close the connection, or its sending side.

        Raises:
            LocalProtocolError: The event is not possible now. Our state is then ERROR.
        """
        if type(event) is Data and type(event._data) is bytes and not self._is_client:
            # A body goes out by this door piece by piece, so it is a short way for servers.
            now = self._now
            left = self._out_left
            if now.server is SEND_BODY and self._out_kind is COUNTED and len(event._data) <= left:
                self._out_left = left - len(event._data)
                return event._data
        parts = self.send_with_data_passthrough(event)
        if parts is None:
            return None
        if len(parts) == 1 and type(parts[0]) is bytes:
            return parts[0]
        return b"".join(parts)

    def send_with_data_passthrough(self, event: Event) -> list[bytes] | None:
        """Like :meth:`send`, but return the pieces; that of a Data event is the very object that it holds.

        Such an object need not hold bytes; a length is enough.

        Raises:
            LocalProtocolError: As :meth:`send`.
        """
        self._stalled = False
        now = self._now
        moves = now.on_client if self._is_client else now.on_server
        try:
            kind = type(event)
            if kind is Data:
                moves[Data]
                return self._send_data(event._data)  # type: ignore[attr-defined]  # kind says so
            if kind is EndOfMessage:
                self._now = moves[EndOfMessage]
                if self._is_client:
                    self.client_is_waiting_for_100_continue = False
                return self._send_end(event._headers)  # type: ignore[attr-defined]  # kind says so
            if kind is Response:
                parts = self._send_head(self._response_head(event, None))  # type: ignore[arg-type]  # kind says so
                self._check_version(event._http_version)  # type: ignore[attr-defined]  # kind says so
                return parts
            if kind is Request:
                parts = self._send_head(self._request_head(event, None))  # type: ignore[arg-type]  # kind says so
                self._asked(event)  # type: ignore[arg-type]  # kind says so
                return parts
            if kind is InformationalResponse:
                return self._send_informational(event)  # type: ignore[arg-type]  # kind says so
            self._now = moves[kind]
            return None
        except BaseException:
            self._now = self._now.failed(self.our_role)
            raise

    def send_failed(self) -> None:
        """Note that bytes given out by us could not be sent: our state becomes ERROR."""
        self._stalled = False
        self._now = self._now.failed(self.our_role)

    def send_message(self, head: Request | Response, body: bytes = b"") -> bytes:
        """Turn a whole message into bytes: head, body and end, in one call.

        A head with neither Content-Length nor Transfer-Encoding gets ``Content-Length``, where the message may have
        one: not responses with status 204 or 304 or to a successful CONNECT, and requests only if they have a body or
        their method is POST, PUT or PATCH. ``Connection: close`` is added where the connection cannot be kept. The
        answer to HEAD keeps the fields it would have with GET, and its body is dropped.

        Args:
            head: The head.
            body: The whole body.

        Returns:
            The bytes to be sent.

        Raises:
            LocalProtocolError: The message is not possible now, or the body is not as long as the head says. Nothing
                has changed then: another message can be sent instead.
        """
        parts = self.send_message_parts(head, body)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def send_message_parts(self, head: Request | Response, body: bytes = b"") -> list[bytes]:
        """Like :meth:`send_message`, but return the pieces, so that a large body is not copied.

        Raises:
            LocalProtocolError: As :meth:`send_message`.
        """
        size = len(body)
        if type(head) is Response:
            start, kind, left, now = self._response_head(head, size)
            if self._request_method == b"HEAD":
                body = b""
                size = 0
            after = now.on_server
        elif type(head) is Request:
            start, kind, left, now = self._request_head(head, size)
            after = now.on_client
        else:
            raise LocalProtocolError(f"send_message() takes a Request or a Response, not {type(head).__name__}")
        self._check_version(head._http_version)
        if kind is COUNTED and size != left:
            self._bad_length(size, left)
        if now.client is SEND_BODY if self._is_client else now.server is SEND_BODY:
            now = after[EndOfMessage]
        self._stalled = False
        self._now = now
        if self._is_client:
            self._request_method = head._method  # type: ignore[union-attr]  # clients send requests
        self.client_is_waiting_for_100_continue = False
        if kind is CHUNKED:
            return [start, b"%x\r\n" % size, body, b"\r\n0\r\n\r\n"] if size else [start, b"0\r\n\r\n"]
        return [start, body] if size else [start]

    def send_plain_answer(self, status: int, reason: bytes, triples: Triples, more: bytes, body: bytes) -> bytes | None:
        """Turn the commonest answer of a server into bytes, by a short way: like :meth:`send_message`, or not at all.

        The way is taken if the whole request has been received, the connection goes on, a body is allowed, and no
        field of the answer is about framing, the connection or the date.

        Args:
            status: The status code, 200 to 999.
            reason: The reason phrase, known to be valid.
            triples: The fields, known to be valid.
            more: Lines to add behind them, each with its CRLF, known to be valid.
            body: The whole body.

        Returns:
            The bytes to be sent, or None: then nothing has changed, and it is a case for :meth:`send_message`.
        """
        # Hot: 1 us with one field. One list and one join, no event, no second look at the fields.
        method = self._request_method
        if self._now is not _ASKED or method == b"HEAD" or method == b"CONNECT" or status == 204 or status == 304:
            return None
        parts = [_status_lines.get((status, reason)) or _status_line(status, reason)]
        for raw, lower, value in triples:
            if lower in _NOT_PLAIN:
                return None
            parts += (raw, b": ", value, b"\r\n")
        parts += (more, b"Content-Length: %d\r\n\r\n" % len(body), body)
        self._stalled = False
        self._out_kind = COUNTED
        self._out_left = 0
        self._now = _ANSWERED
        return b"".join(parts)

    def send_plain_request(self, method: bytes, message: bytes) -> bytes | None:
        """Send once more a request that :meth:`send_message` has made: no body, nothing about the connection in it.

        The bytes of a request do not depend on the connection, so they can be kept; only the states are gone through.

        Args:
            method: The method; not CONNECT.
            message: What :meth:`send_message` returned for it, on any connection.

        Returns:
            The bytes to be sent, or None: then nothing has changed, and it is a case for :meth:`send_message`.
        """
        if self._now is not START:
            return None
        self._stalled = False
        self._out_kind = COUNTED
        self._out_left = 0
        self._request_method = method
        self._now = _ASKED
        return message

    # ---------------------------------------------------------------- heads

    def _send_head(self, head: _Head) -> list[bytes]:
        start, self._out_kind, self._out_left, self._now = head
        if not self._is_client:
            self.client_is_waiting_for_100_continue = False
        return [start]

    def _asked(self, request: Request) -> None:
        """Remember what the answer to a request depends on."""
        self._request_method = request._method
        self._check_version(request._http_version)
        for _, lower, value in request._headers.triples:
            if lower == b"expect" and has_token(value, b"100-continue"):
                self.client_is_waiting_for_100_continue = True

    def _send_informational(self, event: InformationalResponse) -> list[bytes]:
        moves = self._now.on_server if not self._is_client else self._now.on_client
        if event._status_code == 101 and not self._is_client:
            now = moves[InformationalResponse, SWITCH_UPGRADE]
        else:
            now = moves[InformationalResponse]
        start = [_status_line(event._status_code, event._reason)]
        _add_fields(start, event._headers.triples)
        start.append(b"\r\n")
        self._now = now
        self._informed(event._status_code)
        self._check_version(event._http_version)
        return [b"".join(start)]

    def _check_version(self, version: bytes) -> None:
        if version != b"1.1":
            raise LocalProtocolError(f"only HTTP/1.1 is sent, not {version!r}")

    def _request_head(self, event: Request, size: int | None) -> _Head:
        """Work out the head of a request; ``size`` is that of its whole body, if it is known."""
        now = self._now
        triples = event._headers.triples
        method = event._method
        found = survey(triples)
        if method == b"CONNECT":
            now = now.proposing(SWITCH_CONNECT)
        if len(found) > 1 and found.get(b"upgrade", b"").strip(b", \t"):
            now = now.proposing(SWITCH_UPGRADE)
        now = now.on_client[Request] if self._is_client else now.on_server[Request]
        if b"connection" in found and has_token(found[b"connection"], b"close"):
            now = now.not_kept()
        parts = [method, b" ", event._target, b" HTTP/1.1\r\n"]
        if not triples or triples[0][1] == b"host":  # nobody else may be one: a request has at most one
            for raw, _, value in triples:
                parts += (raw, b": ", value, b"\r\n")
        else:
            _add_fields(parts, triples)
        kind = COUNTED
        left = 0
        if b"transfer-encoding" in found:
            if self._profile.strict and b"content-length" in found:
                raise LocalProtocolError("both Content-Length and Transfer-Encoding; give one (RFC 9112 section 6.1)")
            kind = CHUNKED
        elif b"content-length" in found:
            left = int(found[b"content-length"])
        elif size or (size is not None and method in _WITH_CONTENT):
            left = size
            parts.append(b"Content-Length: %d\r\n" % size)
        parts.append(b"\r\n")
        return b"".join(parts), kind, left, now

    def _response_head(self, event: Response, size: int | None) -> _Head:
        """Work out the head of a response; ``size`` is that of its whole body, if it is known.

        As h11 does, framing fields are made right: a body of unknown length is chunked for a peer that speaks
        HTTP/1.1, and for others ends with the connection; ``Connection: close`` is added where it must be.
        """
        now = self._now
        triples = event._headers.triples
        status = event._status_code
        method = self._request_method
        reason = event._reason
        line = _status_lines.get((status, reason)) or _status_line(status, reason)
        # One pass finds what matters and writes the lines; if fields must go or change places they are written again.
        parts = [line]
        found: Found = {}
        for raw, lower, value in triples:
            if lower in FRAMING:
                found[lower] = found[lower] + b"," + value if lower in found else value
            parts += (raw, b": ", value, b"\r\n")
        kind = COUNTED
        left = 0
        added = b""
        drop: frozenset[bytes] = _NONE
        close = not now.keep_alive
        length = found.get(b"content-length")
        if status == 204 or status == 304 or (method == b"CONNECT" and status < 300):
            if size:
                self._no_content(status, size)
        elif length is not None and b"transfer-encoding" not in found:
            left = int(length)
        elif size is not None and (b"transfer-encoding" not in found or not self._peer_knows_chunked()):
            # the whole body is here, so its length is known; an answer to HEAD without one says nothing
            left = size
            drop = _BODY_FRAMING
            if size or method != b"HEAD":
                added = b"Content-Length: %d\r\n" % size
        else:
            drop = _BODY_FRAMING
            if self._peer_knows_chunked():
                kind = CHUNKED
                added = b"Transfer-Encoding: chunked\r\n"
            else:
                kind = UNTIL_CLOSE
                close = close or method != b"HEAD"
        connection = found.get(b"connection")
        if size is not None and (now.client is ERROR or now.client is CLOSED or now.client is IDLE):
            close = True
        if close:
            tokens = set()
            if connection is not None:
                tokens = {token for piece in connection.lower().split(b",") if (token := piece.strip())}
                tokens.discard(b"keep-alive")
                drop |= {b"connection"}
            added += b"".join([b"Connection: %b\r\n" % token for token in sorted(tokens | {b"close"})])
        elif connection is not None and has_token(connection, b"close"):
            close = True
        if self._is_client:
            now = now.on_client[Response]
        elif method == b"CONNECT" and status < 300 and SWITCH_CONNECT in now.proposals:
            now = now.on_server[Response, SWITCH_CONNECT]
        else:
            now = now.on_server[Response]
        if close:
            now = now.not_kept()
        if method == b"HEAD":
            kind = COUNTED
            left = 0
        if b"host" in found or (drop and not drop.isdisjoint(found)):
            parts = [line]
            _add_fields(parts, [triple for triple in triples if triple[1] not in drop])
        parts.append(added + b"\r\n" if added else b"\r\n")
        return b"".join(parts), kind, left, now

    def _peer_knows_chunked(self) -> bool:
        # Without a valid request we know nothing of the peer, and assume the worst.
        version = self.their_http_version
        return version is not None and version >= b"1.1"

    def _no_content(self, status: int, size: int) -> NoReturn:
        raise LocalProtocolError(f"a response with status {status} here has no body; {size} bytes were given")

    def _bad_length(self, size: int, left: int) -> NoReturn:
        raise LocalProtocolError(f"the body is {size} bytes long, but its Content-Length says {left}")

    # ---------------------------------------------------------------- bodies

    def _send_data(self, data: bytes) -> list[bytes]:
        # `data` may be anything with a length, so nothing else is asked of it
        if self._is_client:
            self.client_is_waiting_for_100_continue = False
        kind = self._out_kind
        if kind is CHUNKED:
            size = len(data)
            # a chunk of no bytes would be the end of the body
            return [b"%x\r\n" % size, data, b"\r\n"] if size else []
        if kind is COUNTED:
            self._out_left = left = self._out_left - len(data)
            if left < 0:
                raise LocalProtocolError(f"Too much data for declared Content-Length: {-left} bytes more than it says")
        return [data]

    def _send_end(self, trailers: Headers) -> list[bytes]:
        kind = self._out_kind
        if kind is CHUNKED:
            if not trailers.triples:
                return [b"0\r\n\r\n"]
            parts = [b"0\r\n"]
            _add_fields(parts, trailers.triples)
            return [*parts, b"\r\n"]
        if kind is COUNTED and self._out_left:
            raise LocalProtocolError(
                f"Too little data for declared Content-Length: {self._out_left} bytes fewer than it says"
            )
        if trailers.triples:
            raise LocalProtocolError("trailers can only be sent with Transfer-Encoding: chunked to an HTTP/1.1 peer")
        return []
