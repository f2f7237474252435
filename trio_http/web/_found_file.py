"""A file that was looked up: what it is, what every answer with it says, its compressed forms, and few bytes.

How it works
------------
* Looking up means opening: what was opened is asked what and where it is. That takes some ten system calls, most of
  them for compressed forms that are not there, and a thread, because any of them may wait for the disk.
* What was found can be used again as long as the system says, by one call, that its name still leads to the same file,
  unchanged (:meth:`FoundFile.is_at`). The bytes of small files are kept with it, but only of such as had been left
  alone for a while when they were read: two changes within one tick of the file system's clock look like one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Final, Self, final

from .. import _clock
from .._files import Snapshot, open_file, read_cached
from ..semantics import ETag, Headers, format_http_date
from ._content_types import content_type_of

__all__ = ["EAGER", "SIBLINGS", "FoundFile", "IsFolder"]

EAGER: Final = 64 * 1024  # up to here a file is read at once, in the thread that looks it up: nothing is left open
SETTLED: Final = 2.0  # seconds; FAT counts in these, everything else in less

SIBLINGS: Final[Mapping[str, str]] = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""What is put behind the name of a file for its compressed form, by content coding, the preferred first."""


class IsFolder(Exception):
    """What was looked for is a folder."""


@final
class FoundFile:
    """A file as it was when it was looked up.

    Attributes:
        snapshot: What it was like.
        etag: Its entity tag.
        headers: The fields of every answer with it: content type, ETag, Last-Modified, Accept-Ranges. Copy them.
        siblings: Its compressed forms, by content coding; empty where they are not wanted.
        data: All of it, if it is small.
        keeps: Whether it may be used for more than the request it was looked up for.
        cached: Whether its bytes were in memory.
    """

    __slots__ = ("cached", "data", "etag", "headers", "keeps", "siblings", "snapshot")

    def __init__(self, snapshot: Snapshot, descriptor: int, content_type: str) -> None:
        self.snapshot = snapshot
        # As nginx and Apache make it. Two versions of one size within one tick of the file system's clock look alike.
        self.etag = ETag(f"{snapshot.modified_ns:x}-{snapshot.size:x}")
        self.headers = Headers(
            {
                "content-type": content_type,
                "etag": str(self.etag),
                "last-modified": format_http_date(max(0.0, snapshot.modified)),
                "accept-ranges": "bytes",
            }
        )
        self.siblings: dict[str, FoundFile] = {}
        size = snapshot.size
        self.data: bytes | None = None
        if size <= EAGER:
            data = read_cached(descriptor, size, 0)
            self.cached = data is not None and len(data) == size
            self.data = data if self.cached else _read(descriptor, size)
        else:
            self.cached = read_cached(descriptor, 1, 0) is not None
        self.keeps = self.data is None or _clock.wall() - snapshot.changed > SETTLED

    @classmethod
    def look_up(cls, path: str, root: str | None, *, content_type: str | None = None, siblings: bool = False) -> Self:
        """Open a file, see what there is to know, and close it. Blocks.

        Args:
            path: Where it is.
            root: The resolved folder that it must really be in, wherever symbolic links lead.
            content_type: Unless given, by the name.
            siblings: Look for compressed forms, too.

        Raises:
            IsFolder: It is a folder.
            OSError: As :func:`open_file`.
        """
        descriptor, found = open_file(path, root)
        try:
            if stat.S_ISDIR(found.st_mode):
                raise IsFolder
            kind = content_type or content_type_of(path)
            self = cls(Snapshot(path, root, found), descriptor, kind)
        finally:
            os.close(descriptor)
        if siblings:
            for coding, suffix in SIBLINGS.items():
                try:
                    other = cls.look_up(path + suffix, root, content_type=kind)
                except (OSError, IsFolder):
                    continue
                # one that was forgotten when the file was changed is none
                if other.snapshot.modified_ns >= self.snapshot.modified_ns:
                    self.siblings[coding] = other
        return self

    @property
    def kept_bytes(self) -> int:
        """How much memory the bytes of this file and its compressed forms take."""
        return sum([len(found.data) for found in (self, *self.siblings.values()) if found.data is not None])

    def is_at(self, path: str) -> bool:
        """Tell whether a path leads to this file, and it and its compressed forms are as they were.

        Blocks, if the names are not in memory. A compressed form that is new is not seen.
        """
        try:
            if not self.snapshot.is_still(os.stat(path)):
                return False
            for coding, sibling in self.siblings.items():
                if not sibling.snapshot.is_still(os.stat(path + SIBLINGS[coding])):
                    return False
        except (OSError, ValueError):
            return False
        return True


def _read(descriptor: int, size: int) -> bytes:
    data = os.pread(descriptor, size, 0)
    if len(data) < size:
        raise OSError(f"the file was cut while it was read: {len(data)} of {size} bytes")
    return data
