"""permessage-deflate: compression of each message (RFC 7692). Options, the agreement about them, and the two codecs.

It knows parameters and bytes of messages; of frames it knows nothing but that a message comes in pieces.

How it works
------------
* The compressor and the decompressor of a connection are made when the first message needs them: an idle connection,
  and one whose messages stay below the threshold, costs nothing.
* What a decompressor may give is bounded in zlib itself (``max_length``), so a bomb is noticed after the limit, not
  after the explosion.
* What a compressor has seen the peer must see: nobody compresses a message before it is his turn to send.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

__all__ = [
    "DEFLATE",
    "TAIL",
    "Agreement",
    "Deflate",
    "Deflater",
    "Inflater",
    "InvalidData",
    "TooBig",
    "accept_offers",
    "check_answer",
]

NAME = "permessage-deflate"
TAIL = b"\x00\x00\xff\xff"  # what ends a sync flush, and is left out on the wire (RFC 7692 section 7.2.1)
_FINAL_BLOCKS = 16  # of one message; each costs us a new decompressor, and no compressor in use sends more than one


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflate:
    """How to compress messages, if the other side agrees; the peer's own choices are taken as they are.

    Attributes:
        level: zlib's level, 0 to 9; -1 for its default.
        threshold: Messages of fewer bytes go uncompressed. ``ws`` of node has 1024, websockets none.
        window_bits: Of our compressor, 9 to 15; memory of 2 to the power of it, times four.
        peer_window_bits: What we ask the peer to keep to, 9 to 15; 15 leaves it free.
        takeover: Whether our compressor remembers earlier messages; without it memory is free between messages.
        peer_takeover: Whether the peer's may.
        memory_level: zlib's, 1 to 9: memory of 2 to the power of it, times 512.
    """

    level: int = -1
    threshold: int = 256  # below it a frame gains less than its compression costs
    window_bits: int = 12  # websockets measured 12 and 5: a twentieth of the memory, nearly the same ratio
    peer_window_bits: int = 12
    takeover: bool = True
    peer_takeover: bool = True
    memory_level: int = 5

    def __post_init__(self) -> None:
        for name, low, high in (
            ("level", -1, 9),
            ("threshold", 0, None),
            ("window_bits", 9, 15),
            ("peer_window_bits", 9, 15),
            ("memory_level", 1, 9),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low or (high and value > high):
                raise ValueError(
                    f"Deflate({name}={value!r}) makes no sense: give a whole number "
                    + (f"from {low} to {high}" if high else f"of at least {low}")
                )

    def offer(self) -> str:
        """Return what a client says in ``Sec-WebSocket-Extensions``."""
        words = [NAME]
        if not self.peer_takeover:
            words.append("server_no_context_takeover")
        if not self.takeover:
            words.append("client_no_context_takeover")
        if self.peer_window_bits < 15:
            words.append(f"server_max_window_bits={self.peer_window_bits}")
        # Without a number it only says that we could obey one (RFC 7692 section 7.1.2.2).
        words.append("client_max_window_bits" + (f"={self.window_bits}" if self.window_bits < 15 else ""))
        return "; ".join(words)


DEFLATE = Deflate()  # what holds where nothing is given


@final
@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides have agreed on, seen from ours."""

    options: Deflate
    window_bits: int
    takeover: bool
    peer_window_bits: int
    peer_takeover: bool
    answer: str = ""
    """What a server says in its ``Sec-WebSocket-Extensions``."""


@final
class InvalidData(Exception):
    """A message that claims to be compressed is not; answer 1007."""


@final
class TooBig(Exception):
    """A message is larger, decompressed, than what is allowed; answer 1009."""


# ---------------------------------------------------------------- agreement


def accept_offers(options: Deflate, extensions: Iterable[tuple[str, dict[str, str | None]]]) -> Agreement | None:
    """Choose among a client's offers, as a server: the first that we can keep to (RFC 7692 section 5).

    Args:
        options: Ours.
        extensions: The parsed offers: names and parameters, in the client's order.

    Returns:
        The agreement, or None to go without compression.
    """
    for name, parameters in extensions:
        if name == NAME and (agreed := _accept(options, parameters)) is not None:
            return agreed
    return None


def _accept(options: Deflate, parameters: dict[str, str | None]) -> Agreement | None:
    ours, theirs = options.window_bits, 15
    takeover, peer_takeover = options.takeover, options.peer_takeover
    answer = [NAME]
    for name, value in parameters.items():
        if name == "server_no_context_takeover" and value is None:
            takeover = False
        elif name == "client_no_context_takeover" and value is None:
            peer_takeover = False
        elif name == "server_max_window_bits" and (bits := _bits(value)):
            if bits < 9:
                return None  # zlib cannot compress into a window of 256 bytes
            ours = min(ours, bits)
        elif name == "client_max_window_bits" and (value is None or _bits(value)):
            theirs = min(options.peer_window_bits, _bits(value) or 15)
        else:
            return None  # unknown or malformed: this offer is to be declined (RFC 7692 section 7)
    if not takeover:
        answer.append("server_no_context_takeover")
    if not peer_takeover:
        answer.append("client_no_context_takeover")
    if "server_max_window_bits" in parameters or ours < 15:
        answer.append(f"server_max_window_bits={ours}")
    if theirs < 15:
        answer.append(f"client_max_window_bits={theirs}")
    return Agreement(options, ours, takeover, theirs, peer_takeover, "; ".join(answer))


