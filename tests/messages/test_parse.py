"""Requests out of their bytes."""

from __future__ import annotations

import pytest

from trio_http import IncompleteBody, RemoteProtocolError
from trio_http.messages import parse_request


@pytest.mark.covers("S2.27")
@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", b"hello"),
        (b"\r\n", b""),
    ],
)
async def test_a_request_is_read(framing: bytes, body: bytes) -> None:
    request = parse_request(b"POST /a?b=1 HTTP/1.1\r\nHost: h\r\n" + framing)

    assert (request.method, request.path, request.query["b"], request.host) == ("POST", "/a", "1", "h")
    assert await request.read() == body


@pytest.mark.covers("S2.27")
@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", RemoteProtocolError),
        (b"GET / HTTP/1.1\r\nHost: h\r\n", RemoteProtocolError),
        (b"GET / HTTP/1.1\r\n\r\n", RemoteProtocolError),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell", IncompleteBody),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\nmore", RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\n\r\n", RemoteProtocolError),
    ],
)
def test_what_is_no_request_is_refused(raw: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_request(raw)
