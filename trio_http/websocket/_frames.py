"""The frames of one open WebSocket, without I/O: wsproto's interface and events, for a handshake that is over.

``send(event)`` returns bytes, ``receive_data(bytes)`` takes them, ``events()`` gives what they mean, ``state`` says
how far closing has come. It knows RFC 6455 from section 5 on and RFC 7692; nothing of HTTP, streams or time.

How it works
------------
* A frame whose bytes are all there, which is a message of its own, takes the short way: one slice, one XOR, one event.
* A data frame that is larger than what has arrived is taken piece by piece: each piece is unmasked, decompressed and
  validated as it comes, so bad data is refused early and nothing is held twice. Control frames wait until complete.
* Only whole messages become events; who sets ``deliver`` may take them as they come instead.
* Limits hold at the header of a frame: what is announced as too large is refused before it is read (1009).
* Whoever iterates :meth:`events` sees the state change at the very event that changes it.
* A peer that breaks the protocol becomes a ``CloseConnection`` with the right code, in state ``REMOTE_CLOSING``: the
  same code can be sent back, as after a close frame of his. What comes after that is not looked at.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Never, TypeAlias, final

from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, Request, TextMessage

from .._entropy import random_bytes
from .._errors import LocalProtocolError
from ._codes import close_payload, is_valid_close_code
from ._deflate import Agreement, Deflater, Inflater, InvalidData, TooBig
from ._masking import apply_mask

__all__ = ["CLOSED", "OPEN", "REMOTE_CLOSING", "FrameConnection"]

OPEN: Final = ConnectionState.OPEN
REMOTE_CLOSING: Final = ConnectionState.REMOTE_CLOSING
LOCAL_CLOSING: Final = ConnectionState.LOCAL_CLOSING
CLOSED: Final = ConnectionState.CLOSED
_EMPTY_MAX = 1000  # empty fragments of one message; they cost us work, and tell nothing

_Message: TypeAlias = TextMessage | BytesMessage
_new = object.__new__
_decoder = codecs.getincrementaldecoder("utf-8")


@final
class _Refused(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@final
class FrameConnection:
    """One side of a WebSocket whose handshake is over.

    Args:
        client: True for the side that masks.
        max_message: Bytes of a message, decompressed; None for no limit.
        deflate: What was agreed about compression; None for none.
        trailing: Bytes that came behind the handshake.

    Attributes:
        client: As given.
        deliver: Set to be offered each message in its turn; one that is taken (True) becomes no event.
        ended: Set to be told when the end of the WebSocket has been dealt with by whoever iterates.
        controls: Set to an empty deque before anything is received, to be told of pings and pongs in their place among
            the messages: each adds ``(mark, opcode, payload)`` here, and becomes a message besides whose data is that
            very ``mark``.
        pieces: Set to be given what is compressed or not there at once as it comes, as (bytes, whether it is text,
            whether it is compressed, whether it is the last); nothing of that is looked at, and it becomes no event.
        missing: How many bytes of the current frame have not come yet, as far as known; for those who read.
        refused: True once the peer broke the protocol or a limit.
    """

    __slots__ = (
        "_buffer",
        "_compressed",
        "_decoder",
        "_deflater",
        "_empty",
        "_fin",
        "_inflater",
        "_key",
        "_max",
        "_opcode",
        "_pieces",
        "_position",
        "_sending",
        "_size",
        "_state",
        "_wire_max",
        "client",
        "controls",
        "deliver",
        "ended",
        "missing",
        "pieces",
        "refused",
    )

    def __init__(
        self,
        *,
        client: bool,
        max_message: int | None = None,
        deflate: Agreement | None = None,
        trailing: bytes = b"",
    ) -> None:
        self.client: bool = client
        self._max = max_message
        # Stored blocks make a message a little larger than it is; RFC 1951 section 3.2.4.
        self._wire_max = None if max_message is None else max_message + (max_message >> 8) + 64
        self._deflater = None if deflate is None else Deflater(deflate)
        self._inflater = None if deflate is None else Inflater(deflate)
        self._state: ConnectionState = OPEN
        self._buffer = trailing
        self._position = 0
        self.refused: bool = False
        self.deliver: Callable[[str | bytes], bool] | None = None
        self.ended: Callable[[], None] | None = None
        self.pieces: Callable[[bytes, bool, bool, bool], None] | None = None
        self.controls: deque[tuple[bytes, int, bytes]] | None = None
        # the data frame being read
        self.missing: int = 0
        self._key: bytes | None = None
        self._fin = False
        # the message being read; 0 for none
        self._opcode = 0
        self._compressed = False
        self._decoder: codecs.IncrementalDecoder | None = None
        self._pieces: list[bytes] | list[str] = []
        self._size = 0
        self._empty = 0
        # the message being sent in fragments; 0 for none
        self._sending = 0

    def __repr__(self) -> str:
        return f"<FrameConnection of a {'client' if self.client else 'server'}: {self._state.name}>"

    @property
    def state(self) -> ConnectionState:
        """How far closing has come."""
        return self._state

    # ---------------------------------------------------------------- sending

    def send(self, event: Event) -> bytes:
        """Return the bytes for an event.

        Args:
            event: ``TextMessage``, ``BytesMessage`` (with ``message_finished=False`` for a fragment), ``Ping``,
                ``Pong`` or ``CloseConnection``.

        Raises:
            LocalProtocolError: It cannot be sent in this state, or does not fit into a frame.
        """
        # Hot: once per message; 1.2 us for 64 bytes as a server.
        state = self._state
        kind = type(event)
        if state is OPEN:
            if kind is TextMessage or kind is BytesMessage:
                return self._message(event)  # type: ignore[arg-type]  # mypy does not narrow by type()
            if kind is Ping:
                return self._control(9, bytes(event.payload))  # type: ignore[attr-defined]  # as above
            if kind is Pong:
                return self._control(10, bytes(event.payload))  # type: ignore[attr-defined]  # as above
        if kind is CloseConnection and (state is OPEN or state is REMOTE_CLOSING):
            data = self._control(8, close_payload(event.code, event.reason))  # type: ignore[attr-defined]  # as above
            self._state = LOCAL_CLOSING if state is OPEN else CLOSED
            return data
        if kind is Request:
            return b""  # a client that sits on us begins with its handshake; that is over
        raise LocalProtocolError(
            f"{kind.__name__} cannot be sent: the WebSocket is {state.name.lower().replace('_', ' ')}"
        )

    def _message(self, event: _Message) -> bytes:
        data: str | bytes | bytearray = event.data
        opcode = 2
        if type(data) is str:
            opcode = 1
            try:
                data = data.encode()
            except UnicodeEncodeError as error:
                raise LocalProtocolError(f"this text cannot be sent: {error}") from error
        first = opcode
        fin = event.message_finished
        if self._sending:
            if self._sending & 15 != opcode:
                raise LocalProtocolError("a message is either text or binary; finish the one that was begun")
            first = 0
        deflater = self._deflater
        if deflater is not None:
            # whole messages may be too small for it; of a message in fragments nobody knows
            if first and (not fin or len(data) >= deflater.threshold):
                first |= 0x40
                data = deflater.compress(data, final=fin)  # type: ignore[arg-type]  # bytes by now
            elif not first and self._sending & 0x40:
                data = deflater.compress(data, final=fin)  # type: ignore[arg-type]  # as above
        if fin:
            self._sending = 0
            first |= 0x80
        elif not self._sending:
            self._sending = first
        return self._frame(first, data)  # type: ignore[arg-type]  # as above

    def _control(self, opcode: int, payload: bytes) -> bytes:
        if len(payload) > 125:
            raise LocalProtocolError(
                f"{len(payload)} bytes do not fit into a control frame: at most 125 do (RFC 6455 section 5.5)"
            )
        return self._frame(0x80 | opcode, payload)

    def _frame(self, first: int, payload: bytes) -> bytes:
        size = len(payload)
        if self.client:
            key = random_bytes(4)
            masked = apply_mask(payload, key)
            if size < 126:
                return b"%c%c%b%b" % (first, 0x80 | size, key, masked)
            return b"".join((_long_header(first, size, 0x80), key, masked))
        if size < 126:
            return b"%c%c%b" % (first, size, payload)
        return _long_header(first, size, 0) + payload

    # ---------------------------------------------------------------- receiving

    def receive_data(self, data: bytes | None) -> None:
        """Take bytes of the peer, or None for the end of his stream. :meth:`events` says what they mean."""
        if data is None:
            # RFC 6455 section 7.1.5: without a close frame the code is considered to be 1006.
            self._buffer = b""
            self._position = 0
            if self._state is not CLOSED:
                self._state = CLOSED
                self._buffer = _END
        elif self._state is OPEN or self._state is LOCAL_CLOSING:
            if self._position == len(self._buffer):
                self._buffer = data
            else:
                self._buffer = self._buffer[self._position :] + data
            self._position = 0

    def events(self) -> Iterator[Event]:
        """Give what the bytes received so far mean: whole messages, pings, pongs, and the end, as wsproto's events."""
        # Hot: 1.6 us for a masked message of 64 bytes. Control frames, fragments and pieces take the longer way.
        key_size = 0 if self.client else 4
        deliver = self.deliver
        end: CloseConnection | None = None
        try:
            if self._buffer is _END:
                self._buffer = b""
                end = CloseConnection(code=1006, reason="")
            while self._state is OPEN or self._state is LOCAL_CLOSING:
                if self.missing:
                    message = self._take_piece()
                    if message is _GIVEN:
                        continue
                    if message is not None:
                        if deliver is None or not deliver(message.data):  # type: ignore[arg-type]  # never a bytearray
                            yield message
                    elif self.missing:
                        return
                    continue
                buffer = self._buffer
                position = self._position
                there = len(buffer) - position
                if there < 2:
                    return
                first = buffer[position]
                size = buffer[position + 1]
                if key_size:
                    if size < 128:
                        _refuse(1002, "this frame is not masked; those of clients are (RFC 6455 section 5.1)")
                    size -= 128
                elif size > 127:
                    _refuse(1002, "this frame is masked; those of servers are not (RFC 6455 section 5.1)")
                start = position + 2
                if size > 125:
                    if first & 8:
                        _refuse(1002, "a control frame holds at most 125 bytes (RFC 6455 section 5.5)")
                    start += 2 if size == 126 else 8
                    if len(buffer) < start:
                        return
                    size = _long_size(buffer, position + 2, start)
                body = start + key_size
                stop = body + size
                if (
                    (first == 0x81 or first == 0x82)
                    and not self._opcode
                    and stop <= len(buffer)
                    and (self._max is None or size <= self._max)
                ):
                    payload = buffer[body:stop]
                    if key_size:
                        payload = apply_mask(payload, buffer[start:body])
                    self._position = stop
                    data: str | bytes = payload if first == 0x82 else payload.decode()
                    if deliver is None or not deliver(data):
                        event: Any = _new(BytesMessage) if first == 0x82 else _new(TextMessage)
                        event.__dict__["data"] = data  # the rest are defaults; __init__ of a frozen class is slow
                        yield event
                    continue
                if first & 8:
                    self._check_control(first)
                    if stop > len(buffer):
                        return
                    payload = buffer[body:stop]
                    if key_size:
                        payload = apply_mask(payload, buffer[start:body])
                    self._position = stop
                    control = self._control_event(first & 15, payload)
                    if type(control) is CloseConnection:
                        end = control
                        break
                    if control is not None:
                        yield control
                    if self.controls is not None:
                        mark = b"%c%b" % (first, payload)  # a new object, whatever the payload
                        self.controls.append((mark, first & 15, payload))
                        if deliver is None or not deliver(mark):
                            yield BytesMessage(data=mark)
                    continue
                self._check_data(first, size)
                if len(buffer) < body:
                    return
                self._begin_frame(first, size, buffer[start:body] if key_size else None)
                self._position = body
                message = self._take_piece()
                if message is not None and message is not _GIVEN and (deliver is None or not deliver(message.data)):  # type: ignore[arg-type]  # as above
                    yield message
        except _Refused as refused:
            end = self._fail(refused.code, refused.reason)
        except UnicodeDecodeError as error:
            end = self._fail(1007, f"this text is not UTF-8: {error.reason} at byte {error.start}")
        except InvalidData as error:
            end = self._fail(1007, f"this message cannot be decompressed: {error}")
        except TooBig:
            end = self._fail(1009, f"a message of more than {self._max} bytes, decompressed")
        if end is not None:
            yield end
            if self.ended is not None:
                self.ended()

    def _fail(self, code: int, reason: str) -> CloseConnection:
        self.refused = True
        self._state = CLOSED if self._state is LOCAL_CLOSING else REMOTE_CLOSING
        self._forget_message()
        self._buffer = b""
        self._position = self.missing = 0
        return CloseConnection(code=code, reason=reason)

    def _check_control(self, first: int) -> None:
        if not first & 0x80:
            _refuse(1002, "a control frame cannot be fragmented (RFC 6455 section 5.5)")
        if first & 0x70:
            _refuse(1002, f"reserved bits {first >> 4 & 7:03b} are set on a control frame")
        if first & 15 > 10:
            _refuse(1002, f"opcode {first & 15} is not known")

    def _check_data(self, first: int, size: int) -> None:
        opcode = first & 15
        reserved = first & 0x70
        if opcode > 2:
            _refuse(1002, f"opcode {opcode} is not known")
        if opcode:
            if self._opcode:
                _refuse(1002, "a new message began before the last fragment of another (RFC 6455 section 5.4)")
            compressed = reserved == 0x40 and self._inflater is not None
            if reserved and not compressed:
                _refuse(1002, f"reserved bits {reserved >> 4:03b} are set, and no extension was agreed that uses them")
        else:
            if not self._opcode:
                _refuse(1002, "a continuation came without a message to continue (RFC 6455 section 5.4)")
            if reserved:
                _refuse(1002, f"reserved bits {reserved >> 4:03b} are set on a continuation")
            compressed = self._compressed
            if not size and not first & 0x80:
                self._empty += 1
                if self._empty > _EMPTY_MAX:
                    _refuse(1008, f"more than {_EMPTY_MAX} empty fragments in one message")
        limit = self._wire_max if compressed else self._max
        if limit is not None and self._size + size > limit:
            _refuse(1009, f"a message of {self._size + size} bytes or more; at most {self._max} are taken")

    def _begin_frame(self, first: int, size: int, key: bytes | None) -> None:
        opcode = first & 15
        if opcode:
            self._opcode = opcode
            self._compressed = first & 0x40 != 0
            if opcode == 1:
                self._decoder = _decoder()
        self._fin = first & 0x80 != 0
        self.missing = size
        self._key = key

    def _take_piece(self) -> _Message | None:
        """Take what is there of the current frame; return the message if that completes it."""
        missing = self.missing
        position = self._position
        piece = self._buffer[position : position + missing]
        size = len(piece)
        if not piece and missing:
            return None
        missing -= size
        self._position = position + size
        self.missing = missing
        key = self._key
        if key is not None and piece:
            piece = apply_mask(piece, key)
            if size & 3:
                self._key = key[size & 3 :] + key[: size & 3]
        final = self._fin and not missing
        if self.pieces is not None:
            self.pieces(piece, self._decoder is not None, self._compressed, final)
            if not final:
                return None
            self._forget_message()
            return _GIVEN
        inflater = self._inflater
        if self._compressed and inflater is not None:
            # the wire's size is bounded at each header; here it is what comes out that counts
            allowed = None if self._max is None else self._max - self._size
            piece = inflater.decompress(piece, allowed, final=final)
            size = len(piece)
        self._size += size
        if self._decoder is not None:
            text = self._decoder.decode(piece, final)
            if text:
                self._pieces.append(text)  # type: ignore[arg-type]  # a list of str, as there is a decoder
        elif piece:
            self._pieces.append(piece)  # type: ignore[arg-type]  # a list of bytes, as there is none
        if not final:
            return None
        event: _Message
        if self._decoder is not None:
            event = _new(TextMessage)
            event.__dict__["data"] = "".join(self._pieces)  # type: ignore[arg-type]  # as above
        else:
            event = _new(BytesMessage)
            event.__dict__["data"] = b"".join(self._pieces)  # type: ignore[arg-type]  # as above
        self._forget_message()
        return event

    def _forget_message(self) -> None:
        self._opcode = self._size = self._empty = 0
        self._compressed = False
        self._decoder = None
        self._pieces = []

    def _control_event(self, opcode: int, payload: bytes) -> Event | None:
        if opcode == 9:
            # After our close frame nothing may be sent any more, no pong either (RFC 6455 section 5.5.1).
            return Ping(payload=payload) if self._state is OPEN else None
        if opcode == 10:
            return Pong(payload=payload)
        code, reason = _parse_close(payload)
        self._state = CLOSED if self._state is LOCAL_CLOSING else REMOTE_CLOSING
        self._forget_message()
        return CloseConnection(code=code, reason=reason)