def check_answer(
    options: Deflate | None, extensions: Iterable[tuple[str, dict[str, str | None]]]
) -> Agreement | str | None:
    """Judge a server's answer to our offer, as a client.

    Returns:
        The agreement; None to go without compression; or, as text, what is wrong (the client has to end the
        connection then, RFC 7692 section 7.1).
    """
    agreed: Agreement | None = None
    for name, parameters in extensions:
        if options is None or name != NAME:
            return f"the server chose the extension {name!r}, which was not offered"
        if agreed is not None:
            return f"the server chose {NAME} twice"
        ours, theirs = options.window_bits, 15
        takeover, peer_takeover = options.takeover, True
        for key, value in parameters.items():
            bits = _bits(value)
            if key == "server_no_context_takeover" and value is None:
                peer_takeover = False
            elif key == "client_no_context_takeover" and value is None:
                takeover = False
            elif key == "server_max_window_bits" and bits and bits <= options.peer_window_bits:
                theirs = bits
            elif key == "client_max_window_bits" and bits and bits >= 9:
                ours = min(ours, bits)
            else:
                given = key if value is None else f"{key}={value}"
                return f"the server's parameter {given!r} of {NAME} does not fit what was offered: {options.offer()}"
        if options.peer_window_bits < 15 and "server_max_window_bits" not in parameters:
            return f"the server's {NAME} lacks server_max_window_bits, which was asked for: {options.offer()}"
        if peer_takeover and not options.peer_takeover:
            return f"the server's {NAME} lacks server_no_context_takeover, which was asked for"
        agreed = Agreement(options, ours, takeover, theirs, peer_takeover)
    return agreed


def _bits(value: str | None) -> int | None:
    if value is not None and value.isascii() and value.isdigit() and value[0] != "0" and 8 <= int(value[:3]) <= 15:
        return int(value)
    return None


# ---------------------------------------------------------------- codecs


@final
class Deflater:
    """The compressing side of one connection."""

    __slots__ = ("_agreed", "_zlib", "threshold")

    def __init__(self, agreed: Agreement) -> None:
        self._agreed = agreed
        self._zlib: zlib._Compress | None = None
        self.threshold = agreed.options.threshold

    def compress(self, data: bytes | bytearray | memoryview, *, final: bool = True) -> bytes:
        """Return the payload for a message, or for a piece of it that is to go as one frame."""
        # Hot: 12 us for 256 bytes of JSON, and 60 more where there is no takeover.
        compressor = self._zlib
        if compressor is None:
            options = self._agreed.options
            compressor = self._zlib = zlib.compressobj(
                options.level, zlib.DEFLATED, -self._agreed.window_bits, options.memory_level
            )
        out = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
        if not final:
            return out
        if not self._agreed.takeover:
            self._zlib = None
        return out[:-4]


@final
class Inflater:
    """The decompressing side of one connection."""

    __slots__ = ("_agreed", "_finals", "_zlib")

    def __init__(self, agreed: Agreement) -> None:
        self._agreed = agreed
        self._zlib: zlib._Decompress | None = None
        self._finals = 0

    def decompress(self, data: bytes, allowed: int | None, *, final: bool) -> bytes:
        """Return what a piece of a message holds.

        Args:
            data: The piece, as it came.
            allowed: At most so many bytes may come out; None for no limit.
            final: It is the last piece of its message.

        Raises:
            InvalidData: It is not DEFLATE.
            TooBig: More would come out.
        """
        # Hot: 3 us for 256 bytes of JSON.
        rest: bytes | None = data + TAIL if final else data
        out = b""
        while rest is not None:
            # One byte more than allowed is enough to know; 0 would mean no limit.
            piece, rest = self.some(rest, 0 if allowed is None else allowed - len(out) + 1)
            out = out + piece if out else piece
            if allowed is not None and len(out) > allowed:
                raise TooBig
        if final:
            self.end_message()
        return out

    def some(self, data: bytes, most: int) -> tuple[bytes, bytes | None]:
        """Return a part of what a piece of a message holds.

        Args:
            data: The piece, or what was left of it; :data:`TAIL` comes behind the last one of a message.
            most: So many bytes at most; 0 for no limit.

        Returns:
            The part; and what to go on with, which may be empty, or None if this was all.

        Raises:
            InvalidData: It is not DEFLATE.
        """
        zipped = self._zlib
        if zipped is None:
            zipped = self._zlib = zlib.decompressobj(-self._agreed.peer_window_bits)
        try:
            piece = zipped.decompress(data, most)
        except zlib.error as error:
            raise InvalidData(str(error)) from error
        if zipped.eof:
            # A block marked as the last of all (RFC 7692 section 7.2.3.4): whatever follows begins anew.
            self._finals += 1
            if self._finals > _FINAL_BLOCKS:
                raise InvalidData(f"more than {_FINAL_BLOCKS} final blocks in one message")
            self._zlib = None
            return piece, zipped.unused_data or None
        # Where it stopped it may have more to give, even if it has taken all.
        return piece, zipped.unconsumed_tail if most and len(piece) == most else None

    def end_message(self) -> None:
        """Note that a message is complete."""
        self._finals = 0
        if not self._agreed.peer_takeover:
            self._zlib = None
