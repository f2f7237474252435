"""Watching a stream for its end: read ahead, then asked of the kernel."""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

import trio
import trio.testing

from trio_http.transport import StreamTransport


async def test_each_watch_tells_at_most_once(autojump_clock: Any) -> None:
    # A pair of unix sockets does in one step what it does, so the clock may jump.
    ours, theirs = socket.socketpair()
    transport = StreamTransport(trio.SocketStream(trio.socket.from_stdlib_socket(ours)), read_ahead=10)
    left: list[float] = []
    watch = partial(transport.watch, lambda: left.append(trio.current_time()), half_close=False)
    with theirs:
        theirs.sendall(b"x" * 100)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await trio.sleep(0.06)  # now it looks for an end behind what it does not read
            transport.unwatch()
            count = 0
            while count < 100:
                count += len(await transport.receive(1000))
            nursery.start_soon(watch)
            await trio.testing.wait_all_tasks_blocked()
            theirs.shutdown(socket.SHUT_WR)
            await trio.sleep(1)
            transport.unwatch()
    await transport.aclose()

    assert left == [0.06]
