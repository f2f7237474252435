"""The deadlines of one connection, whichever side it is on, and the names that its owner knows them by."""

from __future__ import annotations

from typing import Final, final

from .._config import MinRate

__all__ = ["Timing"]


@final
class Timing:
    """The deadlines of one connection, in seconds; None for never.

    Args:
        owner: ``"ServerTimeouts"`` or ``"ClientTimeouts"``, for texts.
        head: For a head that has begun.
        idle: For a next request to begin.
        read: For the next bytes of a body, or of a response's head.
        write: For the peer to take some bytes.
        min_rate: The lowest speed of bodies.
    """

    __slots__ = ("head", "idle", "min_rate", "owner", "read", "write")

    def __init__(
        self,
        owner: str,
        *,
        read: float | None,
        write: float | None,
        head: float | None = None,
        idle: float | None = None,
        min_rate: MinRate | None = None,
    ) -> None:
        self.owner: Final = owner
        self.head: float | None = head
        self.idle: float | None = idle
        self.read: float | None = read
        self.write: float | None = write
        self.min_rate: MinRate | None = min_rate
