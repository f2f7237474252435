"""The receiving half of a connection: from bytes to events.

How it works: while one piece of received bytes suffices, the buffer is that very object and an offset into it; so a
body that arrives in pieces of its own is handed out without a copy, and pipelined heads are cut from one object.
Only when an event is cut by the end of a piece does the buffer become a bytearray that grows. Nothing is ever
searched twice: ``_scanned`` says how far the search for the end of a head has come, ``_lines`` how many lines it has
passed. While a head is incomplete, ``_stalled`` is set and pieces without a line feed cost one test each.

Limits are judged on the bytes of the section they belong to, from its first byte, never on the buffer: the same
bytes have the same outcome however they were cut.
"""

from __future__ import annotations

from .._errors import IncompleteBody, LocalProtocolError, RemoteProtocolError
from ..semantics._grammar import VALUE_BYTES, is_host, is_token
from ._careful import check_limits, find_end, read_request_head, read_response_head, read_trailers
from ._events import ConnectionClosed, Data, EndOfMessage, Event, InformationalResponse, Request, Response
from ._exchange import CHUNKED, COUNTED, UNTIL_CLOSE, Exchange
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

__all__ = ["Receiving"]

# where the reader of a chunked body stands
_SIZE = 0  # before the line with the size of a chunk
_DATA = 1  # inside a chunk
_DATA_END = 2  # before the CRLF behind the bytes of a chunk
_TRAILERS = 3  # behind the last chunk
_DATA_BEGIN = 4  # behind the size of a chunk, none of whose bytes has arrived

# A buffer that grows at its end while it is read from its beginning is moved to the front when more than this, and
# more than half of it, has been read.
_COMPACT = 65536

# Chunk sizes as they were written, with their value: plain ones only. Bounded, so that a peer cannot grow it.
_SIZES_MAX = 1024
_sizes: dict[bytes, int] = {}
_HEX = b"0123456789abcdefABCDEF"
_NOT_LF = bytes(byte for byte in range(256) if byte != 0x0A)

# The events without content; they cannot be changed, so there is one of each.
_END = EndOfMessage()
_CLOSED = ConnectionClosed()

_new = object.__new__


