"""Server-sent events: a response that goes on, in the form that browsers' EventSource reads (WHATWG HTML, 9.2)."""

from __future__ import annotations

import json as json_codec
import re
from collections.abc import Awaitable, Callable
from typing import final

import trio

from ..messages import UNSET, Request, Response, SendChunk
from ..semantics import HeadersInput

__all__ = ["EventSender", "EventStream"]

_LINE_END = re.compile(r"\r\n|\r|\n")  # no other character ends a line of an event stream
_SEND_COMMENT = b":\n\n"


@final
class EventSender:
    """What sends the events of one stream.

    Attributes:
        last_event_id: The id of the last event that the peer has got before it came back; None for a new peer.
    """

    __slots__ = ("_lock", "_send", "_sent_at", "last_event_id")

    def __init__(self, send: SendChunk, last_event_id: str | None) -> None:
        self._send = send
        self._lock = trio.Lock()  # pings and events come from two tasks
        self._sent_at = trio.current_time()
        self.last_event_id: str | None = last_event_id

    async def send(
        self,
        data: str | None = None,
        *,
        json: object = UNSET,
        event: str | None = None,
        id: str | None = None,  # noqa: A002  # its name in the standard
        retry: float | None = None,
    ) -> None:
        """Send one event; any task may.

        Args:
            data: A text of any number of lines. An event without data only sets ``id`` and ``retry``.
            json: An object to send as JSON instead.
            event: The type of the event; ``"message"`` where none is given.
            id: What the peer says as ``Last-Event-ID`` when it comes back; ``""`` forgets.
            retry: How long, in seconds, the peer should wait before it comes back.

        Raises:
            ValueError: ``event`` or ``id`` holds a line end, ``id`` a NUL.
            WriteError, WriteTimeout: The peer is gone, or reads nothing.

        Cancellation:
            Part of the event may have left: the stream cannot be used again.
        """
        if json is not UNSET:
            if data is not None:
                raise TypeError("an event has one content: give data or json, not both")
            data = json_codec.dumps(json, separators=(",", ":"), ensure_ascii=False)
        lines = []
        if event is not None:
            lines.append(f"event: {_checked('event', event)}\n")
        if id is not None:
            lines.append(f"id: {_checked('id', id)}\n")
        if retry is not None:
            if retry < 0:
                raise ValueError(f"retry={retry!r}: give seconds, at least 0")
            lines.append(f"retry: {round(retry * 1000)}\n")
        if data is not None:
            lines += [f"data: {line}\n" for line in _LINE_END.split(data)]
        lines.append("\n")
        await self._write("".join(lines).encode())

    async def comment(self, text: str = "") -> None:
        """Send what the peer passes over; so it is known whether it is still there."""
        await self._write(("".join([f": {line}\n" for line in _LINE_END.split(text)]) + "\n").encode())

    async def _write(self, data: bytes) -> None:
        async with self._lock:
            await self._send(data)
            self._sent_at = trio.current_time()

    async def _ping(self, seconds: float) -> None:
        while True:
            await trio.sleep_until(self._sent_at + seconds)
            if trio.current_time() >= self._sent_at + seconds:
                await self._write(_SEND_COMMENT)


@final
class EventStream(Response):
    """An answer that is a stream of events.

    Args:
        request: The request; its ``Last-Event-ID`` is at ``events.last_event_id``.
        source: ``async def source(events)``, which sends them. It runs in the task of the connection, after all
            middleware has returned, and is cancelled when the peer leaves or the server stops.
        ping: After so many seconds without an event a comment is sent, so that proxies do not close the connection and
            a peer that is gone is noticed; None for never. A child of ``source``'s own nursery does it.
        headers: Further fields.

    Example:
        >>> async def ticks(request):
        ...     async def source(events):
        ...         while True:
        ...             await events.send("tick")
        ...             await trio.sleep(1)
        ...     return EventStream(request, source)
    """

    __slots__ = ()

    def __init__(
        self,
        request: Request,
        source: Callable[[EventSender], Awaitable[None]],
        *,
        ping: float | None = 15.0,
        headers: HeadersInput | None = None,
    ) -> None:
        if ping is not None and not ping > 0:
            raise ValueError(f"EventStream(ping={ping!r}): give seconds as a positive number, or None for never")
        last_event_id = request.headers.get("last-event-id")

        async def produce(send: SendChunk) -> None:
            events = EventSender(send, last_event_id)
            if ping is None:
                await source(events)
                return
            error: Exception | None = None
            failed: list[Exception] = []
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_keep_alive, events, ping, nursery.cancel_scope, failed)
                try:
                    await source(events)
                except Exception as raised:
                    error = raised  # raised outside: a nursery of ours puts nobody's error into a group
                nursery.cancel_scope.cancel()
            if error is not None or failed:
                raise error or failed[0]

        super().__init__(produce, headers=headers)
        self.headers.setdefault("content-type", "text/event-stream")
        self.headers.setdefault("cache-control", "no-store")
        self.headers.setdefault("x-accel-buffering", "no")  # nginx would hold events back


async def _keep_alive(events: EventSender, seconds: float, scope: trio.CancelScope, failed: list[Exception]) -> None:
    try:
        await events._ping(seconds)
    except Exception as error:
        failed.append(error)
        scope.cancel()


def _checked(what: str, text: str) -> str:
    for character in "\r\n\0":
        if character in text:
            raise ValueError(f"{what}={text[:60]!r}: {character!r} must not be in it")
    return text
