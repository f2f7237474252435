"""Files on disk: opened safely, read in threads, closed on every path. It knows no HTTP.

How it works
------------
* Everything that touches the disk runs in a worker thread, a few at a time (``disk_limiter()``): a slow disk then holds
  up those who wait for it and nobody else.
* A hop to a thread costs about 100 us, as much as reading 1 MiB that the system has in memory. So hops are saved:
  whoever needs several things does them in one function, and what is in memory is read without a thread. Only the
  system knows what is: it is asked to read and to refuse if that would take time (``RWF_NOWAIT``). File systems that
  cannot tell (over a network, in user space) refuse always.
* A file is open only while somebody iterates over it (:class:`FileBody`); until then there is its
  :class:`Snapshot`, which holds nothing. So what is never sent needs no closing, and a file that was replaced in
  between is noticed.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Sequence
from typing import Final, Self, final

import trio

from ._paths import is_within

__all__ = ["PIECE", "FileBody", "Snapshot", "is_missing", "open_file", "read_cached"]

PIECE: Final = 256 * 1024
"""How many bytes of a file are read at once."""

# what a name from outside may run into, and what then means that there is no such file
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EISDIR}

_NOWAIT = getattr(os, "RWF_NOWAIT", -1)  # Linux; elsewhere a flag that every system refuses

_scratch = threading.local()  # a buffer for each thread: making one anew costs as much as reading into it


def read_cached(descriptor: int, count: int, offset: int) -> bytes | None:
    """Read what is in memory already, perhaps less than ``count``; None if anything would have to be waited for."""
    buffer = getattr(_scratch, "buffer", None)
    if buffer is None:
        buffer = _scratch.buffer = memoryview(bytearray(PIECE))
    view: memoryview = buffer[:count] if count <= PIECE else memoryview(bytearray(count))
    try:
        found = os.preadv(descriptor, [view], offset, _NOWAIT)
    except OSError:
        return None  # not in memory, or the file system cannot tell: whoever reads it in a thread will see
    return bytes(view[:found])


def is_missing(error: OSError) -> bool:
    """Tell whether an error means that there is no such file."""
    return error.errno in _MISSING


@final
class Snapshot:
    """What a file was like when it was looked at.

    Attributes:
        path: Where it is.
        root: The resolved folder it must be in; None for anywhere.
        size: In bytes.
        modified_ns: When it was changed last, in nanoseconds since 1970.
    """

    __slots__ = ("_file", "modified_ns", "path", "root", "size")

    def __init__(self, path: str, root: str | None, found: os.stat_result) -> None:
        self.path = path
        self.root = root
        self.size = found.st_size
        self.modified_ns = found.st_mtime_ns
        self._file = (found.st_dev, found.st_ino)

    @property
    def modified(self) -> float:
        """When it was changed last, in seconds since 1970."""
        return self.modified_ns / 1e9

    def is_still(self, found: os.stat_result) -> bool:
        """Tell whether that is the same file, unchanged."""
        return (found.st_size, found.st_mtime_ns, found.st_dev, found.st_ino) == (
            self.size,
            self.modified_ns,
            *self._file,
        )


def open_file(path: str, root: str | None = None) -> tuple[int, os.stat_result]:
    """Open a file or folder for reading. Blocks.

    Args:
        path: Where it is.
        root: The resolved folder that it must really be in, wherever symbolic links lead.

    Returns:
        The file descriptor and what it is. Neither pipes nor devices can be opened.

    Raises:
        OSError: As the system finds; FileNotFoundError also for what is not in the root, or no file and no folder.
    """
    # O_NONBLOCK: opening a pipe would otherwise wait for somebody to write to it
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        found = os.fstat(descriptor)
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            raise FileNotFoundError(errno.ENOENT, "neither a file nor a folder", path)
        if root is not None and not is_within(_real_path(descriptor, path), root):
            raise FileNotFoundError(errno.ENOENT, "a symbolic link leads out of the folder", path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, found


def _real_path(descriptor: int, path: str) -> str:
    # Asked of what was opened, not of its name: nobody can swap a link in between. Without /proc that is not to be had.
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return os.path.realpath(path)


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
            raise OSError(errno.EIO, f"the file ends at byte {start}; {stop} were announced", self._snapshot.path)
        if start + len(data) == stop:
            self._parts.pop()
        else:
            self._parts[-1] = (start + len(data), stop)
        self._cached = True  # now it is open: the next piece may be in memory
        return data

    def _open(self) -> int:
        descriptor = self._descriptor
        if descriptor is None:
            # kept at once: whatever happens to the task that waits for a thread that does this, aclose() finds it
            descriptor, found = open_file(self._snapshot.path, self._snapshot.root)
            self._descriptor = descriptor
            if not self._snapshot.is_still(found):
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
