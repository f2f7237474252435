"""Forms that were submitted: fields and files, from either encoding.

How it works
------------
* The body is read piece by piece. What is small stays in memory and costs no hop to a thread; once a file outgrows
  ``FormLimits.spool`` its bytes go to an unnamed file on disk, a hop for each piece of the body.
* An unnamed file is gone when it is closed, or when the process ends: nothing half-written stays behind on any path.
* A form belongs to its request: asked for again it is the same, and its files are closed with it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, final

import trio

from .._errors import BodyTooLarge, StatusError
from ..messages import Request, disk_limiter
from ..semantics import MediaType, Query
from ._multipart import FormLimits, MultipartParser, PartBegin, PartData, PartEnd, boundary_of
from ._upload import Upload, close_files

__all__ = ["Form", "OpenForm", "Uploads", "form", "parse_form", "parse_multipart"]

_KEPT: Final = "trio_http.web.form"  # in request.state
_URLENCODED: Final = "application/x-www-form-urlencoded"


@final
class Uploads(Mapping[str, Upload]):
    """The files of a form, in order; as a mapping it has the first of each name."""

    __slots__ = ("_uploads",)

    def __init__(self, uploads: list[Upload]) -> None:
        self._uploads = uploads

    def __getitem__(self, name: str) -> Upload:
        for upload in self._uploads:
            if upload.name == name:
                return upload
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([upload.name for upload in self._uploads]))

    def __len__(self) -> int:
        """Return the number of different names."""
        return len({upload.name for upload in self._uploads})

    def get_list(self, name: str) -> list[Upload]:
        """Return all files of that name, in order."""
        return [upload for upload in self._uploads if upload.name == name]

    def get_all(self) -> list[Upload]:
        """Return all files, in order."""
        return list(self._uploads)


@final
class Form(Mapping[str, str]):
    """A form: a mapping of its fields, and its files.

    Attributes:
        fields: Names and values, repeated names included.
        files: The files.
    """

    __slots__ = ("fields", "files")

    def __init__(self, fields: Query, files: Uploads) -> None:
        self.fields: Query = fields
        self.files: Uploads = files

    def __repr__(self) -> str:
        return f"<Form: fields {list(self.fields)}, files {list(self.files)}>"

    def __getitem__(self, name: str) -> str:
        return self.fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def get_list(self, name: str) -> list[str]:
        """Return all values of a field, in order."""
        return self.fields.get_list(name)

    def close(self) -> None:
        """Close the files; those on disk are gone."""
        close_files(self.files.get_all())


@final
class _Collector:
    """Makes a form of the events of a parser."""

    def __init__(self, limits: FormLimits, folder: str | None) -> None:
        self._limits = limits
        self._folder = folder
        self._fields: list[tuple[str, str]] = []
        self._upload: Upload | None = None
        self._name = ""
        self._value: list[bytes] = []
        self.uploads: list[Upload] = []

    def needs_disk(self, size: int) -> bool:
        """Tell whether so many more bytes of the form could touch the disk."""
        upload = self._upload
        spool = self._limits.spool
        return size > spool or (upload is not None and (not upload.in_memory or upload.size + size > spool))

    def take(self, events: list[PartBegin | PartData | PartEnd]) -> None:
        """Take what a piece of the form has brought. Blocks, where :meth:`needs_disk` says so."""
        for event in events:
            if isinstance(event, PartData):
                if self._upload is None:
                    self._value.append(event.data)
                    continue
                self._upload.add(event.data)
                if self._upload.in_memory and self._upload.size > self._limits.spool:
                    self._upload.spill(self._folder)
            elif isinstance(event, PartBegin):
                self._name = event.name
                if event.filename is not None:
                    kind = event.content_type or "application/octet-stream"
                    self._upload = Upload(event.name, event.filename, kind, event.headers)
                    self.uploads.append(self._upload)
            else:
                self._end_part()

    def _end_part(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.rewind()
            if not upload.size and not upload.filename:
                self.uploads.remove(upload)  # what browsers send for a file that nobody has chosen
            return
        data, self._value = b"".join(self._value), []
        try:
            self._fields.append((self._name, data.decode()))
        except UnicodeDecodeError as error:
            raise StatusError(
                400, f"the value of {self._name[:60]!r} in the form is not UTF-8: byte {error.start} is wrong"
            ) from None

    def form(self) -> Form:
        """Return the form that has been completed."""
        return Form(Query(self._fields), Uploads(self.uploads))


@final
class OpenForm:
    """A form about to be read: ``await`` it, or use it as ``async with`` to close its files at a known point."""

    __slots__ = ("_folder", "_form", "_limits", "_request")

    def __init__(self, request: Request, limits: FormLimits, folder: str | None) -> None:
        self._request = request
        self._limits = limits
        self._folder = folder
        self._form: Form | None = None

    def __await__(self) -> Generator[Any, None, Form]:
        return self._read().__await__()

    async def __aenter__(self) -> Form:
        self._form = await self._read()
        return self._form

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._form is not None:
            self._form.close()

    async def _read(self) -> Form:
        state = self._request.state
        kept: Form | None = state.get(_KEPT)
        if kept is None:
            kept = state[_KEPT] = await _read_form(self._request, self._limits, self._folder)
        return kept


def form(request: Request, *, limits: FormLimits | None = None, folder: str | None = None) -> OpenForm:
    """Read the form that a request submits, urlencoded or multipart/form-data.

    Args:
        request: The request.
        limits: What to take; see :class:`FormLimits`. The limits of the route and the server hold, too.
        folder: Where files larger than ``limits.spool`` go; None for the system's folder for such files.

    Returns:
        Something to ``await``, or to use in ``async with``; both give the :class:`Form`.

    Raises:
        StatusError: (when awaited) 400, the form is malformed; 413, there is too much of something; 415, it is no
            form. The text says what and where.
        OSError: The disk is full.

    Cancellation:
        Whatever has been stored so far is gone.

    Example:
        >>> async def handler(request):
        ...     async with form(request) as submitted:
        ...         await submitted.files["photo"].save("photo.png")
    """
    return OpenForm(request, limits or FormLimits(), folder)


async def _read_form(request: Request, limits: FormLimits, folder: str | None) -> Form:
    declared = request.headers.get("content-type") or ""
    kind = _kind(declared)
    if kind == _URLENCODED:
        try:
            data = await request.read(limits.form_size)
        except BodyTooLarge as error:
            if isinstance(error, StatusError):
                raise
            raise StatusError(413, str(error)) from error
        return Form(_urlencoded(data, limits), Uploads([]))
    parser = MultipartParser(boundary_of(declared), limits)
    collector = _Collector(limits, folder)
    try:
        async for chunk in request.body:
            events = parser.feed(chunk)
            if collector.needs_disk(len(chunk)):
                await trio.to_thread.run_sync(collector.take, events, limiter=disk_limiter())
            else:
                collector.take(events)
        parser.finish()
    except BaseException:
        close_files(collector.uploads)
        raise
    return collector.form()


def _kind(content_type: str) -> str:
    try:
        kind = MediaType.parse(content_type).essence
    except ValueError:
        kind = content_type[:60]
    if kind not in {_URLENCODED, "multipart/form-data"}:
        raise StatusError(415, f"the body is {kind!a}, no form; expected {_URLENCODED} or multipart/form-data")
    return kind


def _urlencoded(data: bytes, limits: FormLimits) -> Query:
    count = data.count(b"&") + 1
    if count > limits.parts:
        raise StatusError(413, f"the form has {count} fields; at most {limits.parts} are allowed here")
    try:
        fields = Query(data.decode())
    except UnicodeDecodeError as error:
        raise StatusError(400, f"the form is not UTF-8: byte {error.start} is wrong") from None
    for name, value in fields.get_all():
        if len(value) > limits.field_size:
            raise StatusError(413, f"the field {name[:60]!r} has more than the {limits.field_size} bytes allowed here")
    return fields


def parse_form(content_type: str, body: bytes, *, limits: FormLimits | None = None) -> Form:
    """Return the form that is there as a whole, in either encoding; its files stay in memory.

    Raises:
        StatusError: As :func:`form`.
    """
    limits = limits or FormLimits()
    if _kind(content_type) == _URLENCODED:
        return Form(_urlencoded(body, limits), Uploads([]))
    return parse_multipart(boundary_of(content_type), body, limits=limits)


def parse_multipart(boundary: bytes | str, data: bytes, *, limits: FormLimits | None = None) -> Form:
    """Return the multipart/form-data form that is there as a whole; its files stay in memory.

    Raises:
        StatusError: As :func:`form`.
    """
    limits = limits or FormLimits()
    parser = MultipartParser(boundary.encode("latin-1") if isinstance(boundary, str) else boundary, limits)
    memory = FormLimits(spool=len(data) + 1)
    collector = _Collector(memory, None)
    try:
        collector.take(parser.feed(data))
        parser.finish()
    except BaseException:
        close_files(collector.uploads)
        raise
    return collector.form()
