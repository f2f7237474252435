"""A connection that has left HTTP behind: after "101 Switching Protocols" the bytes belong to the user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import final

from .._errors import StatusError
from ..messages import Response
from ..wire import UpgradedStream
from ._stream import OpenResponse

__all__ = ["Upgrade"]


@final
class Upgrade:
    """The block of :meth:`Client.upgrade`; enter it once.

    Args:
        begin: Sends the request.
        what: Method, URL and protocol, for texts.

    Attributes:
        response: The 101 response, inside the block.
    """

    __slots__ = ("_begin", "_open", "_stream", "_what", "response")

    def __init__(self, begin: Callable[[], Awaitable[OpenResponse]], what: str) -> None:
        self._begin = begin
        self._what = what
        self._open: OpenResponse | None = None
        self._stream: UpgradedStream | None = None
        self.response: Response | None = None

    async def __aenter__(self) -> UpgradedStream:
        if self._open is not None:
            raise RuntimeError("an upgrade is entered once: call client.upgrade() again")
        opened = await self._begin()
        response = opened.response
        try:
            if response.status != 101:
                await opened.read_refusal()
                raise StatusError(response.status, f"in answer to {self._what}; 101 was expected", response=response)
        except BaseException:
            await opened.aclose()
            raise
        self._open, self.response = opened, response
        self._stream = opened.attempts[-1].switched()
        return self._stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._open is not None
        if error is None and self._stream is not None:
            await self._stream.aclose()  # in good order
        await self._open.aclose()
