"""One attempt of a request, however it is carried: over a connection, or to a handler in this process."""

from __future__ import annotations

from typing import Protocol

from .. import h1
from .._errors import BodyTooLarge
from ..messages import Timings
from ..semantics import Headers
from ..wire import UpgradedStream
from ._call import Call

__all__ = ["Attempt", "Head", "too_large"]

Head = h1.Response | h1.InformationalResponse
"""The head of a final response; informational only for the 101 that was asked for."""


class Attempt(Protocol):
    """What redirects, retries and responses need of an attempt whose head has arrived."""

    call: Call
    timings: Timings

    def switched(self) -> UpgradedStream:
        """Return the connection after a 101, with what had arrived behind that; closed with the attempt."""
        ...

    @property
    def has_body(self) -> bool:
        """True while there may be bytes of a body to read."""
        ...

    @property
    def body_length(self) -> int | None:
        """Bytes of the body as declared; None where only the end will tell."""
        ...

    async def read_whole(self, limit: int | None) -> tuple[bytes, Headers | None]:
        """Return the body, and its trailers, and end the attempt."""
        ...

    async def receive_chunk(self) -> bytes | h1.EndOfMessage:
        """Wait for the next piece of the body; the end of it ends the attempt."""
        ...

    def stop_the_clock(self) -> None:
        """Let the time in all count no more."""
        ...

    def finish_nowait(self) -> bool:
        """End the attempt after a complete response, if that takes no waiting."""
        ...

    async def finish(self) -> None:
        """End the attempt after a complete response."""
        ...

    async def abandon(self) -> None:
        """End the attempt wherever it stands; calling it again is fine."""
        ...


def too_large(call: Call, limit: int, found: str) -> BodyTooLarge:
    """Return the error for a body that is read whole and does not fit."""
    return BodyTooLarge(
        f"{call}: the body is larger than ClientLimits.body={limit} bytes allows: {found}. "
        "Read it in pieces with stream(), or raise the limit",
        limit=limit,
    )
