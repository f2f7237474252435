"""A body into a file, and on with it where it was interrupted.

How it works
------------
* What has come is in ``FILE.part``, and what is known of it (its URL, its validator, its size) in ``FILE.part.json``;
  both become ``FILE`` when it is complete, in one step. So what is called FILE is always whole.
* To continue is to ask for the rest on condition that it is still the same (Range and If-Range, RFC 9110 sections
  13.1.5 and 14): an answer 206 is believed only if its Content-Range begins where we ended and speaks of the same size;
  200 is the whole once more; 416 says that there is nothing more, if its size is ours.
* A weak entity tag is no condition for a range. Where the server gives nothing to compare by, only ``--continue`` on a
  FILE of the user's own goes on without a condition: on his word, and the size must fit.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, final

import trio

from .._errors import IncompleteBody, RemoteProtocolError
from ..client import Client, RequestOptions
from ..messages import Response
from ..semantics import URL, ETag, Headers, format_range, parse_content_range, parse_http_date
from ._exits import CANNOT_WRITE, OK
from ._parser import UsageError
from ._progress import Progress, size_in_words
from ._terminal import ColorChoice, Terminal

__all__ = ["Download"]

BUFFER = 1024 * 1024  # bytes written at once: each write is a trip to a thread
STRONG_AFTER = 60  # seconds by which Date must be later than Last-Modified for the latter to tell versions apart


class _File(Protocol):
    async def write(self, data: bytes | bytearray, /) -> int: ...

    async def flush(self) -> None: ...


@final
@dataclass(frozen=True)
class _Known:
    """What is known of a part that is there."""

    url: str
    validator: str | None
    size: int | None


@final
class Download:
    """A download to one file.

    Args:
        client: Makes the requests.
        method: The method.
        url: The URL.
        asked: The options of the request.
        output: The file.
        terminal: Where progress is shown.
        color: Whether in colours.
    """

    def __init__(
        self,
        client: Client,
        method: str,
        url: str,
        asked: RequestOptions,
        output: str,
        terminal: Terminal,
        *,
        color: ColorChoice,
    ) -> None:
        self._client = client
        self._method = method
        self._url = url
        self._shown = URL(url).redacted  # for texts and files: no password in either
        self._asked = asked
        self._path = Path(output)
        self._part = self._path.with_name(self._path.name + ".part")
        self._facts = self._path.with_name(self._path.name + ".part.json")
        self._terminal = terminal
        self._color: ColorChoice = color
        self._done = 0
        self._known: _Known | None = None
        self._own_range = False
        # a device or a pipe is written as it is: there is nothing to continue, and nothing to put in its place
        self._special = self._path.exists() and not stat.S_ISREG(self._path.stat().st_mode)

    @asynccontextmanager
    async def open(self, *, resume: bool) -> AsyncIterator[Response]:
        """Ask for the file, or for the rest of it.

        Raises:
            HTTPError: There was no answer.
            UsageError: It cannot be written there.
        """
        directory = self._path.parent
        if self._path.is_dir() or not directory.is_dir() or not os.access(directory, os.W_OK):
            what = "is a folder" if self._path.is_dir() else f"cannot be made: {directory} is no folder to write to"
            raise UsageError(f"-o {self._path} {what}; give the path of a file")
        if resume and self._method != "GET":
            raise UsageError(f"--continue is for get: the answer to {self._method} has no rest to ask for")
        headers = Headers(self._asked.get("headers") or ())
        self._own_range = "range" in headers
        if self._own_range and resume:
            raise UsageError("--continue asks for a range of its own: leave out -H 'Range: ...'")
        headers.setdefault("Accept-Encoding", "identity")  # a file is wanted as it is, and may be continued
        if resume and not self._special:
            self._look_for_a_part(headers)
        asked: RequestOptions = {**self._asked, "headers": headers, "decompress": False}
        async with self._client.stream(self._method, self._url, **asked) as response:
            yield response

    def _look_for_a_part(self, headers: Headers) -> None:
        if self._part.exists():
            self._known = self._read_facts()
            if self._known is None or self._known.validator is None:
                self._terminal.note("(what is there cannot be compared with the server's: it begins anew)")
                self._known = None
                return
            self._done = self._part.stat().st_size
            headers["If-Range"] = self._known.validator
        elif self._path.exists():
            self._done = self._path.stat().st_size  # of another program's making
            self._known = _Known(self._shown, None, None)
        if self._done:
            headers["Range"] = format_range(self._done)
        else:
            headers.pop("If-Range", None)

    def _read_facts(self) -> _Known | None:
        try:
            facts: dict[str, Any] = json.loads(self._facts.read_text())
            known = _Known(**facts)
        except (OSError, ValueError, TypeError):
            return None
        return known if known.url == self._shown else None

    async def save(self, response: Response) -> int:
        """Write the body of a good answer; return the exit code.

        Raises:
            HTTPError: The body did not arrive; what did is kept.
            OSError: It cannot be written.
        """
        if response.status == 206 and not self._own_range:
            self._check_part(response)
            total = parse_content_range(response.headers["content-range"]).size
            if not self._part.exists():
                os.replace(self._path, self._part)
        else:
            if self._done:
                self._terminal.note("(the server has another version now, or no parts: it begins anew)")
            self._done = 0
            total = _length_of(response)
        target = self._path if self._special else self._part
        if not self._special:
            self._write_facts(response, total)
        try:
            with Progress(self._terminal, self._path.name, done=self._done, total=total, color=self._color) as progress:
                async with await trio.open_file(target, "ab" if self._done else "wb") as file:
                    await self._copy(response, file, progress)
            if total is not None and progress.done != total:
                raise IncompleteBody(f"{self._shown}: {total} bytes were announced, and {progress.done} are there")
            if not self._special:
                os.replace(self._part, self._path)
                self._facts.unlink(missing_ok=True)
        except BaseException:
            if not self._special:
                self._tell_of_the_part(total)
            raise
        self._terminal.note(f"{self._path}: {progress.summary}")
        return OK

    async def _copy(self, response: Response, file: _File, progress: Progress) -> None:
        waiting = bytearray()
        try:
            async for piece in response.body:
                waiting += piece
                progress.move_to(progress.done + len(piece))
                if len(waiting) >= BUFFER:
                    data, waiting = waiting, bytearray()
                    await file.write(data)
        finally:
            # also of a download that breaks off: each byte that has come need not come again
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                await file.write(waiting)
                await file.flush()

    def _check_part(self, response: Response) -> None:
        """Believe a part only if it is the one that was asked for.

        Raises:
            RemoteProtocolError: It is another one.
        """
        said = response.headers.get("content-range") or ""
        try:
            part, size = parse_content_range(said)
        except ValueError as error:
            raise RemoteProtocolError(
                f"the answer 206 tells not which part it is: {error}. Try without --continue"
            ) from None
        known = self._known
        if not self._done or known is None or part is None:
            raise RemoteProtocolError(f"a part was sent ({said}) that nobody has asked for. Try again")
        fits = part.start == self._done and (size is None or part.stop == size)
        if not fits or (known.size is not None and size is not None and size != known.size):
            raise RemoteProtocolError(
                f"asked for the bytes from {self._done} on of {known.size or 'an unknown size'}, but {said} was sent: "
                "the parts do not fit together. Try without --continue"
            )

    @property
    def asked_for_a_part(self) -> bool:
        """True if the rest of a file was asked for."""
        return bool(self._done)

    def settle_416(self, response: Response) -> int:
        """Say what it means that there is no such part: that it is complete, or that the file is another one."""
        try:
            size = parse_content_range(response.headers.get("content-range") or "").size
        except ValueError:
            size = None
        if size is not None and size == self._done and self._known is not None:
            if self._part.exists():
                os.replace(self._part, self._path)
                self._facts.unlink(missing_ok=True)
            self._terminal.note(f"{self._path}: complete, {size_in_words(size)}")
            return OK
        of = "the server does not say how many it has" if size is None else f"the server's file has {size}"
        self._terminal.note(
            f"trio-http: {self._done} bytes are there and {of}: these are not the same file. Try without --continue"
        )
        return CANNOT_WRITE

    # ---------------------------------------------------------------- what is known

    def _write_facts(self, response: Response, total: int | None) -> None:
        facts = _Known(self._shown, _validator_of(response.headers), total)
        self._facts.write_text(json.dumps(asdict(facts)))

    def _tell_of_the_part(self, total: int | None) -> None:
        with contextlib.suppress(OSError):
            size = self._part.stat().st_size
            of = "" if total is None else f" of {size_in_words(total)}"
            self._terminal.note(f"({size_in_words(size)}{of} are in {self._part}: go on with --continue)")


def _length_of(response: Response) -> int | None:
    announced = response.headers.get("content-length") or ""
    return int(announced) if announced.isdigit() else response.body.length


def _validator_of(headers: Headers) -> str | None:
    """Return what tells versions apart for certain: a strong entity tag, or an old enough date."""
    tag = headers.get("etag")
    if tag is not None:
        with contextlib.suppress(ValueError):
            if not ETag.parse(tag).weak:
                return tag
    modified = headers.get("last-modified")
    with contextlib.suppress(ValueError):
        then, now = parse_http_date(modified or ""), parse_http_date(headers.get("date") or "")
        if (now - then).total_seconds() >= STRONG_AFTER:
            return modified
    return None
