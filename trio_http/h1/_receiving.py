"""The receiving half of a connection: what comes next, and from bytes to the events of heads."""

from .._errors import LocalProtocolError, RemoteProtocolError
from .._grammar import is_host, is_token
from ._bodies import Bodies
from ._careful import find_end, read_request_head, read_response_head
from ._events import ConnectionClosed, EndOfMessage, Event, InformationalResponse, Request, Response
from ._exchange import CHUNKED, COUNTED, UNTIL_CLOSE
from ._head import METHODS, STATUS_CODES, Found, Triples, has_token, read_fields
from ._headers import LENGTH_DIGITS_MAX, Headers
from ._sentinels import (
    DONE,
    ERROR,
    IDLE,
    MIGHT_SWITCH_PROTOCOL,
    NEED_DATA,
    PAUSED,
    SEND_BODY,
    SEND_RESPONSE,
    SWITCH_CONNECT,
    SWITCH_UPGRADE,
    SWITCHED_PROTOCOL,
)
from ._state import START

_CLOSED = ConnectionClosed()

_new = object.__new__


class Receiving(Bodies):
    """A connection as far as it receives."""

    __slots__ = ()

    # declared in Exchange too; again here, where they are assigned, for type checkers that infer from that
    client_is_waiting_for_100_continue: bool
    their_http_version: bytes | None

    # ---------------------------------------------------------------- events out

    def next_event(self) -> type[NEED_DATA | PAUSED] | Event:
        """Parse the next event out of what was received.

        Returns:
            The event; or :data:`NEED_DATA`: none is complete; or :data:`PAUSED`: what there is cannot be read before
            the next exchange begins (:meth:`Connection.start_next_cycle`) or the protocol is switched.

        Raises:
            RemoteProtocolError: The peer broke the protocol; ``error_status_hint`` says what a server should answer.
                Their state is then ERROR, and each further call raises again.
        """
        if self._stalled:
            return NEED_DATA
        now = self._now
        state = now.server if self._is_client else now.client
        try:
            if state is SEND_BODY:
                kind = self._in_kind
                if kind is COUNTED:
                    return self._next_counted()
                return self._next_chunked() if kind is CHUNKED else self._next_until_close()
            if state is IDLE or state is SEND_RESPONSE:
                return self._next_head()
            return self._next_between()
        except BaseException as error:
            self._now = self._now.failed(self.their_role)
            if isinstance(error, LocalProtocolError):
                # the tables do not know whose fault it is; here it is the peer's
                raise RemoteProtocolError(str(error), error.error_status_hint) from None
            raise

    def receive_head(
        self,
    ) -> type[NEED_DATA | PAUSED] | Request | InformationalResponse | Response | ConnectionClosed:
        """Like :meth:`next_event` for a head, but swallow the end of a message that has no body.

        If no body follows, the peer's state is already that after its message (DONE, MUST_CLOSE, or one of switching)
        when this returns; if one follows it is SEND_BODY, and :meth:`next_event` gives Data and EndOfMessage.

        Returns:
            The head, or that there is none: see :meth:`next_event`.

        Raises:
            RemoteProtocolError: As :meth:`next_event`.
            LocalProtocolError: A body must be read first.
        """
        now = self._now
        if (now.server if self._is_client else now.client) is SEND_BODY:
            raise LocalProtocolError("receive_head() in the middle of a message: read its body with next_event() first")
        if self._stalled:
            return NEED_DATA
        event = self.next_event()
        if self._in_kind is COUNTED and not self._in_left:
            now = self._now
            if self._is_client:
                if now.server is SEND_BODY:
                    self._now = now.on_server[EndOfMessage]
            elif now.client is SEND_BODY:
                self._now = now.on_client[EndOfMessage]
                self.client_is_waiting_for_100_continue = False
        return event  # type: ignore[return-value]  # a body was excluded above

    def receive_plain_request(self, data: bytes) -> Request | None:
        """Take the commonest thing that a server receives, by a short way: one piece that is one whole head.

        It is the same as :meth:`receive_data` and :meth:`receive_head`, or not at all.

        Args:
            data: Bytes that were received.

        Returns:
            The request, or None: then nothing has changed, and the bytes are a case for :meth:`receive_data`.
        """
        # Hot: once per request of a server. It passes by what only pieces and pipelines need: a fifth of the receiving.
        if (
            self._now is not START
            or self._is_client
            or self._pos != len(self._data)
            or self._closed
            or data.find(b"\r\n\r\n") != len(data) - 4
            or data[0] < 0x21
        ):
            return None
        event = self._plain_request(data[:-4])
        if event is None:
            return None
        self._stalled = self._skipped_crlf = False
        if self._in_kind is COUNTED and not self._in_left and (now := self._now).client is SEND_BODY:
            self._now = now.on_client[EndOfMessage]
            self.client_is_waiting_for_100_continue = False
        return event

    # ---------------------------------------------------------------- between messages

    def _next_between(self) -> type[NEED_DATA | PAUSED] | Event:
        state = self.their_state
        if state is ERROR:
            raise RemoteProtocolError("nothing can be received: the peer has broken the protocol before")
        some = self._pos < len(self._data)
        if (state is DONE and some) or state is MIGHT_SWITCH_PROTOCOL or state is SWITCHED_PROTOCOL:
            return PAUSED
        if some:
            raise RemoteProtocolError("got data after the last message of the connection; expected its end")
        return self._end_of_stream() if self._closed else NEED_DATA

    def _end_of_stream(self) -> ConnectionClosed:
        now = self._now
        self._now = (now.on_server if self._is_client else now.on_client)[ConnectionClosed]
        return _CLOSED

    # ---------------------------------------------------------------- heads

    def _next_head(self) -> type[NEED_DATA | PAUSED] | Event:
        data = self._data
        pos = self._pos
        scanned = self._scanned
        end = data.find(b"\r\n\r\n", scanned - 3 if scanned > pos + 3 else pos)
        # A first byte that can begin no head, and heads that need another look, are none of the plain ones.
        if end < 0 or data[pos] < 0x21:
            return self._next_odd_head()
        head = data[pos:end]
        if type(head) is not bytes:
            head = bytes(head)
        event = self._plain_response(head) if self._is_client else self._plain_request(head)
        if event is None:
            return self._next_odd_head()
        self._consume(end + 4)
        return event

    def _next_odd_head(self) -> type[NEED_DATA | PAUSED] | Event:
        """Read a head that is incomplete, or is not plain."""
        data = self._data
        pos = self._pos
        size = len(data) - pos
        if not size:
            return self._end_of_stream() if self._closed else NEED_DATA
        what = "response" if self._is_client else "request"
        first = data[pos]
        if first < 0x21:
            # RFC 9112 section 2.2: a server should ignore at least one empty line before a request: we do one
            if first == 0x0D and self._profile.strict and not self._is_client and not self._skipped_crlf:
                if size == 1:
                    return self._wait(most=0)  # whatever comes next decides
                if data[pos + 1] == 0x0A:
                    self._consume(pos + 2)
                    self._skipped_crlf = True
                    return self._next_head()
            raise RemoteProtocolError(
                f"no {what} begins with the byte 0x{first:02x}; is the peer speaking TLS, or sending more than it said?"
            )
        end = find_end(data, pos, self._scanned, self._profile)
        if end < 0:
            return self._wait(most=self._check_incomplete(what))
        head = bytes(data[pos:end])
        event: Event
        if self._is_client:
            version, code, reason, triples, found = read_response_head(head, self._profile)
            event = self._respond(version, code, reason, triples, found)
        else:
            method, target, version, triples, found = read_request_head(head, self._profile)
            event = self._request(method, target, version, triples, found)
        self._consume(end)
        return event

    def _plain_request(self, head: bytes) -> Request | None:
        parts = read_fields(head)
        if parts is None:
            return None
        start, triples, found = parts
        try:
            method, target, version = start.split(b" ")
        except ValueError:
            return None
        profile = self._profile
        if (
            version != b"HTTP/1.1"
            or (method not in METHODS and not is_token(method))
            or not target.isascii()
            or b"\t" in target
            or not target
            or b"host" not in found
            or len(head) + 4 > profile.head
            or len(target) > profile.target
            or len(triples) > profile.header_count
        ):
            return None
        if profile.strict:
            if target[0] != 0x2F or method == b"CONNECT":  # no path: "*", host:port or an absolute URI
                return None
            host = found[b"host"]
            if host != self._host:
                if not is_host(host):
                    return None
                self._host = host
        if len(found) > 1 and not self._is_plain(found):
            return None
        return self._request(method, target, b"1.1", triples, found)

    def _plain_response(self, head: bytes) -> Event | None:
        parts = read_fields(head)
        if parts is None:
            return None
        start, triples, found = parts
        try:
            version, digits, reason = start.split(b" ", 2)
        except ValueError:
            return None
        profile = self._profile
        code = STATUS_CODES.get(digits)
        if (
            code is None
            or version != b"HTTP/1.1"
            or len(head) + 4 > profile.head
            or len(triples) > profile.header_count
            or (found and not self._is_plain(found))
        ):
            return None
        return self._respond(b"1.1", code, reason, triples, found)

    def _is_plain(self, found: Found) -> bool:
        """Tell whether the framing is free of oddities."""
        length = found.get(b"content-length")
        coding = found.get(b"transfer-encoding")
        if coding is None:
            return length is None or (length.isdigit() and len(length) <= LENGTH_DIGITS_MAX)
        return coding == b"chunked" and length is None

    def _request(self, method: bytes, target: bytes, version: bytes, triples: Triples, found: Found) -> Request:
        """Make the event, and take all that follows from it; everything is valid."""
        event: Request = _new(Request)
        event._method = method
        event._target = target
        event._headers = headers = _new(Headers)
        headers.triples = triples
        event._http_version = version
        self._in_kind = COUNTED
        self._in_left = self._in_length = 0
        now = self._now
        keep_alive = True
        expects = False
        if len(found) > 1 or version != b"1.1" or method == b"CONNECT":
            if b"transfer-encoding" in found:
                self._begin_chunked()
            elif b"content-length" in found:
                self._in_left = self._in_length = int(found[b"content-length"])
            if method == b"CONNECT":
                now = now.proposing(SWITCH_CONNECT)
            if found.get(b"upgrade", b"").strip(b", \t") and (version >= b"1.1" or not self._profile.strict):
                now = now.proposing(SWITCH_UPGRADE)  # in HTTP/1.0 it is not to be seen: RFC 9110 section 7.8
            if version < b"1.1":
                keep_alive = False
            else:
                connection = found.get(b"connection")
                if connection is not None and has_token(connection, b"close"):
                    keep_alive = False
                expects = b"expect" in found and has_token(found[b"expect"], b"100-continue")
        now = now.on_client[Request]
        self._request_method = method
        self.their_http_version = version
        self._their_keep_alive = keep_alive
        if expects:
            self.client_is_waiting_for_100_continue = True
        self._now = now if keep_alive else now.not_kept()
        return event

    def _respond(
        self, version: bytes, code: int, reason: bytes, triples: Triples, found: Found
    ) -> Response | InformationalResponse:
        """Make the event, and take all that follows from it; everything is valid."""
        event: Response | InformationalResponse = _new(Response) if code >= 200 else _new(InformationalResponse)
        event._status_code = code
        event._reason = reason
        event._headers = headers = _new(Headers)
        headers.triples = triples
        event._http_version = version
        now = self._now
        if code < 200:
            moves = now.on_server
            self._now = moves[InformationalResponse] if code != 101 else moves[InformationalResponse, SWITCH_UPGRADE]
            self._in_kind = COUNTED
            self._in_left = self._in_length = 0
            self._informed(code)
        else:
            method = self._request_method
            self._in_kind = COUNTED
            self._in_left = 0
            if code == 204 or code == 304 or method == b"HEAD" or (method == b"CONNECT" and code < 300):
                self._in_length = 0
                if method == b"CONNECT" and code < 300 and SWITCH_CONNECT in now.proposals:
                    now = now.on_server[Response, SWITCH_CONNECT]
                else:
                    now = now.on_server[Response]
            else:
                now = now.on_server[Response]
                if b"transfer-encoding" in found:
                    self._begin_chunked()
                elif b"content-length" in found:
                    self._in_left = self._in_length = int(found[b"content-length"])
                else:
                    self._in_kind = UNTIL_CLOSE
                    self._in_length = None
            self._their_keep_alive = keep_alive = not (
                version < b"1.1" or (b"connection" in found and has_token(found[b"connection"], b"close"))
            )
            self._now = now if keep_alive else now.not_kept()
            self.client_is_waiting_for_100_continue = False
        self.their_http_version = version
        return event
