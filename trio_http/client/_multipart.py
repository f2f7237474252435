"""Forms with files: ``multipart/form-data``, RFC 7578, made piece by piece.

Its length is told beforehand wherever all parts know theirs, so that servers that take no chunked bodies take it.
"""

from __future__ import annotations

import mimetypes
import pathlib
import stat
from collections.abc import AsyncIterable, Mapping, Sequence
from typing import Protocol, final, runtime_checkable

import trio

from .._entropy import random_bytes
from .._errors import BodyConsumed, LocalProtocolError
from ..messages import SendChunk
from ..semantics import Headers, QueryValue

__all__ = ["FileContent", "FilesInput", "MultipartBody", "close_files"]

READ = 64 * 1024  # bytes read from a file at once


@runtime_checkable
class AsyncReadable(Protocol):
    """An open binary file of trio's: ``await trio.open_file(path, "rb")``."""

    async def read(self, size: int) -> bytes:
        """Return the next bytes; ``b""`` at the end."""
        ...


@runtime_checkable
class _Closeable(Protocol):
    async def aclose(self) -> None: ...


FileContent = bytes | str | pathlib.Path | trio.Path | AsyncReadable | AsyncIterable[bytes]
"""The content of a part: bytes, text, a path to read, a file opened by trio, or an async iterable."""

FileInput = (
    FileContent
    | tuple[str | None, FileContent]
    | tuple[str | None, FileContent, str]
    | tuple[str | None, FileContent, str, Mapping[str, str]]
)
"""A content alone, or ``(file name, content, content type, further fields)``, from the left as much as is wanted."""

FilesInput = Mapping[str, FileInput] | Sequence[tuple[str, FileInput]]


@final
class _Part:
    __slots__ = ("content", "head", "length", "used")

    def __init__(self, head: bytes, content: FileContent) -> None:
        self.head = head
        self.content = content.encode() if isinstance(content, str) else content
        self.used = False
        self.length: int | None = None
        if isinstance(self.content, bytes):
            self.length = len(self.content)
        elif isinstance(self.content, pathlib.Path | trio.Path):
            try:
                found = pathlib.Path(self.content).stat()  # as quick as opening a socket
            except OSError as error:
                raise LocalProtocolError(f"cannot send the file {self.content}: {error.strerror or error}") from error
            if stat.S_ISDIR(found.st_mode):
                raise LocalProtocolError(f"cannot send the file {self.content}: it is a directory")
            if stat.S_ISREG(found.st_mode):  # a pipe has no size beforehand
                self.length = found.st_size

    async def send_to(self, send: SendChunk) -> None:
        content = self.content
        if isinstance(content, bytes):
            await send(content)
            return
        if isinstance(content, pathlib.Path | trio.Path):
            async with await trio.open_file(content, "rb") as file:
                while piece := await file.read(READ):
                    await send(piece)
            return
        if self.used:
            raise BodyConsumed(
                "a part of this form came from an iterator or an open file and has been sent already; "
                "give bytes or a path if it may have to be sent again"
            )
        self.used = True
        try:
            if isinstance(content, AsyncReadable):
                while piece := await content.read(READ):
                    await send(piece)
            elif isinstance(content, AsyncIterable):
                async for piece in content:
                    await send(piece)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        self.used = True
        await _close(self.content)


@final
class MultipartBody:
    """A form with files, as a producer; it can be sent again if its parts can.

    Args:
        fields: Names and texts, which come first.
        files: Names and contents.

    Attributes:
        content_type: With the boundary.
        length: Bytes in all; None if a part does not know its length.

    Raises:
        LocalProtocolError: A file is not there, or a part's field cannot be sent.
    """

    def __init__(
        self,
        fields: Mapping[str, QueryValue | Sequence[QueryValue]] | Sequence[tuple[str, QueryValue]],
        files: FilesInput,
    ) -> None:
        self._boundary = random_bytes(16).hex().encode()
        self.content_type = f"multipart/form-data; boundary={self._boundary.decode()}"
        self._parts: list[_Part] = []
        for name, value in fields if isinstance(fields, Sequence) else fields.items():
            for one in value if isinstance(value, list | tuple) else (value,):
                self._parts.append(_Part(_head(name, None, None, None), _text(one)))
        for name, file in files.items() if isinstance(files, Mapping) else files:
            self._parts.append(_file_part(name, file))
        self._heads = [b"--%b\r\n%b\r\n" % (self._boundary, part.head) for part in self._parts]
        self._end = b"--%b--\r\n" % self._boundary
        lengths = [part.length for part in self._parts]
        self.length: int | None = None
        if None not in lengths:
            self.length = sum(length or 0 for length in lengths) + 2 * len(lengths)
            self.length += sum(map(len, self._heads)) + len(self._end)

    async def __call__(self, send: SendChunk) -> None:
        """Send everything."""
        for head, part in zip(self._heads, self._parts, strict=True):
            await send(head)
            await part.send_to(send)
            await send(b"\r\n")
        await send(self._end)

    async def aclose(self) -> None:
        """Close what is never going to be sent."""
        for part in self._parts:
            await part.aclose()


async def close_files(files: FilesInput | None) -> None:
    """Close what was given as files and is never going to be sent; what is no file is passed over."""
    if isinstance(files, Mapping):
        files = list(files.items())
    for _, file in files if isinstance(files, list | tuple) else ():
        await _close(file[1] if isinstance(file, tuple) else file)


async def _close(content: object) -> None:
    if isinstance(content, _Closeable):
        # bounded, because it is user code; shielded, because a cancelled sender closes its sources, too
        with trio.CancelScope(deadline=trio.current_time() + 1, shield=True):
            await content.aclose()


def _text(value: object) -> bytes | str:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _file_part(name: str, file: FileInput) -> _Part:
    filename: str | None = None
    kind: str | None = None
    more: Mapping[str, str] | None = None
    if isinstance(file, tuple):
        filename, content = file[0], file[1]
        if len(file) > 2:
            kind = file[2]
        if len(file) > 3:
            more = file[3]
    else:
        content = file
        filename = content.name if isinstance(content, pathlib.Path | trio.Path) else name
    if kind is None and filename is not None:
        kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    return _Part(_head(name, filename, kind, more), content)


def _head(name: str, filename: str | None, kind: str | None, more: Mapping[str, str] | None) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        disposition += f'; filename="{_quoted(filename)}"'
    fields = Headers(more)
    if kind is not None:
        fields.setdefault("Content-Type", kind)
    return disposition.encode() + b"\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in fields.raw)


def _quoted(text: str) -> str:
    # as browsers do: https://html.spec.whatwg.org/#multipart-form-data
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").replace("\0", "%00")
