"""Middleware: functions from handler to handler."""

from __future__ import annotations

import gzip
import logging
import zlib
from typing import Any

import pytest
import trio
import trio.testing

from tests.web.middleware import hello, request
from tests.wires import serving
from trio_http import Request, Response, StatusError
from trio_http.messages import Handler, SendChunk
from trio_http.web import (
    Router,
    access_log,
    apply,
    by_peer,
    compression,
    cors,
    error_pages,
    https_only,
    limit_concurrency,
    limit_rate,
    request_id,
    threaded,
    timeout,
    trusted_hosts,
)

TEXT = "some text that repeats; " * 500


async def sent(response: Response) -> bytes:
    pieces: list[bytes] = []

    async def take(piece: bytes) -> None:
        pieces.append(piece)

    await response.outgoing.send_to(take)
    return b"".join(pieces)


@pytest.mark.covers("A68")
async def test_middleware_wraps_from_the_outside_in() -> None:
    order: list[str] = []

    def note(name: str) -> object:
        def middleware(handler: Handler) -> Handler:
            async def inner(request: Request) -> Response:
                order.append(name)
                response = await handler(request)
                order.append(name)
                return response

            return inner

        return middleware

    handler = apply(hello, note("a"), note("b"))  # type: ignore[arg-type]

    assert (await handler(request())).text() == "hello"
    assert order == ["a", "b", "b", "a"]


@pytest.mark.covers("A68", "A21")
async def test_timeout(autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async def slow(request: Request) -> Response:
        await trio.sleep(float(request.path[1:]))
        return Response("done")

    handler = timeout(5)(slow)
    began = trio.current_time()

    assert (await handler(request(path="/4"))).text() == "done"
    assert trio.current_time() - began == 4
    response = await handler(request(path="/6"))
    assert (response.status, trio.current_time() - began) == (503, 9)
    assert "took longer than 5 s" in caplog.text
    with trio.move_on_after(1) as scope:
        await handler(request(path="/6"))
    assert scope.cancelled_caught  # the caller's own scope wins


@pytest.mark.covers("A47", "A68")
async def test_compression_of_a_whole_answer() -> None:
    async def text(request: Request) -> Response:
        return Response(TEXT, headers={"etag": '"x"', "content-length": str(len(TEXT))})

    handler = compression(codings=["gzip"])(text)

    response = await handler(request(accept_encoding="gzip"))
    assert gzip.decompress(response.content).decode() == TEXT
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "accept-encoding"
    assert response.headers["etag"] == 'W/"x"'
    assert "content-length" not in response.headers
    plain = await handler(request())
    assert (plain.text(), plain.headers["vary"], plain.headers["etag"]) == (TEXT, "accept-encoding", '"x"')
    assert (await handler(request(accept_encoding="gzip;q=0"))).text() == TEXT


@pytest.mark.covers("A47")
async def test_compression_of_a_stream_keeps_it_one() -> None:
    async def stream(request: Request) -> Response:
        async def produce(send: SendChunk) -> None:
            await send(b"first ")
            await send(b"second")

        return Response(produce, headers={"content-type": "text/plain"})

    response = await compression(codings=["gzip"])(stream)(request(accept_encoding="gzip"))
    decoder = zlib.decompressobj(31)
    seen: list[bytes] = []

    async def take(piece: bytes) -> None:
        seen.append(decoder.decompress(piece))

    await response.outgoing.send_to(take)
    assert seen == [b"first ", b"second", b""]
    assert decoder.eof


async def test_compression_closes_what_it_wraps() -> None:
    send, receive = trio.open_memory_channel[bytes](1)

    async def stream(request: Request) -> Response:
        return Response(receive, headers={"content-type": "text/plain"})

    response = await compression(codings=["gzip"])(stream)(request(accept_encoding="gzip"))
    await response.outgoing.aclose()  # as a server does for HEAD

    with pytest.raises(trio.BrokenResourceError):
        await send.send(b"x")


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "image/png"},
        {"content-type": "text/event-stream"},
        {"content-encoding": "br"},
        {"cache-control": "no-transform"},
        {"content-range": "bytes 0-1/2"},
    ],
)
async def test_what_is_not_compressed(headers: dict[str, str]) -> None:
    async def other(request: Request) -> Response:
        return Response(TEXT.encode(), headers={"content-type": "text/plain", **headers})

    response = await compression()(other)(request(accept_encoding="gzip"))

    assert response.content == TEXT.encode()


async def test_small_answers_are_not_compressed() -> None:
    assert (await compression()(hello)(request(accept_encoding="gzip"))).text() == "hello"
    with pytest.raises(ValueError, match="lzma"):
        compression(codings=["lzma"])


