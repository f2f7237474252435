"""Malformed input: refused, never repaired, with the right status and a closed connection; the server lives on."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.wires import KINDS, serving
from trio_http import Request, Response, ServerLimits

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\nHost: test\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


async def echo(request: Request) -> Response:
    return Response(await request.read())


REFUSED = {
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "no version": (b"GET /\r\nHost: test\r\n\r\n", 400),
    "lower-case http": (b"GET / http/1.1\r\nHost: test\r\n\r\n", 400),
    "version 2.0": (b"GET / HTTP/2.0\r\nHost: test\r\n\r\n", 505),
    "version 0.9": (b"GET / HTTP/0.9\r\nHost: test\r\n\r\n", 505),
    "method with a bad byte": (b"G@T / HTTP/1.1\r\nHost: test\r\n\r\n", 400),
    "target with a space": (b"GET /a b HTTP/1.1\r\nHost: test\r\n\r\n", 400),
    "target that is not ASCII": (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: test\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "bad Host": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "bad port": (b"GET / HTTP/1.1\r\nHost: a:8o\r\n\r\n", 400),
    "space before the colon": (b"GET / HTTP/1.1\r\nHost: test\r\nX-A : 1\r\n\r\n", 400),
    "folded field": (b"GET / HTTP/1.1\r\nHost: test\r\nX-A: 1\r\n 2\r\n\r\n", 400),
    "field without a colon": (b"GET / HTTP/1.1\r\nHost: test\r\nX-A\r\n\r\n", 400),
    "empty field name": (b"GET / HTTP/1.1\r\nHost: test\r\n: 1\r\n\r\n", 400),
    "NUL in a value": (b"GET / HTTP/1.1\r\nHost: test\r\nX-A: \x00\r\n\r\n", 400),
    "bare CR in a value": (b"GET / HTTP/1.1\r\nHost: test\r\nX-A: a\rb\r\n\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\nHost: test\n\n", 400),
    "length and chunked": (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
    "twice the same length": (HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    "a list of lengths": (HEAD + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    "signed length": (HEAD + b"Content-Length: +3\r\n\r\nabc", 400),
    "negative length": (HEAD + b"Content-Length: -3\r\n\r\nabc", 400),
    "huge length": (HEAD + b"Content-Length: 99999999999999999999999\r\n\r\nabc", 400),
    "unknown coding": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "two codings": (HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked twice": (HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked in 1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunk size that is no number": (CHUNKED + b"x\r\n", 400),
    "chunk size with a sign": (CHUNKED + b"+3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size with 0x": (CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    "chunk size with a space": (CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", 400),
    "chunk size line with LF": (CHUNKED + b"3\nabc\r\n0\r\n\r\n", 400),
    "chunk that does not end": (CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", 400),
    "control byte in an extension": (CHUNKED + b"3;a=\x01\r\nabc\r\n0\r\n\r\n", 400),
    "trailer that frames": (CHUNKED + b"0\r\nContent-Length: 3\r\n\r\n", 400),
    "long target": (b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\nHost: test\r\n\r\n", 414),
    "long head": (b"GET / HTTP/1.1\r\nHost: test\r\nX-A: " + b"a" * 65536 + b"\r\n\r\n", 431),
    "many fields": (b"GET / HTTP/1.1\r\nHost: test\r\n" + b"X-A: 1\r\n" * 101 + b"\r\n", 431),
    "endless head": (b"GET / HTTP/1.1\r\nHost: test\r\n" + b"X-A: 1\r\n" * 20000, 431),
    "endless request line": (b"GET /" + b"a" * 100_000, 414),
    "endless empty lines": (b"\r\n" * 10_000, 400),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("request_bytes", "expected"), REFUSED.values(), ids=REFUSED.keys())
async def test_refused_and_closed(
    kind: str, request_bytes: bytes, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(echo, kind) as wires:
        async with wires.connect() as peer:
            await peer.send(request_bytes + (GET if len(request_bytes) < 1000 else b""))
            status, fields, body = await peer.response()
            rest = await peer.receive_all()

        assert status == expected
        assert fields[b"connection"] == b"close"
        assert b"Traceback" not in body
        assert rest == b"", "what follows a refused request must not be answered"
        async with wires.connect() as other:
            assert (await other.ask(GET))[0] == 200

    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


ACCEPTED = {
    "one empty line before the request": (b"\r\n" + GET, b""),
    "chunk extension": (CHUNKED + b'3;name="a;b"\r\nabc\r\n0;last\r\n\r\n', b"abc"),
    "upper-case chunk size": (CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    "leading zeros": (CHUNKED + b"003\r\nabc\r\n000\r\n\r\n", b"abc"),
    "trailers": (CHUNKED + b"3\r\nabc\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n", b"abc"),
    "absolute form": (b"GET http://test/path?x HTTP/1.1\r\nHost: test\r\n\r\n", b""),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n", b""),
    "IPv6 host": (b"GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", b""),
    "empty host": (b"GET / HTTP/1.1\r\nHost: \r\n\r\n", b""),
    "tabs around a value": (b"GET / HTTP/1.1\r\nHost:\ttest\t\r\n\r\n", b""),
    "empty value": (b"GET / HTTP/1.1\r\nHost: test\r\nX-A:\r\n\r\n", b""),
    "other method": (b"BREW / HTTP/1.1\r\nHost: test\r\n\r\n", b""),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("request_bytes", "expected"), ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_unusual_but_valid(kind: str, request_bytes: bytes, expected: bytes) -> None:
    async with serving(echo, kind) as wires, wires.connect() as peer:
        assert (await peer.ask(request_bytes))[::2] == (200, expected)
        assert (await peer.ask(GET))[0] == 200


@pytest.mark.covers("A26", "S1.58", "S1.107")
@pytest.mark.parametrize("size", [1, 3, 1000, 10_000])
@pytest.mark.parametrize(("length", "expected"), [(2000, 200), (2001, 431)])
async def test_limits_do_not_depend_on_how_bytes_are_cut(size: int, length: int, expected: int) -> None:
    head = b"GET / HTTP/1.1\r\nHost: test\r\nX-A: "
    request = head + b"a" * (length - len(head) - 4) + b"\r\n\r\n"
    assert len(request) == length

    async with serving(echo, limits=ServerLimits(head=2000)) as wires, wires.connect() as peer:
        for start in range(0, len(request), size):
            await peer.send(request[start : start + size])

        assert (await peer.response())[0] == expected


@pytest.mark.covers("A26")
@pytest.mark.parametrize(
    ("limits", "target", "fields", "expected"),
    [
        (ServerLimits(target=100), 100, 1, 200),
        (ServerLimits(target=100), 101, 1, 414),
        (ServerLimits(header_count=5), 1, 5, 200),
        (ServerLimits(header_count=5), 1, 6, 431),
    ],
)
async def test_targets_and_numbers_of_fields_have_limits(
    limits: ServerLimits, target: int, fields: int, expected: int
) -> None:
    async with serving(echo, limits=limits) as wires, wires.connect() as peer:
        await peer.send(b"GET %s HTTP/1.1\r\nHost: test\r\n" % b"/".ljust(target, b"a"))
        await peer.send(b"X-A: 1\r\n" * (fields - 1) + b"\r\n")

        assert (await peer.response())[0] == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("request_bytes", [GET[:10], HEAD + b"Content-Length: 5\r\n\r\nab", CHUNKED + b"5\r\nab"])
async def test_a_peer_that_leaves_half_way_is_no_error_of_ours(
    kind: str, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(echo, kind) as wires:
        async with wires.connect() as peer:
            await peer.send(request_bytes)
            await peer.send_eof()
            await peer.receive_all()
        async with wires.connect() as other:
            assert (await other.ask(GET))[0] == 200

    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


SECRETS = {
    "target": b"GET /s3cret?s3cret HTTP/1.1\r\nHost: a b\r\n\r\n",
    "bad target": b"GET /s3cret\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "bad value": b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: s3cret\x00\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization s3cret\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization:\r\n s3cret\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: a\r\nCookie: a=s3cret\rb\r\n\r\n",
    "host": b"GET / HTTP/1.1\r\nHost: s3cret@a b\r\n\r\n",
    "coding": HEAD + b"Transfer-Encoding: s3cret\r\n\r\n",
    "length": HEAD + b"Content-Length: s3cret\r\n\r\n",
    "chunk line": CHUNKED + b"s3cret\r\n",
    "trailer": CHUNKED + b"0\r\nAuthorization s3cret\r\n\r\n",
    "fields": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"Cookie: s3cret\r\n" * 101 + b"\r\n",
    "crash": b"GET /crash HTTP/1.1\r\nHost: a\r\nAuthorization: s3cret\r\n\r\n",
    "expectation": HEAD + b"Expect: s3cret\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("sent", SECRETS.values(), ids=SECRETS.keys())
async def test_no_answer_echoes_what_was_sent(sent: bytes, autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/crash":
            raise RuntimeError(f"not for others: {request.headers['authorization']}")
        return Response(str(len(await request.read())))

    async with serving(handler) as wires, wires.connect() as peer:
        await peer.send(sent)
        await peer.send_eof()
        answer = await peer.receive_all()

    assert b"s3cret" not in answer
    assert b"Traceback" not in answer
    assert b"not for others" not in answer
