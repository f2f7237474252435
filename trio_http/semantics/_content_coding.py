"""Content codings: gzip, deflate, br and zstd undone and done piece by piece; RFC 9110 section 8.4.

How decoding works:

1. Pull. The user feeds what has arrived and reads pieces of at most 64 KiB until there is no more; so a bomb is never
   larger in memory than a few of these, and whoever reads slowly makes nobody decode ahead.
2. Codings that were applied one after the other are a chain of stages; each asks the one before it for input.
3. A stage hands its library a small window of input at a time, because not every library can bound its output
   (zstandard makes up to 32 KiB of one byte), and because zlib copies what it does not consume.
4. Whatever is missing or left over is an error: a stream that ends early, bytes behind its end. gzip members and zstd
   frames may follow each other (RFC 1952 section 2.2, RFC 8878 section 3); behind the last of them nothing may,
   zero padding included. A body of no bytes at all is empty whatever its coding: servers send that.
"""

from __future__ import annotations

import importlib
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, final

from .._errors import BodyTooLarge, DecodingError
from ._parameters import split_list

__all__ = [
    "PIECE_SIZE",
    "ContentDecoder",
    "ContentEncoder",
    "available_codings",
    "decode_content",
    "parse_content_encoding",
]

PIECE_SIZE: Final = 65536
"""The size in bytes that no piece of decoded content exceeds."""

CODINGS_MAX = 5  # curl's MAX_ENCODE_STACK
RATIO_FREE = 1 << 20  # up to here any ratio is fine: a page of spaces is no bomb
_ZLIB_WINDOW = 16 * 1024
_BROTLI_WINDOW = 16 * 1024
_ZSTD_WINDOW = 64  # at most 16 blocks of 128 KiB each come out of it
_ZSTD_MEMORY = 8 * 1024 * 1024  # RFC 9659: what a decoder for HTTP must take, and no more

_modules: dict[str, Any] = {}


def _load(name: str) -> Any:
    """Import a library when it is first needed, or return None: nobody who sends gzip only should wait for it."""
    if name not in _modules:
        try:
            _modules[name] = importlib.import_module(name)
        except ImportError:
            _modules[name] = None
    return _modules[name]


def _brotli() -> Any:
    """The brotli library, if it is one that can bound its output (1.2 or later): without that it is not safe."""
    library = _load("brotli") or _load("brotlicffi")
    return library if hasattr(getattr(library, "Decompressor", None), "can_accept_more_data") else None


def available_codings() -> tuple[str, ...]:
    """Return the codings that can be undone and done here, those of the standard library first."""
    codings = ["gzip", "deflate"]
    if _brotli() is not None:
        codings.append("br")
    if _load("zstandard") is not None:
        codings.append("zstd")
    return tuple(codings)


def parse_content_encoding(value: str | None) -> list[str]:
    """Return the codings that a ``Content-Encoding`` field names, in the order in which they were applied.

    Names are in lower case, ``x-gzip`` is ``gzip`` (RFC 9110 section 8.4.1.3), ``identity`` is left out.
    """
    names = [name.lower() for name in split_list(value or "")]
    return ["gzip" if name == "x-gzip" else name for name in names if name != "identity"]


# ---------------------------------------------------------------- what the libraries look like to a stage


class _Codec(Protocol):
    window: int  # how many bytes of input it may be given at once
    repeats: bool  # whether another stream may follow one that has ended
    ended: bool  # its stream is complete
    pending: bool  # it has output that needs no further input

    def step(self, data: memoryview) -> tuple[bytes, int]:
        """Return some output, and how many bytes of ``data`` were used."""
        ...


class _Zlib:
    window = _ZLIB_WINDOW

    def __init__(self, wbits: int, *, repeats: bool) -> None:
        self._inflate = zlib.decompressobj(wbits)
        self.repeats = repeats
        self.ended = self.pending = False

    def step(self, data: memoryview) -> tuple[bytes, int]:
        inflate = self._inflate
        output = inflate.decompress(data, PIECE_SIZE)
        self.ended = inflate.eof
        self.pending = len(output) == PIECE_SIZE and not self.ended
        # at the end zlib may give what is left by both names
        left = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        return output, len(data) - len(left)


class _Deflate:
    """zlib's format as the RFC has it, or the bare deflate that some servers send; the first two bytes tell."""

    window = _ZLIB_WINDOW
    repeats = False

    def __init__(self) -> None:
        self._head = b""
        self._codec: _Zlib | None = None
        self.ended = self.pending = False

    def step(self, data: memoryview) -> tuple[bytes, int]:
        codec = self._codec
        before = 0
        if codec is None:
            before = len(self._head)
            self._head += data
            if len(self._head) < 2:
                return b"", len(data)
            is_zlib = self._head[0] & 0x0F == 8 and int.from_bytes(self._head[:2], "big") % 31 == 0
            codec = self._codec = _Zlib(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS, repeats=False)
            data = memoryview(self._head)
            self._head = b""
        output, used = codec.step(data)
        self.ended, self.pending = codec.ended, codec.pending
        return output, max(0, used - before)


