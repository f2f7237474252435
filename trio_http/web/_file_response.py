"""A file as the answer to a request: conditions, ranges, precompressed siblings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple, Self, final

import trio

from .._entropy import random_bytes
from .._errors import StatusError
from .._files import FileBody, is_missing
from ..messages import ContentLike, Request, Response, disk_limiter
from ..semantics import (
    ByteRange,
    Headers,
    HeadersInput,
    choose_coding,
    evaluate_preconditions,
    format_content_disposition,
    format_content_range,
    if_range_holds,
    parse_range,
)
from ._found_file import FoundFile, IsFolder

__all__ = ["Answer", "FileResponse", "Options", "answer_with", "look_up"]


class Answer(NamedTuple):
    """An answer about to be made."""

    status: int
    headers: Headers
    body: ContentLike


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a file is to be sent; see :meth:`FileResponse.open`."""

    content_type: str | None = None
    download: str | None = None
    cache_control: str | None = None
    precompressed: bool = False


@final
class FileResponse(Response):
    """A file; made by :meth:`open`, because that has to look at the disk."""

    __slots__ = ()

    def __init__(self, body: ContentLike = None, *, status: int = 200, headers: HeadersInput | None = None) -> None:
        if isinstance(body, str | os.PathLike):  # it would be sent as text
            raise TypeError(
                f"FileResponse({os.fspath(body)!r}) cannot look at the disk: say await FileResponse.open(request, path)"
            )
        super().__init__(body, status=status, headers=headers)

    @classmethod
    async def open(
        cls,
        request: Request,
        path: str | os.PathLike[str],
        *,
        content_type: str | None = None,
        download: str | bool = False,
        cache_control: str | None = None,
        precompressed: bool = False,
        headers: HeadersInput | None = None,
        limiter: trio.CapacityLimiter | None = None,
    ) -> Self:
        """Return the answer to a GET or HEAD request for a file.

        It has ``ETag`` and ``Last-Modified``, and obeys ``If-*`` and ``Range`` (200, 206, 304, 412 or 416). A small
        file is read at once. A larger one is opened when the first byte is sent and read in pieces of 256 KiB; if it
        was changed by then, the connection is cut rather than a mixture sent.

        Args:
            request: Whose fields decide.
            path: The file. Do not make it of what peers say, but by :func:`path_join_safe`.
            content_type: Unless given, by the name.
            download: Ask browsers to save it, under this name; True for its own.
            cache_control: The value of ``Cache-Control``.
            precompressed: Send ``name.br``, ``name.zst`` or ``name.gz`` if that is there, is not older, and is
                accepted.
            headers: Further fields.
            limiter: Of threads; :func:`disk_limiter` unless given.

        Raises:
            StatusError: 404, there is no such file; 403, it may not be read.

        Cancellation:
            Waits for the thread that looks at the disk; leaves nothing open.
        """
        name = os.path.basename(path) if download is True else download or None
        options = Options(
            content_type=content_type, download=name, cache_control=cache_control, precompressed=precompressed
        )
        limiter = limiter or disk_limiter()
        try:
            found = await trio.to_thread.run_sync(look_up, os.fspath(path), None, options, limiter=limiter)
        except IsFolder:
            raise StatusError(404) from None
        made = answer_with(found, request, options, limiter)
        response = cls(made.body, status=made.status, headers=made.headers)
        if headers is not None:
            response.headers.update(headers)
        return response


def look_up(path: str, root: str | None, options: Options) -> FoundFile:
    """Look up a file. Blocks.

    Raises:
        IsFolder: It is a folder.
        StatusError: 404, there is none; 403, it may not be read.
    """
    try:
        return FoundFile.look_up(path, root, content_type=options.content_type, siblings=options.precompressed)
    except PermissionError:
        raise StatusError(403) from None
    except OSError as error:
        if is_missing(error):
            raise StatusError(404) from None
        raise


def answer_with(found: FoundFile, request: Request, options: Options, limiter: trio.CapacityLimiter) -> Answer:
    """Make the answer to a request: status, fields and body."""
    chosen = found
    coding = None
    if found.siblings:
        coding = choose_coding(request.headers.get("accept-encoding"), [*found.siblings, "identity"])
        chosen = found.siblings.get(coding or "", found)
    headers = chosen.headers.copy()
    if found.siblings:
        headers.add("vary", "accept-encoding")
    if chosen is not found and coding is not None:
        headers.add("content-encoding", coding)
    if options.cache_control is not None:
        headers.add("cache-control", options.cache_control)
    if options.download is not None:
        headers.add("content-disposition", format_content_disposition("attachment", filename=options.download))
    return _answer(chosen, request, headers, limiter)


def _answer(found: FoundFile, request: Request, headers: Headers, limiter: trio.CapacityLimiter) -> Answer:
    etag = found.etag
    snapshot = found.snapshot
    outcome = evaluate_preconditions(request.method, request.headers, etag=etag, last_modified=snapshot.modified)
    if outcome is not None:
        del headers["content-type"]
        if outcome == 304:
            headers.pop("content-encoding", None)
            headers.pop("content-disposition", None)
            return Answer(304, headers, b"")
        said = Headers({"etag": str(etag), "content-type": "text/plain; charset=utf-8"})
        return Answer(412, said, b"412 Precondition Failed: the file is not what was expected\n")
    size = snapshot.size
    parts: list[bytes | tuple[int, int]] = [(0, size)] if size else []
    status, length = 200, size
    # RFC 9110 section 14.2: a Range has a meaning for GET only
    if request.method == "GET" and if_range_holds(
        request.headers.get("if-range"), etag=etag, last_modified=snapshot.modified
    ):
        ranges = parse_range(request.headers.get("range"), size)
        if ranges is not None:
            if not ranges:
                fields = Headers({"content-range": format_content_range(None, size), "accept-ranges": "bytes"})
                fields["content-type"] = "text/plain; charset=utf-8"
                return Answer(416, fields, b"416 Range Not Satisfiable: the file has %d bytes\n" % size)
            status = 206
            if len(ranges) == 1:
                headers.add("content-range", format_content_range(ranges[0], size))
                parts = [ranges[0]]
            else:
                parts = _multipart(ranges, size, headers)
            length = sum([len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts])
    data = found.data
    if data is not None and request.method != "HEAD":
        if status == 200:
            return Answer(200, headers, data)
        pieces = [part if isinstance(part, bytes) else data[part[0] : part[1]] for part in parts]
        return Answer(status, headers, b"".join(pieces))
    headers.add("content-length", str(length))
    return Answer(status, headers, FileBody(snapshot, parts, limiter, cached=found.cached))


def _multipart(ranges: list[ByteRange], size: int, headers: Headers) -> list[bytes | tuple[int, int]]:
    """Lay out several ranges as multipart/byteranges, RFC 9110 section 14.6."""
    boundary = random_bytes(16).hex()
    kind = headers["content-type"]
    headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
    parts: list[bytes | tuple[int, int]] = []
    for part in ranges:
        head = f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {format_content_range(part, size)}\r\n\r\n"
        parts += (head.encode("latin-1"), part)
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    return parts
