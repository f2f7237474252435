"""The processing loop without any I/O: bytes from a list, events to a handler. This is all there is to the core.

Run it: ``python examples/h1_processing_loop.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trio_http import h1

PIECES = [
    b"POST /upload HTTP/1.1\r\nHost: example.org\r\nTransfer-En",
    b"coding: chunked\r\n\r\n5\r\nhello\r\n6\r\n wor",
    b"ld\r\n0\r\nChecksum: 42\r\n\r\n",
    b"",
]


def process(connection: h1.Connection, pieces: Iterable[bytes], handle: Callable[[h1.Event], None]) -> None:
    """Feed pieces to a connection; first ask for events until it needs data, and only then give it some."""
    source = iter(pieces)
    while True:
        event = connection.next_event()
        if event is h1.NEED_DATA:
            connection.receive_data(next(source))
        elif event is h1.PAUSED:
            return  # the rest belongs to the next request, or to another protocol: connection.trailing_data
        elif isinstance(event, h1.Event):
            handle(event)
            if isinstance(event, h1.ConnectionClosed):
                return


if __name__ == "__main__":
    process(h1.Connection(h1.SERVER, strict=True), PIECES, print)
