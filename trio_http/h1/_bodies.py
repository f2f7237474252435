"""From bytes to the events of a body: counted, chunked or up to the end of the stream (RFC 9112 sections 6 and 7)."""

from __future__ import annotations

from .._errors import IncompleteBody, RemoteProtocolError
from .._grammar import VALUE_BYTES
from ._buffer import Buffer
from ._careful import find_end, read_trailers
from ._events import Data, EndOfMessage, Event
from ._exchange import CHUNKED
from ._headers import Headers
from ._sentinels import NEED_DATA

__all__ = ["Bodies"]

# where the reader of a chunked body stands
_SIZE = 0  # before the line with the size of a chunk
_DATA = 1  # inside a chunk
_DATA_END = 2  # before the CRLF behind the bytes of a chunk
_TRAILERS = 3  # behind the last chunk
_DATA_BEGIN = 4  # behind the size of a chunk, none of whose bytes has arrived

# Chunk sizes as they were written, with their value: plain ones only. Bounded, so that a peer cannot grow it.
_SIZES_MAX = 1024
_sizes: dict[bytes, int] = {}
_HEX = b"0123456789abcdefABCDEF"
_NOT_LF = bytes(byte for byte in range(256) if byte != 0x0A)

# It cannot be changed, so one end without trailers serves for all.
_END = EndOfMessage()

_new = object.__new__


class Bodies(Buffer):
    """A connection as far as it receives bodies."""

    __slots__ = ()

    # declared in Exchange too; again here, where it is assigned, for type checkers that infer from that
    client_is_waiting_for_100_continue: bool

    @property
    def their_body_length(self) -> int | None:
        """The length in bytes of the body that belongs to the last head received; None if it does not say."""
        return self._in_length

    def _begin_chunked(self) -> None:
        self._in_kind = CHUNKED
        self._in_length = None
        self._phase = _SIZE
        self._extensions = 0

    def _end_of_message(self, event: EndOfMessage) -> EndOfMessage:
        now = self._now
        if self._is_client:
            self._now = now.on_server[EndOfMessage]
        else:
            self._now = now.on_client[EndOfMessage]
            self.client_is_waiting_for_100_continue = False
        return event

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
            return self._wait(most=self._check_incomplete("trailers"))
        event = EndOfMessage(headers=Headers(read_trailers(bytes(data[pos:end]), self._profile)))
        self._consume(end)
        return self._end_of_message(event)