async def test_limit_of_handlers_at_once(autojump_clock: trio.testing.MockClock) -> None:
    running = 0
    most = 0

    async def slow(request: Request) -> Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(1)
        running -= 1
        return Response("done")

    handler = limit_concurrency(2, waiting=1)(slow)
    statuses: list[int] = []

    async def ask() -> None:
        statuses.append((await handler(request())).status)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)

    assert (most, sorted(statuses)) == (2, [200, 200, 200, 503, 503])
    assert (await handler(request())).status == 200


@pytest.mark.covers("A25")
async def test_limit_of_handlers_by_key(autojump_clock: trio.testing.MockClock) -> None:
    async def slow(request: Request) -> Response:
        await trio.sleep(1)
        return Response("done")

    handler = limit_concurrency(1, key=by_peer)(slow)
    statuses: list[tuple[str, int, str | None]] = []

    async def ask(peer: str) -> None:
        response = await handler(request(peer=peer))
        statuses.append((peer, response.status, response.headers.get("retry-after")))

    async with trio.open_nursery() as nursery:
        for peer in ("a", "a", "b"):
            nursery.start_soon(ask, peer)

    assert sorted(statuses, key=str) == [("a", 200, None), ("a", 429, "1"), ("b", 200, None)]


@pytest.mark.covers("A25")
async def test_limit_of_the_rate(autojump_clock: trio.testing.MockClock) -> None:
    handler = limit_rate(2, 10)(hello)  # one in five seconds, two at once

    async def ask(peer: str = "a") -> tuple[int, str | None]:
        response = await handler(request(peer=peer))
        return response.status, response.headers.get("retry-after")

    assert [await ask(), await ask(), await ask(), await ask("b")] == [
        (200, None),
        (200, None),
        (429, "5"),
        (200, None),
    ]
    await trio.sleep(4.5)
    assert await ask() == (429, "1")
    await trio.sleep(0.5)
    assert [await ask(), await ask()] == [(200, None), (429, "5")]
    await trio.sleep(100)
    assert [await ask(), await ask(), await ask()] == [(200, None), (200, None), (429, "5")]


@pytest.mark.covers("A70")
async def test_trusted_hosts() -> None:
    handler = trusted_hosts(["example.com", "*.example.org"])(hello)

    for host in ("example.com", "EXAMPLE.com:80", "example.com.", "a.example.org", "a.b.example.org"):
        assert (await handler(request(host=host))).status == 200
    for host in ("example.org", "evil.com", "example.com.evil.com", "xexample.org", ""):
        assert (await handler(request(host=host))).status == 421


@pytest.mark.covers("A35")
async def test_https_only() -> None:
    handler = https_only(port=8443, subdomains=True)(hello)

    moved = await handler(request(path="/a?b=c", host="example.com:80"))
    assert (moved.status, moved.headers["location"]) == (301, "https://example.com:8443/a?b=c")
    assert (await handler(request("POST", host="[::1]"))).headers["location"] == "https://[::1]:8443/"
    absolute = await handler(request(path="http://example.com/a?b=c", host="example.com"))
    assert absolute.headers["location"] == "https://example.com:8443/a?b=c"
    assert (await handler(request("OPTIONS", path="*", host="h"))).headers["location"] == "https://h:8443/"
    assert (await handler(request("POST", host="h"))).status == 308
    assert (await handler(request(host=""))).status == 400
    secure = await handler(request(scheme="https", host="example.com"))
    assert secure.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert "strict-transport-security" not in moved.headers


@pytest.mark.covers("A68")
async def test_request_ids() -> None:
    async def tell(request: Request) -> Response:
        return Response(request.state["request_id"])

    own = request_id()(tell)
    first, second = await own(request(x_request_id="given")), await own(request())
    assert first.text() == first.headers["x-request-id"] != second.text()
    assert len(first.text()) == 24
    trusting = request_id(trust=True)(tell)
    assert (await trusting(request(x_request_id="abc-1"))).text() == "abc-1"
    assert (await trusting(request(x_request_id="a b"))).text() != "a b"


@pytest.mark.covers("A69", "A68")
async def test_error_pages() -> None:
    async def fail(request: Request) -> Response:
        match request.path:
            case "/lookup":
                raise KeyError("x")
            case "/grouped":
                raise ExceptionGroup("nursery", [IndexError("x")])
            case "/raised":
                raise StatusError(404, "nobody")
            case "/returned":
                return Response("bare", status=404)
            case "/other":
                raise StatusError(409, "taken")
        raise RuntimeError("bug")

    async def lookup(request: Request, error: Exception) -> Response:
        return Response(f"lookup {type(error).__name__}", status=400)

    async def missing(request: Request, error: Exception) -> Response:
        assert isinstance(error, StatusError)
        return Response(f"missing {error.detail}", status=404)

    handler = error_pages({LookupError: lookup, 404: missing})(fail)

    assert (await handler(request(path="/lookup"))).text() == "lookup KeyError"
    assert (await handler(request(path="/grouped"))).text() == "lookup IndexError"
    assert (await handler(request(path="/raised"))).text() == "missing nobody"
    assert (await handler(request(path="/returned"))).text() == "missing None"
    assert (await handler(request(path="/other"))).text() == "409 Conflict: taken\n"
    with pytest.raises(RuntimeError, match="bug"):
        await handler(request(path="/bug"))


