"""Server-sent events, read as they come, and asked for again when the connection ends.

https://html.spec.whatwg.org/multipage/server-sent-events.html: an interrupted stream is resumed from the last event
that had an id; the server says how long to wait; a 204 says that there is nothing more to come.
"""

from __future__ import annotations

import json as json_codec
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, final

import trio

from .._entropy import random_unit
from .._errors import DecodingError, HTTPError, HTTPTimeout, RemoteProtocolError, StatusError, TransportError
from ..messages import Lines, Response
from ._stream import OpenResponse

__all__ = ["EventStream", "ServerSentEvent"]

MAX_EVENT = 16 * 1024 * 1024  # characters of one event's data
MAX_LINE = 4 * 1024 * 1024  # characters of one line
MAX_BACKOFF = 60.0  # seconds between two tries to connect again
MIN_BACKOFF = 0.1  # seconds after a failure at least, if the server has said less: "retry: 0" must not make us spin


@final
@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event.

    Attributes:
        data: Its text.
        event: Its type.
        id: The last id that the stream has named, ``""`` if none.
        retry: Seconds to wait before connecting again, if this event set it.
    """

    data: str
    event: str = "message"
    id: str = ""
    retry: float | None = None

    def json(self, loads: Callable[[str], Any] = json_codec.loads) -> Any:
        """Return the data, decoded from JSON.

        Raises:
            DecodingError: It is not JSON.
        """
        try:
            return loads(self.data)
        except ValueError as error:
            raise DecodingError(f"the data of the event is not JSON: {error}") from error


@final
class EventStream:
    """The events of one URL: ``async with client.sse(url) as events: async for event in events``.

    Args:
        begin: Sends the request, given a Last-Event-ID or None, and returns the response with an open body.
        what: Method and URL, for texts.
        attempts: How often in a row connecting may fail before the error comes out; 1 for never connecting again.
        backoff: Seconds before connecting again, unless the server says otherwise; doubled with each failure.

    Attributes:
        response: The response that is being read.
        last_event_id: The last id that was named; set it before entering to resume an earlier stream.
    """

    def __init__(
        self,
        begin: Callable[[str | None], Awaitable[OpenResponse]],
        what: str,
        *,
        attempts: int | None,
        backoff: float,
    ) -> None:
        self._begin = begin
        self._what = what
        self._attempts = math.inf if attempts is None else attempts
        self._backoff = backoff
        self._told = False  # the server has said how long to wait
        self._failures = 0
        self._open: OpenResponse | None = None
        self._lines: Lines | None = None
        self._over = False
        self.response: Response | None = None
        self.last_event_id: str = ""

    async def __aenter__(self) -> Self:
        if self.response is not None:
            raise RuntimeError("an event stream is entered once: call client.sse() again")
        await self._connect(first=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over = True
        await self._close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ServerSentEvent:
        """Wait for the next event, connecting again if need be.

        Raises:
            HTTPError: Connecting again has failed too often, or the server refused.
        """
        while not self._over:
            if self._lines is None:
                await self._connect()
                continue
            try:
                event = await self._read(self._lines)
            except (TransportError, HTTPTimeout, RemoteProtocolError) as error:
                await self._close()
                if self._attempts <= 1:
                    raise
                self._count(error)
                continue
            if event is not None:
                self._failures = 0
                return event
            await self._close()
            if self._attempts <= 1:
                self._over = True
            else:
                await trio.sleep(self._pause())
        raise StopAsyncIteration

    def _count(self, error: HTTPError) -> None:
        self._failures += 1
        if self._failures >= self._attempts:
            raise error

    def _pause(self) -> float:
        if not self._failures:
            return min(MAX_BACKOFF, self._backoff)
        first = max(MIN_BACKOFF, self._backoff) if self._told else self._backoff
        pause = min(MAX_BACKOFF, first * 2.0 ** min(64, self._failures - 1))
        return pause * (1 - 0.2 * random_unit())

    async def _connect(self, *, first: bool = False) -> None:
        """Connect, again and again if this is not the first time: what fails at once is better told at once."""
        while True:
            if self._failures:
                await trio.sleep(self._pause())
            try:
                opened = await self._begin(self.last_event_id or None)
            except (TransportError, HTTPTimeout, RemoteProtocolError) as error:
                if first:
                    raise
                self._count(error)
                continue
            response = opened.response
            self._open, self.response = opened, response
            if response.status == 204:
                self._over = True
                return
            kind = (response.headers.get("content-type") or "").partition(";")[0].strip().lower()
            if response.status != 200:
                await opened.read_refusal()
                await self._close()
                refusal = StatusError(
                    response.status, f"in answer to {self._what}, where events were expected", response=response
                )
                if first or response.status not in {500, 502, 503, 504}:
                    raise refusal
                self._count(refusal)
                continue
            if kind != "text/event-stream":
                await self._close()
                raise RemoteProtocolError(f"{self._what}: expected text/event-stream, but the answer is {kind!r}")
            self._lines = Lines(response.body, "utf-8-sig", max_line=MAX_LINE)
            return

    async def _close(self) -> None:
        opened, self._open, self._lines = self._open, None, None
        if opened is not None:
            await opened.aclose()

    async def _read(self, lines: Lines) -> ServerSentEvent | None:
        """Wait for the next event; None at the end of the stream. An event that is cut off is none."""
        data: list[str] = []
        size = 0
        kind, retry = "", None
        last_id = self.last_event_id
        async for line in lines:
            if not line:
                self.last_event_id = last_id
                if data:
                    return ServerSentEvent("\n".join(data), kind or "message", last_id, retry)
                kind = ""
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
                size += len(value) + 1
                if size > MAX_EVENT:
                    raise RemoteProtocolError(f"{self._what}: an event is longer than {MAX_EVENT} characters")
            elif name == "event":
                kind = value
            elif name == "id" and "\0" not in value:
                last_id = value
            elif name == "retry" and value.isascii() and value.isdigit():
                self._backoff = retry = float(value) / 1000  # of any number of digits, which int() does not take
                self._told = True
        return None