_GIVEN = BytesMessage(data=b"")  # stands for a message that was given out in pieces
_END = bytes(bytearray(b"end"))  # a buffer of its own identity, for the end of the stream


def _refuse(code: int, reason: str) -> Never:
    raise _Refused(code, reason)


def _long_header(first: int, size: int, mask_bit: int) -> bytes:
    if size < 65536:
        return b"%c%c%b" % (first, mask_bit | 126, size.to_bytes(2, "big"))
    return b"%c%c%b" % (first, mask_bit | 127, size.to_bytes(8, "big"))


def _long_size(buffer: bytes, start: int, end: int) -> int:
    size = int.from_bytes(buffer[start:end], "big")
    if end - start == 2:
        if size < 126:
            _refuse(1002, f"the size {size} was written with 16 bits; the shortest form is the only one allowed")
    elif size < 65536:
        _refuse(1002, f"the size {size} was written with 64 bits; the shortest form is the only one allowed")
    elif size >> 63:
        _refuse(1002, "the highest bit of a 64-bit size is 0 (RFC 6455 section 5.2)")
    return size


def _parse_close(payload: bytes) -> tuple[int, str]:
    if not payload:
        return 1005, ""
    if len(payload) == 1:
        _refuse(1002, "a close frame has no payload, or a code of two bytes and a reason (RFC 6455 section 5.5.1)")
    code = int.from_bytes(payload[:2], "big")
    if not is_valid_close_code(code):
        _refuse(1002, f"the close code {code} may not be sent (RFC 6455 section 7.4)")
    return code, payload[2:].decode()