@pytest.mark.covers("A69")
async def test_the_debug_page_is_off_unless_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(request: Request) -> Response:
        raise RuntimeError("<b>secret</b>")

    async with serving(error_pages()(fail)) as wires, wires.connect() as peer:
        status, _, body = await peer.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (status, b"secret" in body) == (500, False)
    response = await error_pages(debug=True)(fail)(request(path="/<i>"))
    assert response.status == 500
    assert "&lt;b&gt;secret" in response.text()
    assert "GET /&lt;i&gt;" in response.text()
    assert "Traceback" in response.text()


@pytest.mark.covers("A77")
async def test_access_log(autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async def slow(request: Request) -> Response:
        await trio.sleep(0.25)
        if request.path == "/bug":
            raise RuntimeError
        if request.path == "/no":
            raise StatusError(403)
        return Response("x", status=201)

    caplog.set_level(logging.INFO, "trio_http.access")
    handler = apply(slow, request_id(trust=True), access_log())

    await handler(request("PUT", "/a%0Ab?secret=1", x_request_id="id-1"))
    for path in ("/bug", "/no"):
        with pytest.raises((RuntimeError, StatusError)):
            await handler(request(path=path, x_request_id="id-2"))
    with trio.move_on_after(0.1):
        await handler(request(path="/gone", x_request_id="id-3"))

    assert [record.getMessage() for record in caplog.records] == [
        "10.0.0.1 PUT /a\\nb 201 250.0ms id-1",
        "10.0.0.1 GET /bug 500 250.0ms id-2",
        "10.0.0.1 GET /no 403 250.0ms id-2",
        "10.0.0.1 GET /gone 499 100.0ms id-3",
    ]


@pytest.mark.covers("A71")
async def test_handlers_that_block() -> None:
    def blocking(request: Request) -> Response:
        """Block."""
        trio.from_thread.check_cancelled()  # works in trio's threads only
        return Response(request.matches["name"])

    router = Router()
    router.get("/:name")(threaded(blocking, limiter=trio.CapacityLimiter(1)))

    assert (await router(request(path="/x"))).text() == "x"
    assert router.describe()[0].summary == "Block."


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: limit_concurrency(0), ValueError, "at least 1"),
        (lambda: limit_concurrency(1, waiting=-1), ValueError, "at least 0"),
        (lambda: limit_rate(0), ValueError, "positive"),
        (lambda: limit_rate(1, 0), ValueError, "positive"),
        (lambda: limit_rate(1, burst=0), ValueError, "positive"),
        (lambda: timeout(0), ValueError, "positive"),
        (lambda: cors("https://a.test"), TypeError, "a list of origins"),
        (lambda: trusted_hosts("a.test"), TypeError, "a list of hosts"),
    ],
)
def test_wrong_options_are_told_where_they_are_given(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


@pytest.mark.covers("A25")
async def test_peers_cannot_fill_the_memory_of_the_rate(autojump_clock: trio.testing.MockClock) -> None:
    """Beyond 100,000 keys those whose time is over are forgotten first, then those known longest; never the newest."""
    who = ""
    answer = Response("hello")
    the_request = request()

    async def same(request: Request) -> Response:
        return answer

    handler = limit_rate(1, per=10, key=lambda request: who)(same)

    async def ask(*numbers: int) -> int:
        nonlocal who
        status = 0
        for number in numbers:
            who = str(number)
            status = (await handler(the_request)).status
        return status

    await ask(*range(70_000))
    await trio.sleep(10)  # these may come again
    await ask(*range(70_000, 105_000))

    assert await ask(104_999) == 429
    assert await ask(70_000) == 429  # busy, and so not forgotten with those before
    await ask(*range(105_000, 175_000))
    assert await ask(174_999) == 429
    assert await ask(70_000) == 200  # too many are busy: forgiven


async def test_a_page_for_a_status_leaves_other_answers_alone() -> None:
    async def page(request: Request, error: Exception) -> Response:
        return Response("mine", status=404)

    assert (await error_pages({404: page})(hello)(request())).text() == "hello"
