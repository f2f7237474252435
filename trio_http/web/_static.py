"""A folder as a handler: its files, their index pages, and a listing where that is wanted."""

from __future__ import annotations

import html
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, final
from urllib.parse import quote

import trio

from .._errors import StatusError
from .._files import is_missing, open_file
from ..messages import Handler, Request, Response, disk_limiter
from ._answers import answer, answer_to
from ._file_response import FileResponse, Options, answer_with, look_up
from ._found_file import FoundFile, IsFolder
from ._paths import check_name

__all__ = ["static"]

KEPT_FOR: Final = 5.0  # seconds for which the system is trusted to have in memory what a thread has looked up
KEPT_MAX: Final = 4096  # files
KEPT_BYTES: Final = 16 * 1024 * 1024  # of small files, in all
LISTED_MAX: Final = 10_000  # names of one folder; a page with more is of no use
_WELL_KNOWN = ".well-known"  # RFC 8615: made to be served


def static(
    root: str | os.PathLike[str],
    *,
    index: str | None = "index.html",
    listing: bool = False,
    hidden: bool = False,
    precompressed: bool = True,
    cache_control: str | Callable[[str], str | None] | None = None,
    limiter: trio.CapacityLimiter | None = None,
) -> Handler:
    """Make a handler that answers with the files of a folder.

    The path is that of the mount, or the request's. Symbolic links are followed within the folder, never out of it.

    Example: ``router.mount("/s", static("site"))``.

    Args:
        root: The folder. It may be, or become, a symbolic link: it is looked up for each request.
        index: The file to send for a folder; None for none.
        listing: Send a page with the names in a folder that has no index; else 404.
        hidden: Send also what begins with a dot (``.well-known`` is sent in any case).
        precompressed: As for :meth:`FileResponse.open`. A compressed form that is put beside a file later is seen
            within five seconds.
        cache_control: The value of ``Cache-Control``, or a function that makes it of the relative path.
        limiter: Of threads; :func:`disk_limiter` unless given.

    Returns:
        A handler that answers 400 for a path that could lead elsewhere, 404 for what is not there or not to be seen,
        403 for what may not be read, 405 for methods but GET and HEAD, 301 for a folder that is asked for without a
        slash behind it, and otherwise as :meth:`FileResponse.open`.
    """
    base = os.fspath(root).rstrip("/")
    options = Options(precompressed=precompressed)
    kept = _Kept(base)

    def find(name: str) -> FoundFile | str | None:
        # in a thread: everything about the disk in one hop; other than a file it finds the page of a folder, or a
        # folder that was asked for without its slash (None)
        real_root = os.path.realpath(base or "/")
        path = os.path.join(real_root, name) if name else real_root
        try:
            found = look_up(path.rstrip("/") or "/", real_root, options)
        except IsFolder:
            if name and not name.endswith("/"):
                return None
        else:
            if name.endswith("/"):
                raise StatusError(404)
            return found
        if index is not None:
            try:
                return look_up(os.path.join(path, index), real_root, options)
            except IsFolder:
                pass
            except StatusError as error:
                if error.status != 404:
                    raise
        if not listing:
            raise StatusError(404)
        return _page(path, real_root, name, hidden)

    async def serve_file(request: Request) -> Response:
        """Answer with a file of the folder."""
        if request.method not in {"GET", "HEAD"}:
            response = answer(405, f"{request.method} is not answered here, but GET, HEAD")
            response.headers["allow"] = "GET, HEAD"
            return response
        name = request.matches.get("path")
        if not isinstance(name, str):
            name = request.path.removeprefix("/")
        try:
            if name:
                check_name(name)
        except ValueError as error:
            return answer(400, str(error))
        if not hidden and any(part.startswith(".") and part != _WELL_KNOWN for part in name.split("/")):
            return answer(404)
        if not name and not request.path.endswith("/"):
            return _with_slash(request)
        threads = limiter or disk_limiter()
        found = kept.get(name)
        if found is None:
            try:
                looked_up = await trio.to_thread.run_sync(find, name, limiter=threads)
            except StatusError as error:
                return answer_to(error) or answer(500)
            if looked_up is None:
                return _with_slash(request)
            if isinstance(looked_up, str):
                return FileResponse(looked_up.encode(), headers={"content-type": "text/html; charset=utf-8"})
            found = looked_up
            kept.add(name, found)
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        said = options
        if cache_control is not None:
            said = replace(options, cache_control=cache_control(name) if callable(cache_control) else cache_control)
        made = answer_with(found, request, said, threads)
        return FileResponse(made.body, status=made.status, headers=made.headers)

    return serve_file


