"""The options of one WebSocket: limits in bytes and counts, times in seconds. All frozen; None means without limit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

__all__ = ["KEEPALIVE", "LIMITS", "TIMEOUTS", "Keepalive", "WebSocketLimits", "WebSocketTimeouts"]


@dataclass(frozen=True, slots=True)
class Keepalive:
    """Ask a silent peer for a sign of life.

    Any byte received counts as one, not only a pong. The clock stands still while our own queue of messages is full,
    since then it is we who do not read; and what the event loop lost by being busy is added to the time.

    Attributes:
        interval: Seconds of silence after which a ping is sent; websockets 20.
        timeout: Seconds after the ping in which nothing at all may come before the connection is given up (1011).
    """

    interval: float = 20.0
    timeout: float = 20.0

    def __post_init__(self) -> None:
        for name, value in (("interval", self.interval), ("timeout", self.timeout)):
            if not value > 0:
                raise ValueError(f"Keepalive({name}={value!r}) makes no sense: give seconds as a positive number")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketLimits:
    """How much is taken from a peer.

    Attributes:
        message: Bytes of one message, decompressed, fragments together; more is refused with 1009.
        queue: Messages that wait for the program; when it is full nothing more is read, and TCP holds the peer back.
        stream: Messages are given out as they come, so that :meth:`WebSocket.receive_stream` takes those of any size;
            ``message`` holds for :meth:`WebSocket.receive` only. Bad text, or what cannot be decompressed, is refused
            when it is received, not when it comes.
    """

    message: int | None = 1024 * 1024  # websockets, trio-websocket 1 MiB; tornado 10 MiB; ws of node 100 MiB
    queue: int = 16  # websockets 16, trio-websocket 1
    stream: bool = False

    def __post_init__(self) -> None:
        for name, value, least in (("message", self.message, 1), ("queue", self.queue, 1)):
            if value is None and name == "message":
                continue
            if not isinstance(value, int) or value < least:
                raise ValueError(f"WebSocketLimits({name}={value!r}) makes no sense: give a whole number of at least 1")

    def replace(self, **changes: int | None) -> Self:
        """Return a copy with some limits changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # the check above is the stricter one


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketTimeouts:
    """How long to wait for a peer, in seconds; None for ever.

    Attributes:
        write: Until it takes some bytes.
        close: From our close frame to its own.
    """

    write: float | None = 30.0  # as ServerTimeouts.write
    close: float | None = 10.0  # websockets 10 s, trio-websocket 60 s

    def __post_init__(self) -> None:
        for name, value in (("write", self.write), ("close", self.close)):
            if value is not None and not value > 0:
                raise ValueError(
                    f"WebSocketTimeouts({name}={value!r}) makes no sense: "
                    "give seconds as a positive number, or None for ever"
                )


# what holds where nothing is given
LIMITS = WebSocketLimits()
TIMEOUTS = WebSocketTimeouts()
KEEPALIVE = Keepalive()
