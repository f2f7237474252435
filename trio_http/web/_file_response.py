"""A file as the answer to a request: conditions, ranges, types, precompressed siblings."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Self, final

import trio

from .._entropy import random_bytes
from .._errors import StatusError
from ..messages import ContentLike, Request, Response, disk_limiter
from ..semantics import (
    ByteRange,
    ETag,
    Headers,
    HeadersInput,
    choose_coding,
    evaluate_preconditions,
    format_content_disposition,
    format_content_range,
    format_http_date,
    if_range_holds,
    parse_range,
)
from ._disk import FileBody, Snapshot, is_missing, open_file, read_cached

__all__ = [
    "SIBLINGS",
    "Answer",
    "FileResponse",
    "IsFolder",
    "Options",
    "WouldBlock",
    "answer_with_file",
    "content_type_of",
]

EAGER = 64 * 1024  # up to here a file is read at once with everything else: one hop to a thread, nothing to close

SIBLINGS: Final[Mapping[str, str]] = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""What is put behind the name of a file for its compressed form, by content coding, the preferred first."""

# The system's tables differ from machine to machine: these do not.
_TYPES = mimetypes.MimeTypes()
for _extension, _kind in {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}.items():
    _TYPES.add_type(_kind, _extension)
_PACKED = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "br": "application/brotli",
}


def content_type_of(name: str) -> str:
    """Return the content type that belongs to the name of a file; ``application/octet-stream`` where none is known."""
    kind, packed = _TYPES.guess_type(name, strict=True)
    if packed is not None:
        return _PACKED.get(packed, "application/octet-stream")  # not what is in there: the file is sent as it is
    if kind is None:
        return "application/octet-stream"
    return kind + "; charset=utf-8" if kind.startswith("text/") else kind


class IsFolder(Exception):
    """What was to be sent is a folder."""


class Answer(NamedTuple):
    """An answer about to be made."""

    status: int
    headers: Headers
    body: ContentLike
    cached: bool
    """Whether the file was in memory."""


class WouldBlock(Exception):
    """A disk would have to be waited for."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a file is to be sent; see :meth:`FileResponse.open`."""

    content_type: str | None = None
    download: str | None = None
    cache_control: str | None = None
    precompressed: bool = False
    wait: bool = True  # False: raise WouldBlock instead of waiting for a disk


@final
class FileResponse(Response):
    """A file; made by :meth:`open`, because that has to look at the disk."""

    __slots__ = ()

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
            made = await trio.to_thread.run_sync(
                answer_with_file, request, os.fspath(path), None, options, limiter, limiter=limiter
            )
        except IsFolder:
            raise StatusError(404) from None
        response = cls(made.body, status=made.status, headers=made.headers)
        if headers is not None:
            response.headers.update(headers)
        return response


def answer_with_file(
    request: Request, path: str, root: str | None, options: Options, limiter: trio.CapacityLimiter
) -> Answer:
    """Look at a file and make the answer: status, fields and body. Blocks.

    Raises:
        IsFolder: It is a folder.
        StatusError: 404, there is none; 403, it may not be read.
        WouldBlock: Unless ``options.wait``, its bytes are not in memory.
    """
    descriptor = -1
    try:
        try:
            descriptor, found = open_file(path, root)
            if stat.S_ISDIR(found.st_mode):
                raise IsFolder
            snapshot = Snapshot(path, root, found)
            headers = Headers()
            headers.add("content-type", options.content_type or content_type_of(path))
            if options.precompressed:
                other = _sibling(request, snapshot, headers)
                if other is not None:
                    os.close(descriptor)
                    descriptor, snapshot = other
        except PermissionError:
            raise StatusError(403) from None
        except OSError as error:
            if is_missing(error):
                raise StatusError(404) from None
            raise
        return _answer(request, snapshot, descriptor, headers, options, limiter)
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _sibling(request: Request, original: Snapshot, headers: Headers) -> tuple[int, Snapshot] | None:
    """Open the compressed form that the peer likes best, if it likes one better than the file itself."""
    there: dict[str, tuple[int, Snapshot]] = {}
    try:
        for coding, suffix in SIBLINGS.items():
            try:
                descriptor, found = open_file(original.path + suffix, original.root)
            except OSError:
                continue
            there[coding] = (descriptor, Snapshot(original.path + suffix, original.root, found))
            # one that was forgotten when the file was changed is none
            if not stat.S_ISREG(found.st_mode) or found.st_mtime_ns < original.modified_ns:
                os.close(there.pop(coding)[0])
        if not there:
            return None
        headers.add("vary", "accept-encoding")
        chosen = choose_coding(request.headers.get("accept-encoding"), [*there, "identity"])
        if chosen is None or chosen == "identity":
            return None
        headers.add("content-encoding", chosen)
        return there.pop(chosen)
    finally:
        for descriptor, _ in there.values():
            os.close(descriptor)


def _answer(
    request: Request,
    snapshot: Snapshot,
    descriptor: int,
    headers: Headers,
    options: Options,
    limiter: trio.CapacityLimiter,
) -> Answer:
    # As nginx and Apache make it. Two versions of one size within one tick of the file system's clock look alike.
    cached = read_cached(descriptor, 1, 0) is not None
    etag = ETag(f"{snapshot.modified_ns:x}-{snapshot.size:x}")
    headers.add("etag", str(etag))
    headers.add("last-modified", format_http_date(max(0.0, snapshot.modified)))
    headers.add("accept-ranges", "bytes")
    if options.cache_control is not None:
        headers.add("cache-control", options.cache_control)
    if options.download is not None:
        headers.add("content-disposition", format_content_disposition("attachment", filename=options.download))
    outcome = evaluate_preconditions(request.method, request.headers, etag=etag, last_modified=snapshot.modified)
    if outcome is not None:
        del headers["content-type"]
        if outcome == 304:
            headers.pop("content-encoding", None)
            headers.pop("content-disposition", None)
            return Answer(304, headers, b"", cached)
        text = "412 Precondition Failed: the file is not what was expected\n"
        return Answer(412, Headers({"etag": str(etag)}), text, cached)
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
                return Answer(416, fields, f"416 Range Not Satisfiable: the file has {size} bytes\n", cached)
            status = 206
            if len(ranges) == 1:
                headers.add("content-range", format_content_range(ranges[0], size))
                parts = [ranges[0]]
            else:
                parts = _multipart(ranges, size, headers)
            length = sum([len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts])
    if request.method != "HEAD" and length <= EAGER:
        return Answer(status, headers, b"".join([_read(descriptor, part, options.wait) for part in parts]), cached)
    headers.add("content-length", str(length))
    return Answer(status, headers, FileBody(snapshot, parts, limiter, cached=cached), cached)


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


def _read(descriptor: int, part: bytes | tuple[int, int], wait: bool) -> bytes:
    if isinstance(part, bytes):
        return part
    start, stop = part
    data = read_cached(descriptor, stop - start, start)
    if data is None or len(data) < stop - start:
        if not wait:
            raise WouldBlock
        data = os.pread(descriptor, stop - start, start)
    if len(data) < stop - start:
        raise OSError(f"the file was cut while it was read: {len(data)} of {stop - start} bytes from {start} on")
    return data
