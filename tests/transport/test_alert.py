"""A server hears why a client does not go on with a handshake."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from tests.wires import server_context
from trio_http import TLSError
from trio_http.transport import TLSOptions, start_tls


async def refuse(stream: trio.abc.Stream) -> None:
    """A client that does not know who vouches for the server."""
    with pytest.raises(TLSError, match="not acceptable"):
        await start_tls(stream, "localhost", TLSOptions())


async def test_a_server_hears_why_its_certificate_is_refused() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    server = trio.SSLStream(theirs, server_context(), server_side=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(refuse, ours)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await server.do_handshake()

    assert "UNKNOWN_CA" in str(caught.value.__cause__)


class TakesOnePiece(trio.abc.SendStream):
    """A stream that takes what is sent first, and nothing after it."""

    def __init__(self, below: trio.abc.SendStream) -> None:
        self.below = below
        self.full = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self.full:
            await trio.sleep_forever()
        self.full = True
        await self.below.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await self.below.aclose()


async def test_a_server_that_takes_no_alert_is_not_waited_for_long(autojump_clock: Any) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    server = trio.SSLStream(theirs, server_context(), server_side=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(refuse, trio.StapledStream(TakesOnePiece(ours.send_stream), ours.receive_stream))
        with pytest.raises(trio.BrokenResourceError) as caught:
            await server.do_handshake()

    assert "EOF" in str(caught.value.__cause__)
    assert trio.current_time() == 0.2
