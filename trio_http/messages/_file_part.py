"""Parts of open files as pieces of a body: bytes that a plain socket can be given without passing through this process.

A body that has such parts is also an ordinary iterable of bytes, for everybody who cannot do that: over TLS, through
middleware that compresses, in tests. Who sends chooses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

__all__ = ["FilePart", "FileParts", "SendPart"]


class FilePart(Protocol):
    """The bytes of an open file from ``start`` up to ``stop``."""

    @property
    def descriptor(self) -> int:
        """The file; open until the next part is asked for, or the body is closed."""
        ...

    @property
    def start(self) -> int:
        """The first byte."""
        ...

    @property
    def stop(self) -> int:
        """The byte after the last."""
        ...

    def __len__(self) -> int:
        """How many bytes."""
        ...

    async def load(self, start: int, stop: int) -> None:
        """Have these bytes in the system's memory, so that sending them waits for no disk; as a rule without a wait.

        Raises:
            OSError: The disk cannot be read, or the file has become shorter.
        """
        ...

    async def read(self, start: int, stop: int) -> bytes:
        """Read some of these bytes, at least one.

        Raises:
            OSError: The disk cannot be read, or the file has become shorter.
        """
        ...


SendPart = Callable[[FilePart], Awaitable[None]]


class FileParts(Protocol):
    """A body that consists of bytes and of parts of files; it is known by having :meth:`next_part`."""

    async def next_part(self) -> bytes | FilePart | None:
        """Return the next piece; None is the end. It continues where the iterator of the body stands.

        Raises:
            OSError: The file cannot be opened, or is no longer what it was.
        """
        ...
