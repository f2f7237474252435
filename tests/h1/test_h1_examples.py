"""The examples of the core run, and do what they say."""

from __future__ import annotations

import runpy
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from trio_http import h1

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.covers("S3.32")
def test_client_and_server_talk() -> None:
    client = runpy.run_path(str(EXAMPLES / "h1_client.py"))
    server = runpy.run_path(str(EXAMPLES / "h1_server.py"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server["serve"], args=(listener, 2))
        thread.start()
        status, body = client["fetch"]("127.0.0.1", listener.getsockname()[1], "/x")
        with socket.create_connection(listener.getsockname(), timeout=10) as sock:
            sock.sendall(b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            sock.sendall(b"abcGET / HTTP/2.0\r\n\r\n")
            answers = b"".join(iter(lambda: sock.recv(1000), b""))
        thread.join()

    assert (status, body) == (200, b"GET /x, 0 bytes\n")
    assert b"PUT /a, 3 bytes\n" in answers
    assert b"HTTP/1.1 505 Refused\r\n" in answers


def test_processing_loop_prints_every_event() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "h1_processing_loop.py")],
        env={"PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert [line.partition("(")[0] for line in done.stdout.splitlines()] == [
        *["Request", "Data", "Data", "Data", "EndOfMessage", "ConnectionClosed"]
    ]


@pytest.mark.covers("S3.32")
def test_processing_loop_stops_where_another_request_begins() -> None:
    loop = runpy.run_path(str(EXAMPLES / "h1_processing_loop.py"))
    connection = h1.Connection(h1.SERVER)
    events: list[h1.Event] = []
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    loop["process"](connection, [request * 2], events.append)

    assert [type(event) for event in events] == [h1.Request, h1.EndOfMessage]
    assert connection.trailing_data == (request, False)