def _with_slash(request: Request) -> Response:
    """Send on to the same path with a slash: what a page of a folder links to is relative to that."""
    # Relative, because then nobody can make it lead to another host, wherever this is mounted.
    location = f"./{request.raw_path.rpartition('/')[2]}/"
    if request.query_string:
        location += f"?{request.query_string}"
    return FileResponse(b"", status=301, headers={"location": location})


@final
class _Kept:
    """Files that a thread has found a moment ago, and that were in memory.

    As long as they stay as they are they need no thread and one system call instead of ten, which answers three times
    as many requests. What is kept is looked up anew every few seconds.

    Args:
        base: The folder they are in, which may become a link to another one.
    """

    __slots__ = ("_base", "_bytes", "_files")

    def __init__(self, base: str) -> None:
        self._base = base
        self._files: dict[str, tuple[float, FoundFile]] = {}
        self._bytes = 0

    def get(self, name: str) -> FoundFile | None:
        """Return the file of that name, if one is kept and is still there."""
        kept = self._files.get(name)
        if kept is None:
            return None
        until, found = kept
        inside = found.snapshot.path.removeprefix(found.snapshot.root or "")  # of an index page it is not the name
        if trio.current_time() < until and found.is_at(self._base + inside):
            return found
        del self._files[name]
        self._bytes -= found.kept_bytes
        return None

    def add(self, name: str, found: FoundFile) -> None:
        """Keep a file, if its bytes were in memory and it has been left alone for a while."""
        if not (found.cached and found.keeps) or name in self._files:
            return
        size = found.kept_bytes
        if len(self._files) >= KEPT_MAX or self._bytes + size > KEPT_BYTES:
            self._files.clear()
            self._bytes = 0
        self._files[name] = (trio.current_time() + KEPT_FOR, found)
        self._bytes += size


def _page(path: str, root: str, name: str, hidden: bool) -> str:
    """Return a page with the names in a folder."""
    descriptor = -1
    entries: list[tuple[bool, str, os.stat_result]] = []
    try:
        descriptor, _ = open_file(path.rstrip("/") or "/", root)
        with os.scandir(descriptor) as found:
            for entry in found:
                if entry.name.startswith(".") and not hidden:
                    continue
                try:
                    # links are shown as what they are: following them here could tell of what is outside
                    about = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if stat.S_ISDIR(about.st_mode) or stat.S_ISREG(about.st_mode) or stat.S_ISLNK(about.st_mode):
                    entries.append((not stat.S_ISDIR(about.st_mode), entry.name, about))
                if len(entries) == LISTED_MAX:
                    break
    except PermissionError:
        raise StatusError(403) from None
    except OSError as error:
        if is_missing(error):
            raise StatusError(404) from None
        raise
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    rows = ['<tr><td><a href="../">../</a></td><td></td><td></td></tr>'] if name else []
    for is_file, entry_name, about in sorted(entries, key=lambda item: item[:2]):
        shown = entry_name + ("" if is_file else "/")
        href = "./" + quote(shown, errors="surrogateescape")
        when = datetime.fromtimestamp(about.st_mtime, UTC).strftime("%Y-%m-%d %H:%M")
        size = f"{about.st_size:,}" if is_file else ""
        text = html.escape(shown.encode("utf-8", "replace").decode())
        rows.append(f'<tr><td><a href="{html.escape(href)}">{text}</a></td><td>{size}</td><td>{when}</td></tr>')
    title = html.escape("/" + name)
    return _LISTING.replace("{title}", title).replace("{rows}", "\n".join(rows))


_LISTING = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td, th { padding: .2rem .6rem; text-align: left; border-bottom: 1px solid #8884 }
td:nth-child(2), th:nth-child(2) { text-align: right; font-variant-numeric: tabular-nums }
</style>
<h1>{title}</h1>
<table>
<tr><th>Name</th><th>Bytes</th><th>Changed (UTC)</th></tr>
{rows}
</table>
</html>
"""
