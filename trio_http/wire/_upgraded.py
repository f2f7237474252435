"""The bytes of a connection after it has left HTTP: a trio stream over a transport, for upgrades and CONNECT."""

from __future__ import annotations

from operator import index
from typing import final

import trio

from .._errors import ReadError, WriteError
from ..transport import READ_SIZE, Transport

__all__ = ["UpgradedStream"]


@final
class UpgradedStream(trio.abc.HalfCloseableStream):
    """A stream whose first bytes have arrived before it was made; it has no deadlines of its own.

    Args:
        transport: The connected bytes; closed with this stream.
        first: What had arrived behind the last message of HTTP.
        ended: Whether the peer's end follows these bytes.
    """

    __slots__ = ("_closed", "_ended", "_first", "_receiving", "_said_end", "_sending", "_transport")

    def __init__(self, transport: Transport, first: bytes = b"", *, ended: bool = False) -> None:
        self._transport = transport
        self._first = first
        self._ended = ended
        self._closed = False
        self._said_end = False
        self._sending = False
        self._receiving = False

    @property
    def transport(self) -> Transport:
        """What is below, with its addresses."""
        return self._transport

    def detach(self) -> tuple[Transport, bytes]:
        """Give up the transport, with the bytes that came first, to somebody who needs no stream; this one is closed.

        Raises:
            trio.ClosedResourceError: It was closed already.
        """
        self._check_open()
        self._closed = True
        return self._transport, self._first

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything.

        Raises:
            trio.BrokenResourceError: The connection is gone.
            trio.ClosedResourceError: It was closed on our side, or its end has been sent.
            trio.BusyResourceError: Another task is sending.
        """
        self._check_sending()
        if self._said_end:
            raise trio.ClosedResourceError("the end of this stream has been sent: nothing can follow it")
        self._sending = True
        try:
            await trio.lowlevel.checkpoint()
            rest = memoryview(data)
            rest = rest[self._transport.send_nowait((rest,)) :]
            while rest:
                rest = rest[await self._transport.send(rest) :]
        except WriteError as error:
            raise self._broken(error) from error
        finally:
            self._sending = False

    async def wait_send_all_might_not_block(self) -> None:
        """Return after a checkpoint: sending may wait all the same."""
        self._check_open()
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for bytes; ``b""`` is the end.

        Raises:
            trio.BrokenResourceError: The connection is gone.
            trio.ClosedResourceError: It was closed on our side.
            trio.BusyResourceError: Another task is receiving.
        """
        if max_bytes is not None and index(max_bytes) < 1:
            raise ValueError(f"receive_some(max_bytes={max_bytes!r}): give at least 1, or None for no bound")
        self._check_open()
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving on this stream")
        self._receiving = True
        try:
            if self._first or self._ended:
                await trio.lowlevel.checkpoint()
                data, self._first = self._first, b""
            else:
                data = await self._transport.receive(READ_SIZE if max_bytes is None else min(max_bytes, READ_SIZE))
                self._ended = not data
        except ReadError as error:
            raise self._broken(error) from error
        finally:
            self._receiving = False
        if max_bytes is not None and len(data) > max_bytes:  # a watch may have read more than one wants here, too
            data, self._first = data[:max_bytes], data[max_bytes:]
        return data

    async def send_eof(self) -> None:
        """Say that nothing more will be sent; saying it again does nothing.

        Raises:
            trio.BrokenResourceError: The connection is gone.
            trio.ClosedResourceError: It was closed on our side.
            trio.BusyResourceError: Another task is sending.
        """
        self._check_sending()
        await trio.lowlevel.checkpoint()
        if self._said_end:
            return
        self._said_end = True
        try:
            await self._transport.send_eof()
        except WriteError as error:
            raise self._broken(error) from error

    async def aclose(self) -> None:
        """Close the connection."""
        self._closed = True
        await self._transport.aclose()
        await trio.lowlevel.checkpoint()

    def _check_sending(self) -> None:
        self._check_open()
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream was closed on our side")

    def _broken(self, error: Exception) -> Exception:
        if self._closed:
            return trio.ClosedResourceError("this stream was closed on our side")
        return trio.BrokenResourceError(str(error))
