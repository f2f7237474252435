"""A connection that has left HTTP behind: after "101 Switching Protocols" the bytes belong to the user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import final

import trio

from .._errors import ReadError, StatusError, WriteError
from ..messages import Response
from ..wire import HTTP1Stream
from ._stream import OpenResponse

__all__ = ["Upgrade", "UpgradedStream"]

ANSWER = 64 * 1024  # bytes read of an answer that is no upgrade


@final
class UpgradedStream(trio.abc.HalfCloseableStream):
    """The bytes of an upgraded connection; those that came right behind the 101 first.

    Args:
        stream: The connection.

    Attributes:
        response: The 101 response.
    """

    def __init__(self, stream: HTTP1Stream, response: Response) -> None:
        self._transport = stream.transport
        self._held = stream.core.trailing_data[0]
        self.response = response

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for bytes; ``b""`` is the end."""
        if self._held:
            await trio.lowlevel.checkpoint()
            most = len(self._held) if max_bytes is None else max_bytes
            data, self._held = self._held[:most], self._held[most:]
            return data
        try:
            return await self._transport.receive(65536 if max_bytes is None else max_bytes)
        except ReadError as error:
            raise trio.BrokenResourceError(str(error)) from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything."""
        await trio.lowlevel.checkpoint()
        rest = memoryview(data)
        try:
            rest = rest[self._transport.send_nowait((rest,)) :]
            while rest:
                rest = rest[await self._transport.send(rest) :]
        except WriteError as error:
            raise trio.BrokenResourceError(str(error)) from error

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: nothing is known of the other side's room."""
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        """Tell the peer that nothing more comes."""
        try:
            await self._transport.send_eof()
        except WriteError as error:
            raise trio.BrokenResourceError(str(error)) from error

    async def aclose(self) -> None:
        """Close."""
        await self._transport.aclose()


@final
class Upgrade:
    """The block of :meth:`Client.upgrade`; enter it once.

    Args:
        begin: Sends the request.
        what: Method, URL and protocol, for texts.
    """

    __slots__ = ("_begin", "_open", "_what")

    def __init__(self, begin: Callable[[], Awaitable[OpenResponse]], what: str) -> None:
        self._begin = begin
        self._what = what
        self._open: OpenResponse | None = None

    async def __aenter__(self) -> UpgradedStream:
        opened = await self._begin()
        response = opened.response
        try:
            if response.status != 101:
                await response.read(ANSWER)
                raise StatusError(response.status, f"in answer to {self._what}; 101 was expected", response=response)
        except BaseException:
            await opened.aclose()
            raise
        self._open = opened
        stream = opened.attempts[-1].wire
        assert stream is not None
        return UpgradedStream(stream, response)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._open is not None
        if error is None and (stream := self._open.attempts[-1].wire) is not None:
            await stream.aclose()  # in good order
        await self._open.aclose()