class Receiving(Exchange):
    """A connection as far as it receives."""

    __slots__ = ()

    # ---------------------------------------------------------------- bytes in

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes that were received; :meth:`next_event` then says what they mean.

        Args:
            data: The bytes. None at all (``b""``) means that the peer has closed its side.

        Raises:
            RuntimeError: Bytes arrive after the end.
        """
        if self._stalled and type(data) is bytes and data:
            # The middle of a head or trailer section. Byte by byte this is nearly all that happens, so it costs one
            # append and few tests.
            held = self._data
            if 10 in data:
                # Without rules about single lines only the blank line at the end is worth another look.
                at = max(0, len(held) - 2)
                held += data
                if self._profile.looks_at_lines or held.find(b"\n\r\n", at) >= 0 or held.find(b"\n\n", at) >= 0:
                    self._stalled = False
            else:
                held += data
            if len(held) > self._stall_size:
                self._stalled = False
            return
        if type(data) is not bytes:
            data = bytes(data)
        self._stalled = False
        if not data:
            self._closed = True
            return
        if self._closed:
            raise RuntimeError("bytes were received after the end of the stream (receive_data was called with b'')")
        held = self._data
        pos = self._pos
        if pos == len(held):
            self._data = data
            self._pos = self._scanned = 0
            return
        if type(held) is bytes:
            self._data = held = bytearray(held[pos:])
            self._pos = 0
            self._scanned = max(0, self._scanned - pos)
        elif pos > _COMPACT and pos > len(held) >> 1:
            del held[:pos]  # type: ignore[union-attr]  # it is a bytearray
            self._pos = 0
            self._scanned = max(0, self._scanned - pos)
        held += data

    @property
    def trailing_data(self) -> tuple[bytes, bool]:
        """What was received and not consumed, and whether the end of the stream follows it."""
        return (bytes(self._data[self._pos :]), self._closed)

    @property
    def buffered(self) -> int:
        """How many bytes were received and not consumed: pipelined requests, or surplus."""
        return len(self._data) - self._pos

    @property
    def their_body_length(self) -> int | None:
        """The length in bytes of the body that belongs to the last head received; None if it does not say."""
        return self._in_length

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
        end += 4
        if end == len(data):
            self._data = b""
            end = 0
        self._pos = self._scanned = end
        self._lines = 0
        self._skipped_crlf = False
        return event

    def _consume(self, end: int) -> None:
        """Go on behind ``end``, which is the end of a section; let go of what is used up."""
        if end == len(self._data):
            self._data = b""
            end = 0
        self._pos = self._scanned = end
        self._lines = 0
        self._skipped_crlf = False

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
                    return self._wait(size)
                if data[pos + 1] == 0x0A:
                    self._consume(pos + 2)
                    self._skipped_crlf = True
                    return self._next_head()
            raise RemoteProtocolError(
                f"no {what} begins with the byte 0x{first:02x}; is the peer speaking TLS, or sending more than it said?"
            )
        end = find_end(data, pos, self._scanned, self._profile)
        if end < 0:
            self._check_incomplete(what)
            return self._wait(size)
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

    def _wait(self, size: int) -> type[NEED_DATA]:
        """Answer that the section is incomplete, ``size`` bytes of which are here."""
        if self._closed:
            raise RemoteProtocolError(
                f"peer unexpectedly closed connection in the middle of a message; {size} bytes of an unfinished "
                "section had arrived"
            )
        if type(self._data) is bytes:
            self._data = bytearray(self._data[self._pos :])
            self._scanned = max(0, self._scanned - self._pos)
            self._pos = 0
        self._stalled = True
        return NEED_DATA

    def _check_incomplete(self, of: str) -> None:
        """Enforce the limits on a section that is not complete; remember how far it has been looked at."""
        data = self._data
        pos = self._pos
        size = len(data) - pos
        scanned = max(self._scanned, pos)
        profile = self._profile
        lines = data.count(b"\n", scanned)
        look = False
        if lines:
            if "bare_lf" not in profile.quirks and data.count(b"\r\n", max(pos, scanned - 1)) != lines:
                look = True
            if not self._lines and of == "request":
                look = True  # the request line is complete now: is its target too long?
            self._lines += lines
        limit, count = (
            (profile.trailers, profile.trailer_count) if of == "trailers" else (profile.head, profile.header_count + 1)
        )
        self._scanned = len(data)
        if of == "request" and not self._lines:
            # wake as soon as the target can be too long
            space = data.find(b" ", pos) - pos
            limit = min(limit, (space + 1 if space >= 0 else size) + profile.target)
        if look or size > limit or self._lines > count:
            check_limits(bytes(data[pos:]), profile, of=of)
        # positions in the buffer: a stalled one begins at 0 after _wait, but for what was read before
        self._stall_size = limit + (pos if type(data) is bytearray else 0)

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
            if found.get(b"upgrade", b"").strip(b", \t"):
                now = now.proposing(SWITCH_UPGRADE)
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
        self.their_http_version = version
        self.client_is_waiting_for_100_continue = False
        return event

    def _begin_chunked(self) -> None:
        self._in_kind = CHUNKED
        self._in_length = None
        self._phase = _SIZE
        self._extensions = 0

    # ---------------------------------------------------------------- bodies

    def _end_of_message(self, event: EndOfMessage) -> EndOfMessage:
        now = self._now
        if self._is_client:
            self._now = now.on_server[EndOfMessage]
        else:
            self._now = now.on_client[EndOfMessage]
            self.client_is_waiting_for_100_continue = False
        return event

    def _piece(self, most: int) -> bytes:
        """Cut up to ``most`` bytes off the buffer; the received object itself if it fits."""
        data = self._data
        pos = self._pos
        if len(data) - pos <= most:
            piece = data[pos:]  # of bytes from 0 on this is no copy
            self._data = b""
            self._pos = self._scanned = 0
        else:
            self._pos = self._scanned = end = pos + most
            piece = data[pos:end]
        return piece if type(piece) is bytes else bytes(piece)

    def _next_counted(self) -> Event | type[NEED_DATA]:
        left = self._in_left
        if not left:
            return self._end_of_message(_END)
        if self._pos == len(self._data):
            if self._closed:
                length = self._in_length or 0
                raise IncompleteBody(
                    "peer closed connection without sending complete message body "
                    f"(received {length - left} bytes, expected {length})"
                )
            return NEED_DATA
        event: Data = _new(Data)
        event._data = piece = self._piece(left)
        event._chunk_start = event._chunk_end = False
        self._in_left = left - len(piece)
        if not self._is_client:
            self.client_is_waiting_for_100_continue = False
        return event

    def _next_until_close(self) -> Event | type[NEED_DATA]:
        if self._pos == len(self._data):
            return self._end_of_message(_END) if self._closed else NEED_DATA
        return Data(self._piece(len(self._data)))

    def _next_chunked(self) -> Event | type[NEED_DATA]:
        data = self._data
        pos = self._pos
        phase = self._phase
        start = False
        if phase == _DATA_END:
            if data[pos : pos + 2] != b"\r\n":
                return self._bad_chunk_end()
            pos += 2
            phase = _SIZE
        if phase == _SIZE:
            # One search, one look-up, one cut for each of many small chunks; odd lines are read carefully.
            end = data.find(b"\r\n", pos)
            if end < 0:
                return self._incomplete_size(pos)
            line = data[pos:end]
            if type(line) is not bytes:
                line = bytes(line)
            size = _sizes.get(line)
            if size is None:
                size = self._chunk_size(line)
            pos = end + 2
            if not size:
                self._phase = _TRAILERS
                self._pos = self._scanned = pos
                self._lines = 0
                return self._next_trailers()
            start = True
        elif phase == _TRAILERS:
            return self._next_trailers()
        else:
            size = self._in_left
            start = phase == _DATA_BEGIN
        end = pos + size
        have = len(data)
        event: Data = _new(Data)
        if end <= have:
            piece = data[pos:end]
            if data[end : end + 2] == b"\r\n":
                self._phase = _SIZE
                end += 2
            else:
                self._phase = _DATA_END
            event._chunk_end = True
        else:
            if pos == have:
                return self._inside_chunk(pos, size, start)
            piece = data[pos:]
            self._phase = _DATA
            self._in_left = size - len(piece)
            end = have
            event._chunk_end = False
        event._chunk_start = start
        event._data = piece if type(piece) is bytes else bytes(piece)
        self._pos = end
        if not self._is_client:
            self.client_is_waiting_for_100_continue = False
        return event

    def _truncated(self) -> IncompleteBody:
        return IncompleteBody(
            "peer closed connection without sending complete message body (incomplete chunked read); "
            "expected the last chunk, of size 0, before the end"
        )

    def _inside_chunk(self, pos: int, size: int, start: bool) -> type[NEED_DATA]:
        self._phase = _DATA_BEGIN if start else _DATA
        self._in_left = size
        self._pos = pos
        if self._closed:
            raise self._truncated()
        return NEED_DATA

    def _bad_chunk_end(self) -> type[NEED_DATA]:
        got = bytes(self._data[self._pos : self._pos + 2])
        if got and got != b"\r":
            byte, expected = (got[1], "LF") if got[0] == 0x0D else (got[0], "CR")
            raise RemoteProtocolError(
                f"malformed chunk footer: the byte 0x{byte:02x} where {expected} is expected behind the bytes of a "
                "chunk (RFC 9112 section 7.1)"
            )
        if self._closed:
            raise self._truncated()
        return NEED_DATA

    def _incomplete_size(self, pos: int) -> type[NEED_DATA]:
        self._phase = _SIZE
        self._pos = pos
        self._check_size_line(bytes(self._data[pos:]).removesuffix(b"\r"))
        if self._closed:
            raise self._truncated()
        return NEED_DATA

    def _check_size_line(self, line: bytes) -> int:
        """Refuse a chunk size line, or the beginning of one, that is too long; return the size of its extensions."""
        profile = self._profile
        semicolon = line.find(b";")
        extensions = len(line) - semicolon if semicolon >= 0 else 0
        faults: list[tuple[float, str, int]] = []
        if len(line) > profile.chunk_line:
            text = f"chunk size line is longer than {profile.chunk_line} bytes, the limit"
            faults.append((profile.chunk_line, text, profile.chunk_line_hint))
        if self._extensions + extensions > profile.chunk_extensions:
            text = f"chunk extensions of one message are longer than {profile.chunk_extensions} bytes, the limit"
            faults.append((semicolon + profile.chunk_extensions - self._extensions, text, 400))
        if profile.strict and b"\n" in line:
            text = "chunk size line ends with LF alone; expected CR LF (RFC 9112 section 7.1)"
            faults.append((line.index(b"\n"), text, 400))
        if faults:
            _, text, hint = min(faults)
            raise RemoteProtocolError(text, hint)
        return extensions

    def _chunk_size(self, line: bytes) -> int:
        """Read a chunk size line (RFC 9112 section 7.1), without its CRLF."""
        self._extensions += self._check_size_line(line)
        profile = self._profile
        digits, semicolon, extensions = line.partition(b";")
        if "chunk_size_whitespace" not in profile.quirks:
            if line.endswith((b" ", b"\t")):
                raise RemoteProtocolError("illegal chunk header: whitespace at the end of the chunk size line")
        elif not semicolon:
            digits = digits.rstrip(b" \t")
        if not digits or digits.translate(None, _HEX) or len(digits) > profile.chunk_size_digits:
            raise RemoteProtocolError(
                f"illegal chunk header: size {ascii(digits[:32])[1:]} of {len(digits)} bytes; "
                f"expected 1 to {profile.chunk_size_digits} hexadecimal digits"
            )
        allowed = _NOT_LF if "control_bytes" in profile.quirks else VALUE_BYTES
        bad = extensions.translate(None, allowed)
        if bad:
            raise RemoteProtocolError(f"illegal chunk header: the extensions hold the byte 0x{bad[0]:02x}")
        size = int(digits, 16)
        if len(line) <= 8 and line == digits and len(_sizes) < _SIZES_MAX:
            _sizes[line] = size
        return size

    def _next_trailers(self) -> Event | type[NEED_DATA]:
        data = self._data
        pos = self._pos
        begin = data[pos : pos + 2]
        if begin == b"\r\n":
            self._consume(pos + 2)
            return self._end_of_message(_END)
        if begin[:1] == b"\n" and "bare_lf" in self._profile.quirks:
            self._consume(pos + 1)
            return self._end_of_message(_END)
        if len(begin) == 0 or begin == b"\r":
            if self._closed:
                raise self._truncated()
            return NEED_DATA
        end = find_end(data, pos, self._scanned, self._profile)
        if end < 0:
            self._check_incomplete("trailers")
            return self._wait(len(data) - pos)
        event = EndOfMessage(headers=Headers(read_trailers(bytes(data[pos:end]), self._profile)))
        self._consume(end)
        return self._end_of_message(event)
