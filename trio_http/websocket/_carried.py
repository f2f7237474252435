"""What a WebSocket is on the inside, as its public face sees it: our own session, or somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .._errors import ConnectionClosed
from ..messages import Address

__all__ = ["Carried"]


class Carried(Protocol):
    """Messages both ways until it is closed; what each part promises is said at :class:`WebSocket`.

    Attributes:
        at_end: What is called, once or more, when it is closed or closing; an ordered set.
    """

    at_end: dict[Callable[[], None], None]

    @property
    def peer(self) -> Address:
        """The address of the other end."""
        ...

    @property
    def local(self) -> Address:
        """The address of our end."""
        ...

    @property
    def closed(self) -> tuple[int, str] | None:
        """Code and reason, once it is closed or closing; None while it is open."""
        ...

    def error(self) -> ConnectionClosed:
        """Return what to raise when something is wanted of it that is closed."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send one message."""
        ...

    async def receive(self) -> str | bytes:
        """Wait for the next message."""
        ...

    async def receive_any(self) -> tuple[int, str | bytes]:
        """Wait for the next message, ping or pong; return its opcode and payload."""
        ...

    async def ping(self) -> float:
        """Send a ping, wait for its pong, return the seconds between the two."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close it."""
        ...
