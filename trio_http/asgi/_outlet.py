"""Where the answer of an application goes: straight to the connection, or to a handler's response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..messages import Content
from ..semantics import HeaderItem

__all__ = ["Outlet"]


class Outlet(Protocol):
    """What takes an answer, in order: either all of it, or a head, chunks and an end."""

    async def push_whole(self, status: int, items: list[HeaderItem], data: bytes) -> None:
        """Take a whole answer."""
        ...

    async def push_head(self, status: int, items: list[HeaderItem], first: bytes) -> None:
        """Take a head and the first bytes of the body."""
        ...

    async def push_chunk(self, data: bytes) -> None:
        """Take more of the body; waits as long as the client is slow to take it."""
        ...

    async def push_content(self, content: Content) -> None:
        """Take more of the body from where it comes, and close that."""
        ...

    async def push_end(self, trailers: Sequence[HeaderItem]) -> None:
        """Take the end."""
        ...
