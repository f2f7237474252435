"""How much the core takes: the limits on what it holds, and the quirks of peers that it lives with."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import final

__all__ = ["QUIRKS", "Limits", "Profile", "profile_of"]

KIB = 1024

# Every quirk of broken peers, with the reason why somebody wants it. The default profile has those that h11 has.
QUIRKS: dict[str, str] = {
    "bare_lf": "lines of a head or of trailers end with LF alone: CGI scripts and hand-written servers do",
    "chunk_size_whitespace": "spaces or tabs before the CRLF of a chunk size line: padded sizes of old servers",
    "control_bytes": "control bytes in values, reasons and chunk extensions: cookies of the wild hold them",
    "http10_chunked": "Transfer-Encoding in an HTTP/1.0 message: proxies that lower the version forget the field",
    "length_and_chunked": "Content-Length beside Transfer-Encoding, which then wins: frameworks that set both",
    "missing_reason": "a status line without the space after the code: many small servers leave out the phrase so",
    "obs_fold": "a field continued on the next line: mail-like software folds long values",
    "repeated_length": "several equal Content-Length values: a server and its gateway each add one",
    "space_before_colon": "spaces or tabs between a field name and its colon: servers that align their fields",
    "trailer_fields": "fields that may not stand in trailers (RFC 9110 section 6.5.1); never merged into the head",
}
# Whatever the limit, a line with nothing but a size of ordinary length fits: the readers know such lines by heart.
CHUNK_LINE_MIN = 20

H11_QUIRKS = frozenset(QUIRKS) - {"space_before_colon"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of one message the core takes; None means no limit.

    None depends on how the bytes were cut into pieces, and each is enforced as soon as it is passed, whether or not
    the rest has arrived.

    Args:
        target: Bytes of a request target. Status hint 414.
        head: Bytes of the start line and all fields, up to and with the blank line. Status hint 431.
        header_count: Field lines of a head. Status hint 431.
        chunk_line: Bytes of one chunk size line, extensions included, CRLF not. Status hint 400.
        chunk_extensions: Bytes of all chunk extensions of one message (CVE-2023-39326). Status hint 400.
        trailers: Bytes of the trailer section, up to and with the blank line. Status hint 431.
        trailer_count: Field lines of the trailer section. Status hint 431.
    """

    target: int | None = 8 * KIB  # RFC 9112 section 3 recommends 8000 at least; nginx 8k
    head: int | None = 64 * KIB  # node 16 KiB, tornado 64 KiB, Go 1 MiB
    header_count: int | None = 100  # Apache LimitRequestFields 100, hyper 100
    chunk_line: int | None = 256  # Go 4096
    chunk_extensions: int | None = 16 * KIB  # Go: 16 KiB and 16 bytes for each chunk, the answer to CVE-2023-39326
    trailers: int | None = 16 * KIB  # as much as h11 takes of a head
    trailer_count: int | None = 100

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
                raise ValueError(
                    f"Limits({field.name}={value!r}) makes no sense: "
                    "give a whole number of at least 0, or None for no limit"
                )
        if self.chunk_line is not None and self.chunk_line < CHUNK_LINE_MIN:
            raise ValueError(
                f"Limits(chunk_line={self.chunk_line}) makes no sense: give at least {CHUNK_LINE_MIN}, or None"
            )


@final
class Profile:
    """What one connection takes, ready for the parsers: limits as plain numbers, quirks as a set.

    Attributes:
        strict: Whether everything that RFC 9112 calls invalid is refused, but for the quirks.
        quirks: The names of the quirks that are taken.
        target .. trailer_count: The limits; infinity where there is none.
        looks_at_lines: Whether an incomplete section can be at fault before a limit on its size is passed.
        chunk_line_hint: The status hint when a chunk size line is too long.
        chunk_size_digits: The most digits of a chunk size.
    """

    __slots__ = (
        "chunk_extensions",
        "chunk_line",
        "chunk_line_hint",
        "chunk_size_digits",
        "head",
        "header_count",
        "looks_at_lines",
        "quirks",
        "strict",
        "target",
        "trailer_count",
        "trailers",
    )

    def __init__(self, *, strict: bool, lenient: Iterable[str], limits: Limits | None, size: float) -> None:
        self.strict: bool = strict
        self.quirks: frozenset[str] = frozenset(lenient) if strict else H11_QUIRKS | frozenset(lenient)
        # h11 has one limit for all that must be held whole, and answers 431 for it even in a chunk size line
        one = Limits(
            target=None, head=None, header_count=None, chunk_line=None, chunk_extensions=None, trailers=None,
            trailer_count=None,
        )  # fmt: skip
        given = one if limits is None else limits
        default = size if limits is None else float("inf")

        def number(value: int | None, default: float = float("inf")) -> float:
            return default if value is None else value

        self.target: float = number(given.target)
        self.head: float = number(given.head, default)
        self.header_count: float = number(given.header_count)
        self.chunk_line: float = number(given.chunk_line, max(default, CHUNK_LINE_MIN))
        self.chunk_extensions: float = number(given.chunk_extensions)
        self.trailers: float = number(given.trailers, default)
        self.trailer_count: float = number(given.trailer_count)
        self.looks_at_lines: bool = "bare_lf" not in self.quirks or min(
            self.target, self.header_count, self.trailer_count
        ) != float("inf")
        self.chunk_line_hint = 431 if limits is None else 400
        self.chunk_size_digits = 16 if strict else 20


@lru_cache(maxsize=64)
def profile_of(strict: bool, lenient: frozenset[str], limits: Limits | None, size: float) -> Profile:
    """Return the profile for these options; connections with equal options share one."""
    return Profile(strict=strict, lenient=lenient, limits=limits, size=size)
