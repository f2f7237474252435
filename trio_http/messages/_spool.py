"""A body put into a file: in memory while it is small, in an unnamed file on disk once it is not.

An unnamed file is gone when it is closed, and when the process ends: nothing half-written stays behind on any path.
"""

from __future__ import annotations

import io
import os
import tempfile
from types import TracebackType
from typing import IO, Final, Self, cast, final

import trio

from .._errors import BodyConsumed
from ._body import Body
from ._disk_limiter import disk_limiter

__all__ = ["SPOOL_MEMORY", "SpooledBody", "spool"]

SPOOL_MEMORY: Final = 1024 * 1024  # as Django's and Werkzeug's limits of what is kept in memory, roughly
_PIECE = 256 * 1024  # gathered before a thread is asked to write: a hop to one costs as much as writing this


@final
class SpooledBody:
    """A body that has been received as a whole, to be read as often and in whatever order is wanted.

    Attributes:
        size: In bytes.
        in_memory: Whether no disk is involved.
    """

    __slots__ = ("_file", "in_memory", "size")

    def __init__(self, file: IO[bytes], size: int, *, in_memory: bool) -> None:
        self._file = file
        self.size: int = size
        self.in_memory: bool = in_memory

    def __repr__(self) -> str:
        where = "closed" if self._file.closed else "in memory" if self.in_memory else "on disk"
        return f"<SpooledBody: {self.size} bytes, {where}>"

    @property
    def file(self) -> IO[bytes]:
        """The file itself, for code that wants one; what it does blocks, unless :attr:`in_memory`."""
        return self._file

    async def read(self, max_bytes: int | None = None) -> bytes:
        """Return the next bytes, all that are left unless ``max_bytes`` says less; ``b""`` at the end.

        Raises:
            ValueError: The file is closed.

        Cancellation:
            Waits for the thread that reads, where there is one.
        """
        count = -1 if max_bytes is None else max_bytes
        if self.in_memory:
            await trio.lowlevel.checkpoint()
            return self._file.read(count)
        return await trio.to_thread.run_sync(self._file.read, count, limiter=disk_limiter())

    async def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Continue reading elsewhere; the arguments are those of :meth:`io.IOBase.seek`."""
        await trio.lowlevel.checkpoint()
        return self._file.seek(offset, whence)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self.read(_PIECE)
        if not piece:
            raise StopAsyncIteration
        return piece

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Forget the bytes; a file on disk is gone."""
        self._file.close()


async def spool(body: Body, memory: int, folder: str | None) -> SpooledBody:
    """Read a body to its end; see :meth:`Request.spool`."""
    if body.received:
        raise BodyConsumed(
            f"{body.received} bytes of this body have been read already: spool() would not give the whole. "
            "Read a body either piece by piece or at once"
        )
    file: IO[bytes] = io.BytesIO()
    in_memory = True
    size = 0
    waiting: list[bytes] = []  # for the disk
    count = 0
    try:
        async for piece in body:
            size += len(piece)
            if in_memory and size <= memory:
                file.write(piece)
                continue
            if in_memory:
                file.seek(0)
                waiting.append(file.read())
                file.close()
                file = await trio.to_thread.run_sync(_unnamed_file, folder, limiter=disk_limiter())
                in_memory = False
            waiting.append(piece)
            count += len(piece)
            if count >= _PIECE:
                await trio.to_thread.run_sync(_write, file, waiting, limiter=disk_limiter())
                waiting, count = [], 0
        if waiting:
            await trio.to_thread.run_sync(_write, file, waiting, limiter=disk_limiter())
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return SpooledBody(file, size, in_memory=in_memory)


def _unnamed_file(folder: str | None) -> IO[bytes]:
    # unbuffered: what cannot be written is told when it is written, not when the file is closed
    return cast("IO[bytes]", tempfile.TemporaryFile(dir=folder, prefix="trio_http-", buffering=0))


def _write(file: IO[bytes], pieces: list[bytes]) -> None:
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[file.write(rest) :]
