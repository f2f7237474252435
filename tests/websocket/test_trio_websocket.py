"""A canary: what we use of trio-websocket is still there, and still does what we rely on.

If a test here fails after an update of trio-websocket, read ``trio_http/websocket/_session.py`` before anything else.
"""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
import trio
import trio.testing
import trio_websocket
from ws_kit import close, text

from trio_http.transport import StreamTransport
from trio_http.websocket._frames import FrameConnection
from trio_http.websocket._line import Line
from trio_http.websocket._session import reader_of


def connection(*, client: bool = False) -> tuple[trio_websocket.WebSocketConnection, Line, trio.abc.Stream]:
    ours, theirs = trio.testing.memory_stream_pair()
    connection = FrameConnection(client=client)
    line = Line(StreamTransport(ours), connection, write=None)
    frames: Any = connection  # of wsproto's own class only the interface is used
    made = trio_websocket.WebSocketConnection(line, frames, host="", path="", message_queue_size=2)
    return made, line, theirs


def test_the_constructor_takes_what_we_give_it() -> None:
    parameters = inspect.signature(trio_websocket.WebSocketConnection).parameters

    assert list(parameters)[:2] == ["stream", "ws_connection"]
    assert {"host", "path", "message_queue_size", "max_message_size", "receive_buffer_size"} <= set(parameters)


async def test_the_reader_is_where_we_look_for_it() -> None:
    made, _, _ = connection()

    assert inspect.iscoroutinefunction(reader_of(made))


def test_its_absence_is_told_in_words() -> None:
    class Other:
        pass

    with pytest.raises(RuntimeError, match=r"trio-websocket \d.*_reader_task"):
        reader_of(Other())  # type: ignore[arg-type]


@pytest.mark.parametrize("client", [False, True], ids=["server", "client"])
async def test_a_connection_without_a_handshake_delivers_messages_and_closes(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    made, _, peer = connection(client=client)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader_of(made))
        await peer.send_all(text("hello", masked=not client))
        assert await made.get_message() == "hello"
        assert made.closed is None
        await peer.send_all(close(4000, b"bye", masked=not client))
        with pytest.raises(trio_websocket.ConnectionClosed):
            await made.get_message()
        await peer.aclose()

    assert made.closed is not None
    assert (made.closed.code, made.closed.reason) == (4000, "bye")


async def test_it_reads_no_more_than_its_queue_holds(autojump_clock: trio.testing.MockClock) -> None:
    made, line, peer = connection()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader_of(made))
        await trio.testing.wait_all_tasks_blocked()
        assert line.waiting < math.inf
        for i in range(5):
            await peer.send_all(text(str(i)))
        await trio.testing.wait_all_tasks_blocked()
        assert line.waiting == math.inf  # it stands before its full queue, and reads nothing

        assert [await made.get_message() for _ in range(5)] == ["0", "1", "2", "3", "4"]
        await trio.testing.wait_all_tasks_blocked()
        assert line.waiting < math.inf
        nursery.cancel_scope.cancel()
