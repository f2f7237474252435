"""An uploaded file: in memory while it is small, in an unnamed file on disk once it is not."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path
from typing import IO, final

import trio

from ..messages import disk_limiter
from ..semantics import Headers

__all__ = ["Upload", "close_files"]


@final
class Upload:
    """A file of a form.

    Attributes:
        name: The name of the field.
        filename: The name that the sender gave it, without any path; do not use it as a path.
        content_type: As the sender says; ``application/octet-stream`` if it says nothing.
        headers: All fields of the part.
        size: In bytes.
    """

    __slots__ = ("_file", "_in_memory", "content_type", "filename", "headers", "name", "size")

    def __init__(self, name: str, filename: str, content_type: str, headers: Headers) -> None:
        self.name: str = name
        self.filename: str = filename
        self.content_type: str = content_type
        self.headers: Headers = headers
        self.size: int = 0
        self._file: IO[bytes] | None = io.BytesIO()
        self._in_memory = True

    def __repr__(self) -> str:
        where = "closed" if self._file is None else "in memory" if self._in_memory else "on disk"
        return f"<Upload {self.filename!r}: {self.size} bytes, {where}>"

    @property
    def in_memory(self) -> bool:
        """Whether no disk is involved."""
        return self._in_memory

    async def read(self, max_bytes: int | None = None) -> bytes:
        """Return the next bytes, all that are left unless ``max_bytes`` says less; ``b""`` at the end.

        Raises:
            ValueError: The upload is closed: the form is.
        """
        file = self._open_file()
        count = -1 if max_bytes is None else max_bytes
        if self._in_memory:
            await trio.lowlevel.checkpoint()
            return file.read(count)
        return await trio.to_thread.run_sync(file.read, count, limiter=disk_limiter())

    async def seek(self, offset: int) -> None:
        """Continue reading at that byte."""
        file = self._open_file()
        await trio.lowlevel.checkpoint()
        file.seek(offset)

    async def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Store the whole under a path: all of it appears there at once, or nothing does.

        Args:
            path: Where to. Do not make it of :attr:`filename`, but by :func:`path_join_safe` at least. Who may read the
                file is decided by the umask, as for any other.
            overwrite: Replace what is there.

        Raises:
            FileExistsError: There is something already.
            OSError: The disk is full, the folder is missing, and so on; nothing is left behind then.

        Cancellation:
            Waits until the thread is done; the file is complete then.
        """
        file = self._open_file()
        await trio.to_thread.run_sync(_save, file, Path(path), overwrite, limiter=disk_limiter())

    def _open_file(self) -> IO[bytes]:
        if self._file is None:
            raise ValueError(f"{self!r}: its form has been closed; read or save files before that")
        return self._file

    # ---------------------------------------------------------------- for the one who fills it

    def add(self, data: bytes) -> None:
        """Append bytes, in memory or in a thread."""
        self._open_file().write(data)
        self.size += len(data)

    def spill(self, folder: str | None) -> None:
        """Move what there is to disk. Blocks."""
        # Without a name: it is gone when it is closed, even if the process is killed.
        memory = self._open_file()
        disk = tempfile.TemporaryFile(dir=folder, prefix="trio_http-")  # noqa: SIM115  # closed by close()
        try:
            memory.seek(0)
            disk.write(memory.read())
        except BaseException:
            disk.close()
            raise
        self._file = disk
        self._in_memory = False
        memory.close()

    def rewind(self) -> None:
        """Be ready for reading."""
        self._open_file().seek(0)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Forget the bytes; a file on disk is gone."""
        if self._file is not None:
            self._file.close()
            self._file = None


def close_files(uploads: list[Upload]) -> None:
    """Close all of them, whatever the disk says to one."""
    for upload in uploads:
        try:
            upload.close()
        except OSError:
            # the last buffered bytes could not be written to a file that is going away anyway
            continue


def _save(file: IO[bytes], path: Path, overwrite: bool) -> None:
    # Made as open() makes a file, not as mkstemp() does: who may read it is the umask's business.
    temporary = path.parent / f".{path.name[:50]}.{os.urandom(8).hex()}"
    target = open(temporary, "xb")  # noqa: SIM115  # closed below
    position = file.tell()
    try:
        with target:
            file.seek(0)
            while piece := file.read(1 << 20):
                target.write(piece)
        if overwrite:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # fails if there is something, in one step
            os.unlink(temporary)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    finally:
        file.seek(position)
