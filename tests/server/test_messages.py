"""What requests tell handlers, and how answers are encoded on the way out."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
import trio

from tests.wires import KINDS, serving
from trio_http import LocalProtocolError, ProxyHeaders, Request, Response, ServerLimits
from trio_http.semantics import available_codings

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def hello(request: Request) -> Response:
    return Response("hello")


async def seen(raw: bytes, **options: Any) -> Request:
    """The request that a handler sees."""
    requests: list[Request] = []

    async def handler(request: Request) -> Response:
        requests.append(request)
        return Response()

    async with serving(handler, **options) as wires, wires.connect() as peer:
        await peer.ask(raw)
    return requests[0]


@pytest.mark.covers("A52", "S1.82", "S1.84", "S1.85", "S1.86", "S1.87", "S1.88")
async def test_the_fields_of_a_request(autojump_clock: Any) -> None:
    request = await seen(
        b"GET /a%20b?x=1&y=2&x=3 HTTP/1.1\r\nHost: example.org:81\r\nCookie: a=1; b=2\r\n"
        b'Accept: text/html;q=0.5, application/json\r\nIf-None-Match: "one", W/"two"\r\n'
        b"If-Modified-Since: Sat, 21 Nov 2026 10:00:00 GMT\r\nRange: bytes=0-4\r\nContent-Type: text/plain\r\n\r\n"
    )

    assert request.path == "/a b"
    assert request.raw_path == "/a%20b"
    assert request.query_string == "x=1&y=2&x=3"
    assert request.query["x"] == "1"
    assert request.query.get_list("x") == ["1", "3"]
    assert str(request.url) == "http://example.org:81/a%20b?x=1&y=2&x=3"
    assert request.host == "example.org:81"
    assert dict(request.cookies) == {"a": "1", "b": "2"}
    assert request.start_line.method == "GET"
    assert request.supports_http_1_1
    assert request.accepts("text/html", "application/json") == "application/json"
    assert [str(tag) for tag in request.if_none_match] == ['"one"', 'W/"two"']
    assert request.if_match == []
    assert request.if_modified_since is not None
    assert request.if_unmodified_since is None
    assert request.range(100) == [(0, 5)]
    assert str(request.content_type) == "text/plain"
    assert request.tls is None
    assert request.ip == ""
    assert request.connection is request.exchange
    assert request.server is not None
    assert not request.server.shutting_down.is_set()
    assert request.connection is request.exchange


@pytest.mark.covers("S1.55")
async def test_the_scheme_can_be_set_by_the_server(autojump_clock: Any) -> None:
    assert (await seen(GET, scheme="https")).scheme == "https"
    assert (await seen(GET)).scheme == "http"


# ---------------------------------------------------------------- behind proxies


@pytest.mark.covers("A32", "S1.63")
@pytest.mark.parametrize(
    ("trusted", "fields", "expected"),
    [
        (["10.0.0.0/8"], {"X-Forwarded-For": "192.0.2.1"}, ("192.0.2.1", "http", "a")),
        (["10.0.0.0/8"], {"X-Forwarded-For": "6.6.6.6, 192.0.2.1"}, ("192.0.2.1", "http", "a")),
        (["10.0.0.0/8"], {"X-Forwarded-For": "192.0.2.1, 10.2.2.2"}, ("192.0.2.1", "http", "a")),
        (["10.0.0.0/8"], {"X-Forwarded-For": "192.0.2.1, junk"}, ("10.1.1.1", "http", "a")),
        (["11.0.0.0/8"], {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}, ("10.1.1.1", "http", "a")),
        (
            ["10.0.0.0/8"],
            {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "real:1"},
            ("192.0.2.1", "https", "real:1"),
        ),
        (["10.0.0.0/8"], {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "gopher"}, ("192.0.2.1", "http", "a")),
        (["10.1.1.1"], {"Forwarded": "for=192.0.2.1"}, ("10.1.1.1", "http", "a")),
        ([], {"X-Forwarded-For": "192.0.2.1"}, ("10.1.1.1", "http", "a")),
    ],
)
def test_x_forwarded_is_believed_of_trusted_proxies(
    trusted: list[str], fields: dict[str, str], expected: tuple[str, str, str]
) -> None:
    request = Request("GET", "/", headers={"Host": "a", **fields})

    assert tuple(ProxyHeaders(trusted).via(("10.1.1.1", 99), "http", request.headers)) == expected


@pytest.mark.covers("A32")
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('for="[2001:db8::1]:80";proto=https;host=real', ("2001:db8::1", "https", "real")),
        ("for=6.6.6.6;proto=https, for=192.0.2.1", ("192.0.2.1", "http", "a")),
        ("for=192.0.2.1;proto=https, for=10.3.3.3;proto=http", ("192.0.2.1", "https", "a")),
    ],
)
def test_forwarded_is_believed_of_trusted_proxies(field: str, expected: tuple[str, str, str]) -> None:
    request = Request("GET", "/", headers={"Host": "a", "Forwarded": field, "X-Forwarded-For": "6.6.6.6"})

    via = ProxyHeaders(["10.0.0.0/8"], forwarded="forwarded").via(("10.1.1.1", 99), "http", request.headers)

    assert tuple(via) == expected


def test_proxies_on_unix_sockets_are_trusted_by_name() -> None:
    request = Request("GET", "/", headers={"X-Forwarded-For": "192.0.2.1"})

    assert ProxyHeaders(["unix"]).via("/run/s", "http", request.headers).ip == "192.0.2.1"
    assert ProxyHeaders(["10.0.0.0/8"]).via("/run/s", "http", request.headers).ip == ""


def test_networks_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        ProxyHeaders(["10.0.0.0/99"])
    with pytest.raises(ValueError, match="list"):
        ProxyHeaders("10.0.0.0/8")


@pytest.mark.covers("A32", "S1.53", "S1.63", "S2.18", "S2.19")
async def test_requests_are_seen_through_trusted_proxies() -> None:
    request = await seen(
        b"GET /p HTTP/1.1\r\nHost: inner\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Host: outer\r\n\r\n",
        kind="unix",
        proxy_headers=ProxyHeaders(["unix"]),
    )

    assert (request.ip, request.scheme, request.host) == ("192.0.2.1", "https", "outer")
    assert str(request.url) == "https://outer/p"


# ---------------------------------------------------------------- content codings


@pytest.mark.covers("A47")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", ["whole", "iterator", "producer"])
async def test_answers_are_compressed_where_they_are_told_to(kind: str, body: str) -> None:
    text = b"compress me " * 200

    async def produce(send: Any) -> None:
        await send(text[:500])
        await send(text[500:])

    class Pieces:
        def __aiter__(self) -> Any:
            self.left = [text[:500], text[500:]]
            return self

        async def __anext__(self) -> bytes:
            await trio.lowlevel.checkpoint()
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    async def handler(request: Request) -> Response:
        content: Any = {"whole": text, "iterator": Pieces(), "producer": produce}[body]
        return Response(content, headers={"ETag": '"v1"'}, compress=True)

    async with serving(handler, kind) as wires, wires.connect() as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
        head, _, sent = (await peer.receive_all()).partition(b"\r\n\r\n")

    assert b"content-encoding: gzip" in head.lower()
    assert b"vary: accept-encoding" in head.lower()
    assert b'etag: w/"v1"' in head.lower()
    if body != "whole":
        sent = unchunked(sent)
    assert gzip.decompress(sent) == text
    assert len(sent) < len(text)


def unchunked(data: bytes) -> bytes:
    pieces = []
    while True:
        size, _, data = data.partition(b"\r\n")
        if not int(size, 16):
            return b"".join(pieces)
        pieces.append(data[: int(size, 16)])
        data = data[int(size, 16) + 2 :]


@pytest.mark.parametrize(
    ("accept", "response"),
    [
        (b"", Response("x" * 1000, compress=True)),
        (b"Accept-Encoding: identity\r\n", Response("x" * 1000, compress=True)),
        (b"Accept-Encoding: gzip\r\n", Response("short", compress=True)),
        (b"Accept-Encoding: gzip\r\n", Response("x" * 1000)),
        (b"Accept-Encoding: gzip\r\n", Response("x" * 1000, headers={"Cache-Control": "no-transform"}, compress=True)),
        (b"Accept-Encoding: gzip;q=0\r\n", Response("x" * 1000, compress=True)),
    ],
)
async def test_answers_stay_as_they_are_otherwise(autojump_clock: Any, accept: bytes, response: Response) -> None:
    async def handler(request: Request) -> Response:
        return response

    async with serving(handler) as wires, wires.connect() as peer:
        _, fields, body = await peer.ask(b"GET / HTTP/1.1\r\nHost: a\r\n" + accept + b"\r\n")

    assert b"content-encoding" not in fields
    assert body == response.content


async def test_one_response_can_be_returned_again_and_again(autojump_clock: Any) -> None:
    once_and_for_all = Response("x" * 1000, compress=True)

    async def handler(request: Request) -> Response:
        return once_and_for_all

    async with serving(handler) as wires, wires.connect() as peer:
        wires.server.on_receive(lambda request, response: response.headers.add("Set-Cookie", "a=1"))
        for _ in range(3):
            await peer.send(b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
            _, _, body = await peer.response()
            assert gzip.decompress(body) == b"x" * 1000
            assert (await peer.ask(GET))[2] == b"x" * 1000

    assert dict(once_and_for_all.headers) == {"content-type": "text/plain; charset=utf-8"}


def post(body: bytes, coding: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        coding,
        len(body),
        body,
    )


async def size(request: Request) -> Response:
    return Response(str(len(await request.read())))


@pytest.mark.covers("A28", "S1.56", "S1.111")
@pytest.mark.parametrize("kind", KINDS)
async def test_request_bodies_are_decompressed_where_that_is_wanted(kind: str) -> None:
    body = gzip.compress(b"x" * 5000)

    async with serving(size, kind, decompress_request=True) as wires, wires.connect() as peer:
        assert (await peer.ask(post(body, b"gzip")))[2] == b"5000"
        assert (await peer.ask(post(zlib.compress(b"x" * 70000), b"deflate")))[2] == b"70000"
    async with serving(size, kind) as wires, wires.connect() as peer:
        assert (await peer.ask(post(body, b"gzip")))[2] == b"%d" % len(body)


@pytest.mark.covers("A28")
@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        (gzip.compress(b"x" * 2_000_000), b"gzip", 413),
        (gzip.compress(b"x" * 5000)[:-9], b"gzip", 400),
        (b"this is no gzip", b"gzip", 400),
        (b"whatever", b"rot13", 415),
        (b"whatever", b"gzip, " * 6, 415),
    ],
    ids=["bomb", "cut", "no gzip", "unknown", "too many"],
)
async def test_what_cannot_be_decompressed_is_refused(
    autojump_clock: Any, body: bytes, coding: bytes, status: int
) -> None:
    limits = ServerLimits(decompressed=1_000_000)

    async with serving(size, decompress_request=True, limits=limits) as wires, wires.connect() as peer:
        answered, fields, _ = await peer.ask(post(body, coding))
        assert answered == status
        if status == 415:
            assert fields[b"accept-encoding"] == ", ".join(available_codings()).encode()


# ---------------------------------------------------------------- limits of one request


@pytest.mark.covers("A27", "S1.61")
async def test_a_request_may_have_a_limit_of_its_own(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        request.limit_body(20 if request.path == "/more" else 5)
        return Response(str(len(await request.read())))

    def request(path: bytes, count: int) -> bytes:
        return b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (path, count, b"x" * count)

    async with serving(handler, limits=ServerLimits(body=10)) as wires, wires.connect() as peer:
        assert (await peer.ask(request(b"/more", 15)))[2] == b"15"
        assert (await peer.ask(request(b"/less", 5)))[2] == b"5"
        assert (await peer.ask(request(b"/less", 6)))[0] == 413


@pytest.mark.covers("S1.60")
async def test_a_request_may_have_a_read_timeout_of_its_own(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        request.set_read_timeout(2)
        return Response(await request.read())

    async with serving(handler) as wires, wires.connect() as peer:
        began = trio.current_time()
        status, _, _ = await peer.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")

        assert status == 408
        assert trio.current_time() - began == 2


@pytest.mark.covers("A31")
@pytest.mark.parametrize(("size", "kept"), [(1000, True), (2000, False)])
async def test_an_unread_body_is_skipped_if_it_is_short_enough(autojump_clock: Any, size: int, kept: bool) -> None:
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
    async with serving(hello, limits=ServerLimits(drain=1500)) as wires, wires.connect() as peer:
        status, fields, _ = await peer.ask(post)
        assert status == 200
        await peer.send(b"x" * size)

        assert (b"connection" not in fields) is kept
        if kept:
            assert (await peer.ask(GET))[0] == 200
        else:
            assert await peer.receive_all() == b""


# ---------------------------------------------------------------- fields of answers


@pytest.mark.covers("A53")
async def test_the_server_field_is_sent_if_one_is_given(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        return Response(headers={"Server": "mine"} if request.path == "/mine" else None)

    async with serving(handler, server_header="theirs") as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[1][b"server"] == b"theirs"
        await peer.send(b"GET /mine HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await peer.receive_until(b"\r\n\r\n")
        assert head.lower().count(b"server:") == 1
        assert b"mine" in head
    async with serving(handler) as wires, wires.connect() as peer:
        assert b"server" not in (await peer.ask(GET))[1]


@pytest.mark.covers("A53")
async def test_the_date_can_be_left_out(autojump_clock: Any) -> None:
    async with serving(hello) as wires, wires.connect() as peer:
        assert b"date" in (await peer.ask(GET))[1]
    async with serving(hello, date_header=False) as wires, wires.connect() as peer:
        assert b"date" not in (await peer.ask(GET))[1]


@pytest.mark.covers("S1.52", "S1.105")
async def test_without_keep_alive_each_answer_is_the_last(autojump_clock: Any) -> None:
    async def handler(request: Request) -> Response:
        return Response("once")

    async with serving(handler, keep_alive=False) as wires, wires.connect() as peer:
        _, fields, _ = await peer.ask(GET)

        assert fields[b"connection"] == b"close"
        assert await peer.receive_all() == b""


@pytest.mark.covers("A45")
def test_cookies_are_set_and_removed() -> None:
    response = Response()
    response.set_cookie("a", "1", max_age=60, http_only=True, same_site="Lax")
    response.delete_cookie("b")

    first, second = response.headers.get_list("set-cookie")
    assert first.startswith("a=1;")
    assert "HttpOnly" in first
    assert "b=" in second
    assert "Max-Age=0" in second or "1970" in second
    with pytest.raises(LocalProtocolError):
        response.set_cookie("a", "1\r\nX: y")


@pytest.mark.parametrize("reason", ["a\r\nX: y", "a\nb", "\0", "ü"])
async def test_a_reason_that_is_no_line_never_reaches_the_wire(
    autojump_clock: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: Request) -> Response:
        return Response("x", reason=reason)

    async with serving(handler) as wires, wires.connect() as peer:
        status, fields, _ = await peer.ask(GET)

    assert status == 500
    assert b"x" not in fields
    assert "reason phrase" in caplog.text


async def test_a_request_without_a_server_has_none(autojump_clock: Any) -> None:
    request = Request("GET", "/")

    assert request.server is None
    with pytest.raises(RuntimeError, match="server"):
        request.background(trio.sleep, 1)
    with request.shielded(1):
        await trio.sleep(0.5)
    with pytest.raises(trio.TooSlowError, match=r"request.shielded\(1\): the block took longer"), request.shielded(1):
        await trio.sleep(2)
