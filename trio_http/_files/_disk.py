"""Files on disk: opened safely, read in threads, closed on every path. It knows no HTTP.

How it works
------------
* Everything that touches the disk runs in a worker thread, a few at a time (``disk_limiter()``): a slow disk then holds
  up those who wait for it and nobody else.
* A hop to a thread costs about 100 us, as much as reading 1 MiB that the system has in memory. So hops are saved:
  whoever needs several things does them in one function, and what is in memory is read without a thread. Only the
  system knows what is: it is asked to read and to refuse if that would take time (``RWF_NOWAIT``). File systems that
  cannot tell (over a network, in user space) refuse always.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from typing import Final, final

__all__ = [
    "OPEN_FLAGS",
    "PIECE",
    "Snapshot",
    "is_cached",
    "is_missing",
    "is_within",
    "open_file",
    "read_cached",
    "scratch",
]

PIECE: Final = 256 * 1024
"""How many bytes of a file are read at once."""

# what a name from outside may run into, and what then means that there is no such file
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EISDIR}

# O_NONBLOCK: opening a pipe would otherwise wait for somebody to write to it
OPEN_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

_NOWAIT = getattr(os, "RWF_NOWAIT", -1)  # Linux; elsewhere a flag that every system refuses

LOOK_EVERY: Final = 128 * 1024  # bytes; what Linux reads ahead at once, unless told otherwise
_one_byte = bytearray(1)  # what is put there, by whichever thread, nobody looks at

_scratch = threading.local()  # a buffer for each thread: making one anew costs as much as reading into it


def scratch(count: int) -> memoryview:
    """Return room for so many bytes, which belongs to the caller until its thread asks again."""
    buffer: memoryview | None = getattr(_scratch, "buffer", None)
    if buffer is None:
        buffer = _scratch.buffer = memoryview(bytearray(PIECE))
    return buffer[:count] if count <= PIECE else memoryview(bytearray(count))


def read_cached(descriptor: int, count: int, offset: int) -> bytes | None:
    """Read what is in memory already, perhaps less than ``count``; None if anything would have to be waited for."""
    view = scratch(count)
    try:
        found = os.preadv(descriptor, [view], offset, _NOWAIT)
    except OSError:
        return None  # not in memory, or the file system cannot tell: whoever reads it in a thread will see
    return bytes(view[:found])


def is_cached(descriptor: int, start: int, stop: int) -> bool:
    """Tell whether these bytes are in memory, by looking at some of them; False also where the file has no such bytes.

    The system brings bytes into memory, and throws them out, in runs that are longer than the distance of two looks.
    """
    try:
        for offset in (*range(start, stop, LOOK_EVERY), stop - 1):
            if os.preadv(descriptor, [_one_byte], offset, _NOWAIT) != 1:
                return False
    except OSError:
        return False
    return True


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

    __slots__ = ("_rest", "modified_ns", "path", "root", "size")

    def __init__(self, path: str, root: str | None, found: os.stat_result) -> None:
        self.path = path
        self.root = root
        self.size = found.st_size
        self.modified_ns = found.st_mtime_ns
        self._rest = (found.st_dev, found.st_ino, found.st_ctime_ns)

    @property
    def modified(self) -> float:
        """When it was changed last, in seconds since 1970."""
        return self.modified_ns / 1e9

    @property
    def changed(self) -> float:
        """When anything about it was changed last, in seconds since 1970; nobody but the system can set this."""
        return self._rest[2] / 1e9

    def is_still(self, found: os.stat_result) -> bool:
        """Tell whether that is the same file, unchanged."""
        return (found.st_size, found.st_mtime_ns, found.st_dev, found.st_ino, found.st_ctime_ns) == (
            self.size,
            self.modified_ns,
            *self._rest,
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
    descriptor = os.open(path, OPEN_FLAGS)
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


def is_within(real: str, real_root: str) -> bool:
    """Tell whether a resolved path is a resolved folder or below it."""
    return real == real_root or real.startswith(real_root.rstrip(os.sep) + os.sep)
