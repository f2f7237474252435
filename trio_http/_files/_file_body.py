"""Parts of a file on disk as a body, for those who take bytes and for those who can send a file as such.

How it works
------------
* A file is open only while somebody sends it; until then there is its :class:`Snapshot`, which holds nothing. So what
  is never sent needs no closing, and a file that was replaced in between is noticed.
* Sending a file as such (``sendfile``) would wait for the disk where its bytes are not in memory, and everybody with
  it. So they are looked for before each step, which costs a microsecond for 128 KiB; where some are missing, a thread
  reads all of them and throws them away: the system has them then. Two other ways were dropped: ``sendfile`` in a
  thread would hold the number of a socket that another task may close and a third may open anew; ``posix_fadvise``
  alone begins to read and does not say when it is done (it is used for what comes next).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Self, final

import trio

from ..messages import FilePart
from ._disk import OPEN_FLAGS, PIECE, Snapshot, is_cached, read_cached, scratch

__all__ = ["FileBody"]


@final
class _OpenPart:
    """A part of a file that is open; see :class:`~trio_http.messages.FilePart`."""

    __slots__ = ("_limiter", "_path", "descriptor", "start", "stop")

    def __init__(self, descriptor: int, start: int, stop: int, path: str, limiter: trio.CapacityLimiter) -> None:
        self.descriptor = descriptor
        self.start = start
        self.stop = stop
        self._path = path
        self._limiter = limiter

    def __len__(self) -> int:
        return self.stop - self.start

    async def load(self, start: int, stop: int) -> None:
        """Have these bytes in the system's memory; in a thread if they are not."""
        if not is_cached(self.descriptor, start, stop):
            await trio.to_thread.run_sync(self._load, start, stop, limiter=self._limiter)

    def _load(self, start: int, stop: int) -> None:
        ahead = min(stop - start, self.stop - stop)
        if ahead:
            os.posix_fadvise(self.descriptor, stop, ahead, os.POSIX_FADV_WILLNEED)
        while start < stop:
            found = os.preadv(self.descriptor, [scratch(min(PIECE, stop - start))], start)
            if not found:
                raise was_cut(self._path, start, self.stop)
            start += found

    async def read(self, start: int, stop: int) -> bytes:
        """Read some of these bytes."""
        return await trio.to_thread.run_sync(self._read, start, stop, limiter=self._limiter)

    def _read(self, start: int, stop: int) -> bytes:
        data = os.pread(self.descriptor, min(PIECE, stop - start), start)
        if not data:
            raise was_cut(self._path, start, self.stop)
        return data


@final
class FileBody:
    """Parts of a file as a body; each piece is read in a thread when it is wanted.

    Args:
        snapshot: The file. It must not have been changed since.
        parts: What to send: bytes as they are, or the start and stop of a part of the file.
        limiter: The limiter of threads.
        cached: Its name was looked up a moment ago and its bytes were in memory: it may be opened without a thread.
    """

    __slots__ = ("_cached", "_descriptor", "_limiter", "_parts", "_snapshot")

    def __init__(
        self,
        snapshot: Snapshot,
        parts: Sequence[bytes | tuple[int, int]],
        limiter: trio.CapacityLimiter,
        *,
        cached: bool = False,
    ) -> None:
        self._cached = cached
        self._snapshot = snapshot
        self._parts = list(reversed(parts))
        self._limiter = limiter
        self._descriptor: int | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece.

        Raises:
            OSError: The file cannot be read, or is no longer what it was.

        Cancellation:
            Waits for the thread, which is as quick as the disk; loses nothing.
        """
        if not self._parts:
            await self.aclose()
            raise StopAsyncIteration
        part = self._parts[-1]
        if isinstance(part, bytes):
            await trio.lowlevel.checkpoint_if_cancelled()
            self._parts.pop()
            return part
        start, stop = part
        data = None
        if self._cached:
            # Others get their turn while this piece is sent; a turn in between would cost a third of the reading.
            await trio.lowlevel.checkpoint_if_cancelled()
            data = read_cached(self._open(), min(PIECE, stop - start), start)
        if data is None:
            data = await trio.to_thread.run_sync(self._read, start, stop, limiter=self._limiter)
        if not data:
            raise was_cut(self._snapshot.path, start, stop)
        if start + len(data) == stop:
            self._parts.pop()
        else:
            self._parts[-1] = (start + len(data), stop)
        self._cached = True  # now it is open: the next piece may be in memory
        return data

    async def next_part(self) -> bytes | FilePart | None:
        """Return the next piece, a part of the file as such.

        Raises:
            OSError: The file cannot be opened, or is no longer what it was.

        Cancellation:
            Waits for the thread that opens the file; loses nothing.
        """
        if not self._parts:
            await self.aclose()
            return None
        part = self._parts[-1]
        if isinstance(part, bytes):
            await trio.lowlevel.checkpoint_if_cancelled()
        elif self._cached or self._descriptor is not None:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._open()
        else:
            await trio.to_thread.run_sync(self._open, limiter=self._limiter)
        self._parts.pop()
        if isinstance(part, bytes):
            return part
        return _OpenPart(self._open(), *part, self._snapshot.path, self._limiter)

    def _open(self) -> int:
        descriptor = self._descriptor
        if descriptor is None:
            # kept at once: whatever happens to the task that waits for a thread that does this, aclose() finds it
            descriptor = os.open(self._snapshot.path, OPEN_FLAGS)
            self._descriptor = descriptor
            # if it is the same file, then it is in the folder that it must be in
            if not self._snapshot.is_still(os.fstat(descriptor)):
                raise OSError(errno.ESTALE, "the file was changed after its head had been sent", self._snapshot.path)
        return descriptor

    def _read(self, start: int, stop: int) -> bytes:
        return os.pread(self._open(), min(PIECE, stop - start), start)

    async def aclose(self) -> None:
        """Close the file; done before anything is waited for."""
        self._parts.clear()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        await trio.lowlevel.checkpoint_if_cancelled()


def was_cut(path: str, end: int, announced: int) -> OSError:
    """Return the error for a file that has become shorter than its head said."""
    return OSError(errno.EIO, f"the file ends at byte {end}; {announced} were announced", path)
