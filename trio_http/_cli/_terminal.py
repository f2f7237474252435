"""Where a command reads from and writes to, and what that can show."""

from __future__ import annotations

import io
import os
import re
import select
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Literal, Protocol, TextIO, TypeVar, final

import trio

__all__ = ["ColorChoice", "Terminal", "visible"]

T = TypeVar("T")
ColorChoice = Literal["auto", "always", "never"]

CHUNK = 64 * 1024  # bytes read at once

# What a terminal would obey instead of showing it: C0 but tab and newline, DEL, and C1.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    """Make control characters of a peer readable: on a terminal they could move the cursor, or type for the user."""
    return _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


class RawFile(Protocol):
    """An open file of bytes without a buffer; one of reading and writing is enough."""

    def fileno(self) -> int:
        """The descriptor."""
        ...

    def read(self, size: int, /) -> bytes | None:
        """Read what there is."""
        ...

    def write(self, data: bytes | memoryview, /) -> int | None:
        """Write some of it."""
        ...


@final
@dataclass
class Terminal:
    """Standard input, output and error of a command.

    Input is read and output written in a thread: the other side may be slow, and must not hold up the event loop. A
    thread that is cancelled stays behind until the process ends; therefore the files are raw ones: those with a buffer
    have a lock, and an interpreter that ends while such a thread holds it ends with a fatal error.

    Attributes:
        stdin: Bytes in, without a buffer.
        stdout: Bytes out, without a buffer.
        stderr: For notes.
        stdin_is_terminal: Somebody types.
        stdout_is_terminal: Somebody reads.
        stderr_is_terminal: Somebody reads the notes.
        environ: The environment.
        may_block: Reading and writing may take time, so a thread does it; False for buffers.
    """

    stdin: RawFile
    stdout: RawFile
    stderr: TextIO
    stdin_is_terminal: bool = False
    stdout_is_terminal: bool = False
    stderr_is_terminal: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    may_block: bool = True
    _unread: bytearray = field(default_factory=bytearray)

    @classmethod
    def of_process(cls) -> Terminal:
        """Return that of this process."""
        return cls(
            open(0, "rb", buffering=0, closefd=False) if sys.stdin else io.BytesIO(),
            open(1, "wb", buffering=0, closefd=False) if sys.stdout else io.BytesIO(),
            sys.stderr or io.StringIO(),
            bool(sys.stdin and sys.stdin.isatty()),
            bool(sys.stdout and sys.stdout.isatty()),
            bool(sys.stderr and sys.stderr.isatty()),
            os.environ,
        )

    def shows_color(self, choice: ColorChoice, *, error: bool = False) -> bool:
        """Tell whether to write escape codes to standard output (or error): never where they would not be shown.

        ``auto`` follows https://no-color.org. Without the library ``rich`` there is no colour at all.
        """
        if find_spec("rich") is None or choice == "never":
            return False
        if choice == "always":
            return True
        is_terminal = self.stderr_is_terminal if error else self.stdout_is_terminal
        return is_terminal and not self.environ.get("NO_COLOR") and self.environ.get("TERM") != "dumb"

    async def write(self, data: bytes | str) -> None:
        """Write to standard output.

        Raises:
            BrokenPipeError: Nobody reads it any more.

        Cancellation:
            Part of it may be written.
        """
        raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
        await self._do(self._write, raw)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = self.stdout.write(rest)
            if written is None:  # another process has made the file that we share non-blocking
                select.select([], [self.stdout], [])
            else:
                rest = rest[written:]

    def note(self, text: str) -> None:
        """Write a line to standard error."""
        print(visible(text), file=self.stderr, flush=True)

    def say(self, text: str) -> None:
        """Write text that a renderer has made to standard error."""
        print(text, end="", file=self.stderr, flush=True)

    async def read(self, size: int) -> bytes:
        """Read what there is on standard input, at most so many bytes; ``b""`` at its end."""
        return await self._do(self._read, size)

    def _read(self, size: int) -> bytes:
        while (data := self.stdin.read(size)) is None:
            select.select([self.stdin], [], [])
        return data

    async def read_line(self) -> bytes:
        """Read a line of standard input, with its end; ``b""`` at the end of all."""
        while (end := self._unread.find(b"\n")) < 0:
            data = await self.read(CHUNK)
            if not data:
                end = len(self._unread)
                break
            self._unread += data
        line = bytes(self._unread[: end + 1])
        del self._unread[: end + 1]
        return line

    async def _do(self, fn: Callable[..., T], *args: object) -> T:
        if self.may_block:
            return await trio.to_thread.run_sync(fn, *args, abandon_on_cancel=True)
        await trio.lowlevel.checkpoint()
        return fn(*args)