class _Brotli:
    window = _BROTLI_WINDOW
    repeats = False

    def __init__(self) -> None:
        self._decompressor = _brotli().Decompressor()
        self.ended = self.pending = False

    def step(self, data: memoryview) -> tuple[bytes, int]:
        # what it cannot use yet it keeps, and then takes nothing more until that is done
        if self.pending:
            data = data[:0]
        output = self._decompressor.process(bytes(data), output_buffer_limit=PIECE_SIZE // 2)
        self.ended = self._decompressor.is_finished()
        # that it accepts more does not mean that it has given all: only a step without output does
        self.pending = not self.ended and (bool(output) or not self._decompressor.can_accept_more_data())
        return output, len(data)


class _Zstd:
    window = _ZSTD_WINDOW
    repeats = True
    pending = False

    def __init__(self) -> None:
        self._decompressor = _load("zstandard").ZstdDecompressor(max_window_size=_ZSTD_MEMORY).decompressobj()
        self.ended = False

    def step(self, data: memoryview) -> tuple[bytes, int]:
        output = self._decompressor.decompress(bytes(data))
        self.ended = self._decompressor.eof
        return output, len(data) - len(self._decompressor.unused_data)


_CODECS: dict[str, Callable[[], _Codec]] = {
    "gzip": lambda: _Zlib(zlib.MAX_WBITS | 16, repeats=True),
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}


def _faults() -> tuple[type[Exception], ...]:
    """What the libraries that have been loaded raise for bad data."""
    faults: list[type[Exception]] = [zlib.error]
    for name, error in (("brotli", "error"), ("brotlicffi", "error"), ("zstandard", "ZstdError")):
        if _modules.get(name) is not None:
            faults.append(getattr(_modules[name], error))
    return tuple(faults)


class _Stage:
    """One coding undone. Reading gives a piece, ``b""`` if more input is needed first, or None at the end."""

    def __init__(self, name: str, source: Callable[[], bytes | memoryview | None]) -> None:
        self._name = name
        self._source = source
        self._input = memoryview(b"")
        self._output = memoryview(b"")  # the rest of a step that gave more than a piece
        self._codec: _Codec | None = None
        self._make = _CODECS[name]
        self._used = 0

    def read(self) -> bytes | memoryview | None:
        while True:
            if self._output:
                piece, self._output = self._output[:PIECE_SIZE], self._output[PIECE_SIZE:]
                return piece
            codec = self._codec
            if not self._input and (codec is None or not codec.pending):
                data = self._source()
                if data is None:
                    if codec is not None and not codec.ended:
                        raise DecodingError(
                            f"the {self._name} content ends in the middle, after {self._used} bytes; "
                            "the sender stopped early, and what it sent is not the whole"
                        )
                    return None
                if not data:
                    return b""
                self._input = memoryview(data)
            if codec is None or codec.ended:
                if codec is not None and not codec.repeats:
                    self._refuse_more()
                codec = self._codec = self._make()
                fresh = self._used > 0
            else:
                fresh = False
            try:
                output, used = codec.step(self._input[: codec.window])
            except _faults() as error:
                if fresh:
                    self._refuse_more()
                raise DecodingError(
                    f"the content is no valid {self._name} after {self._used} bytes of it: {error}"
                ) from error
            self._used += used
            self._input = self._input[used:]
            if output:
                self._output = memoryview(output)

    def _refuse_more(self) -> None:
        raise DecodingError(
            f"there are bytes behind the end of the {self._name} content, which is {self._used} bytes long; "
            "nothing may follow it"
        ) from None


@final
class ContentDecoder:
    """Undoes content codings, piece by piece.

    Feed what has arrived, read until ``b""``, feed again; when nothing more comes, call :meth:`finish` and read until
    ``b""`` once more. Only then is it certain that the content was whole.

    Args:
        codings: In the order in which they were applied, as :func:`parse_content_encoding` gives them.
        max_output: How many decoded bytes are taken in all; None for any number.
        max_ratio: How many decoded bytes are taken for one fed byte, once there is 1 MiB of them; None for any number.

    Raises:
        DecodingError: There are more than five codings, or one that is not available here.
    """

    __slots__ = ("_ended", "_fault", "_fed", "_finished", "_max_output", "_max_ratio", "_queue", "_read", "_total")

    def __init__(self, codings: Sequence[str], *, max_output: int | None = None, max_ratio: int | None = None) -> None:
        if len(codings) > CODINGS_MAX:
            raise DecodingError(f"the content was coded {len(codings)} times; at most {CODINGS_MAX} are undone")
        self._queue: deque[bytes | memoryview] = deque()
        self._finished = False
        self._ended = False
        self._fault: DecodingError | BodyTooLarge | None = None
        self._fed = 0
        self._total = 0
        self._max_output = max_output
        self._max_ratio = max_ratio
        read: Callable[[], bytes | memoryview | None] = self._next_input
        available = available_codings() if set(codings) - {"gzip", "deflate"} else ("gzip", "deflate")
        for name in reversed(codings):
            if name not in available:
                raise DecodingError(
                    f"the content coding {name[:40]!a} is not known here; these are: {', '.join(available_codings())}"
                )
            read = _Stage(name, read).read
        self._read = read

    @property
    def bytes_out(self) -> int:
        """How many decoded bytes have been read so far."""
        return self._total

    def feed(self, data: bytes) -> None:
        """Add what has arrived; it is not copied, so it must not be changed afterwards."""
        if self._finished:
            raise RuntimeError("feed() after finish(): make a new ContentDecoder for another body")
        if data:
            self._fed += len(data)
            self._queue.append(data)

    def finish(self) -> None:
        """Say that nothing more will be fed."""
        self._finished = True

    def read(self) -> bytes:
        """Return the next piece, at most 64 KiB; ``b""`` if more must be fed first, or at the end.

        Raises:
            DecodingError: The content is malformed, is cut off, or goes on behind its end.
            BodyTooLarge: It exceeds ``max_output`` or ``max_ratio``. Every further call raises the same error.
        """
        if self._ended:
            return b""
        if self._fault is not None:
            raise self._fault
        try:
            piece = self._read()
            if piece:
                self._count(len(piece))
        except (DecodingError, BodyTooLarge) as error:
            self._fault = error
            raise
        if piece is None:
            self._ended = True
            return b""
        return bytes(piece)

    def _next_input(self) -> bytes | memoryview | None:
        if not self._queue:
            return None if self._finished else b""
        data = self._queue.popleft()
        if len(data) > PIECE_SIZE:
            view = memoryview(data)
            self._queue.appendleft(view[PIECE_SIZE:])
            return view[:PIECE_SIZE]
        return data

    def _count(self, size: int) -> None:
        total = self._total + size
        if self._max_output is not None and total > self._max_output:
            raise BodyTooLarge(
                f"the decoded content is larger than the limit of {self._max_output} bytes "
                f"({self._fed} bytes had arrived); raise the limit if it may be",
                limit=self._max_output,
            )
        if self._max_ratio is not None and total > max(RATIO_FREE, self._fed * self._max_ratio):
            raise BodyTooLarge(
                f"{self._fed} bytes became {total} decoded ones or more: more than the allowed "
                f"{self._max_ratio} for each; raise the ratio if that may be",
                limit=self._fed * self._max_ratio,
            )
        self._total = total


def decode_content(data: bytes, codings: Sequence[str], *, max_output: int | None = None) -> bytes:
    """Return content that is there as a whole with its codings undone.

    Raises:
        DecodingError: As :class:`ContentDecoder` does.
        BodyTooLarge: It has more than ``max_output`` decoded bytes.
    """
    decoder = ContentDecoder(codings, max_output=max_output)
    decoder.feed(data)
    decoder.finish()
    return b"".join(iter(decoder.read, b""))


@final
class ContentEncoder:
    """Applies one content coding, piece by piece.

    Args:
        coding: One of :func:`available_codings`.
        level: As the coding counts it (gzip, deflate: 0 to 9; br: 0 to 11; zstd: 1 to 22); None for one that suits
            answers made on the fly (6, 6, 4, 3).

    Raises:
        ValueError: The coding is not available here.
    """

    __slots__ = ("_encode", "_finish", "_flush")

    def __init__(self, coding: str, *, level: int | None = None) -> None:
        self._encode: Callable[[bytes], bytes]
        self._flush: Callable[[], bytes]
        self._finish: Callable[[], bytes]
        if coding in {"gzip", "deflate"}:
            wbits = zlib.MAX_WBITS | 16 if coding == "gzip" else zlib.MAX_WBITS
            deflate = zlib.compressobj(6 if level is None else level, zlib.DEFLATED, wbits)
            self._encode = deflate.compress
            self._flush = lambda: deflate.flush(zlib.Z_SYNC_FLUSH)
            self._finish = deflate.flush
        elif coding == "br" and _brotli() is not None:
            brotli = _brotli().Compressor(quality=4 if level is None else level)
            self._encode = brotli.process
            self._flush = brotli.flush
            self._finish = brotli.finish
        elif coding == "zstd" and _load("zstandard") is not None:
            zstandard = _load("zstandard")
            zstd = zstandard.ZstdCompressor(level=3 if level is None else level).compressobj()
            self._encode = zstd.compress
            self._flush = lambda: zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            self._finish = zstd.flush
        else:
            raise ValueError(f"no content coding {coding!a} here: expected one of {', '.join(available_codings())}")

    def encode(self, data: bytes) -> bytes:
        """Return what is ready of the coded content after ``data``; often nothing."""
        return self._encode(data)

    def flush(self) -> bytes:
        """Return all that is needed to decode what was given so far; costs some compression."""
        return self._flush()

    def finish(self) -> bytes:
        """Return the rest of the coded content."""
        return self._finish()
