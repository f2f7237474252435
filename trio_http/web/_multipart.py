"""multipart/form-data as events, without I/O: RFC 7578, around the parser of python-multipart.

The library finds boundaries and headers; what they mean, what is too much and what is wrong is decided here, with
texts that say where.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser as LibraryParser

from .._errors import LocalProtocolError, StatusError
from ..semantics import Headers, MediaType, parse_content_disposition, parse_parameters

__all__ = ["FormLimits", "MultipartParser", "PartBegin", "PartData", "PartEnd", "boundary_of"]

_LONE_BACKSLASH = re.compile(r"""\\(?!["\\])""")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """What to take from a form; bytes and counts.

    Attributes:
        parts: Fields and files in all.
        files: Files.
        field_size: Of the value of one field that is no file.
        file_size: Of one file; None for any that the body may have.
        headers_size: Of the headers of one part.
        form_size: Of a whole urlencoded form.
        spool: A file larger than this goes to disk.
    """

    parts: int = 1000  # Django DATA_UPLOAD_MAX_NUMBER_FIELDS, starlette max_fields, PHP max_input_vars
    files: int = 100  # Django DATA_UPLOAD_MAX_NUMBER_FILES
    field_size: int = 1024 * 1024  # starlette max_part_size
    file_size: int | None = None
    headers_size: int = 8 * 1024  # of werkzeug and of python-multipart, about
    form_size: int = 1024 * 1024  # PHP and Tomcat 2 MiB or more, Go 10 MiB
    spool: int = 64 * 1024  # starlette 1 MiB, Django 2.5 MiB; here memory counts per connection


@final
@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part begins.

    Attributes:
        name: The name of the field.
        filename: The name of the file, without any path, ``""`` if it has none; None for a field that is no file.
        content_type: As given; None if it is not.
        headers: All fields of the part.
    """

    name: str
    filename: str | None
    content_type: str | None
    headers: Headers


@final
@dataclass(frozen=True, slots=True)
class PartData:
    """Bytes of the part that has begun."""

    data: bytes


@final
@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is complete."""


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that the value of a ``Content-Type`` field names.

    Raises:
        StatusError: 400, there is none, or it is no boundary (RFC 2046 section 5.1.1).
    """
    try:
        text = MediaType.parse(content_type).parameters.get("boundary", "")
    except ValueError as error:
        raise StatusError(400, str(error)) from None
    if not 1 <= len(text) <= 70 or not text.isascii() or not text.isprintable() or text.endswith(" "):
        raise StatusError(400, f"the boundary of the form is {text[:80]!a}; expected 1 to 70 printable characters")
    return text.encode()


@final
class MultipartParser:
    """Finds the parts of a multipart/form-data body: feed bytes, get events.

    Args:
        boundary: As :func:`boundary_of` gives it.
        limits: What to take.
    """

    __slots__ = (
        "_ended",
        "_events",
        "_fed",
        "_files",
        "_headers",
        "_in_file",
        "_limits",
        "_name",
        "_parser",
        "_parts",
        "_size",
        "_value",
        "_where",
    )

    def __init__(self, boundary: bytes, limits: FormLimits | None = None) -> None:
        self._limits = limits or FormLimits()
        self._events: list[PartBegin | PartData | PartEnd] = []
        self._headers = Headers()
        self._name = b""
        self._value = b""
        self._fed = 0
        self._size = 0
        self._parts = 0
        self._files = 0
        self._in_file = False
        self._ended = False
        self._where = ""
        self._parser = LibraryParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
            max_header_count=32,
            max_header_size=self._limits.headers_size,
        )

    def feed(self, data: bytes) -> list[PartBegin | PartData | PartEnd]:
        """Take the next bytes and return what they bring.

        Raises:
            StatusError: 400, this is no such form; 413, there is too much of something. The text says where.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            offset = getattr(error, "offset", -1)
            at = self._fed + max(0, offset)
            raise StatusError(400, f"the form is malformed at byte {at}, {self._place()}: {error}") from None
        self._fed += len(data)
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """Say that this was all.

        Raises:
            StatusError: 400, the form is not complete.
        """
        if not self._ended:
            raise StatusError(
                400, f"the form ends after {self._fed} bytes, {self._place()}, without its closing boundary"
            )

    def _place(self) -> str:
        return f"in part {self._parts}{self._where}" if self._parts else "before the first part"

    # ---------------------------------------------------------------- what the library calls

    def _on_part_begin(self) -> None:
        self._parts += 1
        self._where = ""
        self._size = 0
        self._headers = Headers()
        if self._parts > self._limits.parts:
            raise StatusError(413, f"the form has more than the {self._limits.parts} parts allowed here")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        name, value, self._name, self._value = self._name, self._value, b"", b""
        self._size += len(name) + len(value)
        if self._size > self._limits.headers_size:
            raise StatusError(
                413, f"the headers {self._place()} have more than the {self._limits.headers_size} bytes allowed here"
            )
        try:
            self._headers.add_bytes(name, value)
        except LocalProtocolError as error:
            raise StatusError(400, f"the form has a malformed header {self._place()}: {error}") from None

    def _on_headers_finished(self) -> None:
        self._size = 0
        text = self._headers.get_bytes(b"content-disposition")
        if text is None:
            raise StatusError(400, f"the form has a part without Content-Disposition, {self._place()}")
        # Browsers send names as UTF-8, which is what RFC 7578 section 5.1 hopes for, and escape as HTML says.
        # A backslash escapes only what curl escapes with it; elsewhere it is one, as in the paths of old browsers.
        value = _LONE_BACKSLASH.sub(r"\\\\", text.decode("utf-8", "replace"))
        disposition = parse_content_disposition(value)
        parameters = dict(parse_parameters(value.partition(";")[2]))
        name = parameters.get("name")
        if disposition.kind != "form-data" or name is None:
            raise StatusError(
                400, f'the form has a part whose Content-Disposition is not form-data; name="...", {self._place()}'
            )
        name = _unescaped(name)
        self._where = f" ({name[:60]!r})"
        self._in_file = "filename" in parameters or "filename*" in parameters
        if self._in_file:
            self._files += 1
            if self._files > self._limits.files:
                raise StatusError(413, f"the form has more than the {self._limits.files} files allowed here")
        filename = _unescaped(disposition.filename or "") if self._in_file else None
        kind = self._headers.get("content-type")
        self._events.append(PartBegin(name, filename, kind, self._headers))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        limit = self._limits.file_size if self._in_file else self._limits.field_size
        if limit is not None and self._size > limit:
            what = "file" if self._in_file else "field"
            raise StatusError(413, f"the {what} {self._place()} is larger than the {limit} bytes allowed here")
        self._events.append(PartData(data[start:end]))

    def _on_part_end(self) -> None:
        self._events.append(PartEnd())

    def _on_end(self) -> None:
        self._ended = True


def _unescaped(name: str) -> str:
    # what the HTML standard lets browsers escape in names, and nothing else
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
