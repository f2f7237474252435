"""Requests to an application: its scope, its body, its answer; pushed by it, and behind middleware."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from asgiref.typing import HTTPScope

from tests.asgi.apps import GET, body, both_ways, echo, handler_of, sending, start
from tests.wires import ALL_KINDS, KINDS, serving
from trio_http import Client, ProxyHeaders
from trio_http.asgi import ASGIHandler, Receive, Scope, Send


@both_ways
@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.covers("A72")
async def test_an_application_answers_and_the_connection_goes_on(kind: str, way: str) -> None:
    with trio.fail_after(5):
        async with serving(handler_of(echo, way), kind) as wires, wires.connect() as peer:
            for _ in range(3):
                status, fields, data = await peer.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
                assert (status, data) == (200, b"hello")
                assert b"date" in fields


async def test_the_scope_says_everything_about_a_request(autojump_clock: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send(start())
        await send(body())

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.ask(b"PUT /a%20b/%C3%A9?x=%31&y HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nx-two: 2\r\n\r\n")
        await peer.send(b"GET http://o.example/p?q HTTP/1.0\r\n\r\n")
        await peer.receive_all()

    first, second = seen
    assert set(first) == set(HTTPScope.__annotations__), "what the specification names, and nothing else"
    assert first["type"] == "http"
    assert first["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert (first["http_version"], first["method"], first["scheme"]) == ("1.1", "PUT", "http")
    assert (first["path"], first["raw_path"], first["query_string"]) == ("/a b/é", b"/a%20b/%C3%A9", b"x=%31&y")
    assert first["headers"] == [(b"host", b"h"), (b"x-two", b"1"), (b"x-two", b"2")]
    assert (first["root_path"], first["client"], first["server"]) == ("", None, None)
    assert {"http.response.trailers", "http.response.early_hint", "http.response.pathsend"} <= set(first["extensions"])
    assert "tls" not in first["extensions"]
    assert (second["http_version"], second["path"], second["raw_path"], second["query_string"]) == (
        "1.0",
        "/p",
        b"/p",
        b"q",
    )


@pytest.mark.parametrize(
    ("root", "path", "told"), [("/api", "/x", "/api/x"), ("/api", "/api/x", "/api/x"), ("/api/", "/apix", "/api/apix")]
)
async def test_the_root_path_stands_before_the_path(root: str, path: str, told: str, autojump_clock: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["root_path"], scope["path"], scope["raw_path"]))
        await send(start())
        await send(body())

    async with serving(ASGIHandler(app, root_path=root)) as wires, wires.connect() as peer:
        await peer.ask(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: h\r\n\r\n")

    assert seen == [("/api", told, told.encode())]


@pytest.mark.parametrize("kind", ["socket", "unix", "tls"])
async def test_the_scope_knows_both_addresses(kind: str) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send(start())
        await send(body())

    with trio.fail_after(5):
        async with serving(ASGIHandler(app), kind) as wires, wires.connect() as peer:
            await peer.ask(GET)
            (scope,) = seen
            if kind == "unix":
                assert scope["client"] is None
                assert scope["server"] == (wires.server.addresses[0], None)
            else:
                assert scope["client"][0] == "127.0.0.1"
                assert scope["server"] == ("127.0.0.1", wires.server.port)
            assert scope["scheme"] == ("https" if kind == "tls" else "http")
            if kind == "tls":
                tls = scope["extensions"]["tls"]
                assert tls["tls_version"] == 0x0304
                assert tls["cipher_suite"] in {0x1301, 0x1302, 0x1303}
                assert tls["client_cert_chain"] == []
                assert (tls["client_cert_name"], tls["client_cert_error"], tls["server_cert"]) == (None, None, None)


async def test_behind_a_trusted_proxy_the_scope_believes_it() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["client"], scope["scheme"]))
        await send(start())
        await send(body())

    with trio.fail_after(5):
        proxies = ProxyHeaders(trusted=["127.0.0.1"])
        async with serving(ASGIHandler(app), "socket", proxy_headers=proxies) as wires, wires.connect() as peer:
            await peer.ask(
                b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n\r\n"
            )

    assert seen == [(("203.0.113.7", 0), "https")]


@both_ways
@pytest.mark.parametrize("kind", KINDS)
async def test_a_body_arrives_in_pieces_and_its_end_is_told(kind: str, way: str) -> None:
    got: list[tuple[bytes, bool]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            got.append((message["body"], message["more_body"]))
            if not message["more_body"]:
                break
        await send(start())
        await send(body(b"done"))

    with trio.fail_after(5):
        async with serving(handler_of(app, way), kind) as wires, wires.connect() as peer:
            await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            await trio.testing.wait_all_tasks_blocked(0.01 if kind != "virtual" else 0)
            await peer.send(b"2\r\nde\r\n0\r\n\r\n")
            status, _, data = await peer.response()

    assert (status, data) == (200, b"done")
    assert b"".join(piece for piece, _ in got) == b"abcde"
    assert [more for _, more in got] == [True] * (len(got) - 1) + [False]


@both_ways
async def test_an_answer_streams_with_backpressure(way: str, virtual_network: Any) -> None:
    sent = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(start())
        for _ in range(64):
            await send(body(b"x" * 65536, more=True))
            sent += 1
        await send(body())

    async with serving(handler_of(app, way), "virtual") as wires, wires.connect() as peer:
        await peer.send(GET)
        await trio.sleep(1)
        before = sent
        assert 0 < before < 64, "nobody reads, so the application has to wait"
        size = 0
        while sent < 64 or size < 64 * 65536:
            size += len(await peer.receive())

    assert sent == 64


@both_ways
async def test_a_streamed_answer_is_chunked_or_counted_or_ends_with_the_connection(
    way: str, autojump_clock: Any
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        counted = [(b"content-length", b"4")] if scope["path"] == "/counted" else []
        await send(start(headers=counted))
        await send(body(b"ab", more=True))
        await send(body(b"", more=True))
        await send(body(b"cd"))

    async with serving(handler_of(app, way)) as wires:
        async with wires.connect() as peer:
            assert (await peer.ask(GET.replace(b"/ ", b"/counted ")))[2] == b"abcd"
            await peer.send(GET)
            assert b"transfer-encoding: chunked" in (await peer.receive_until(b"\r\n\r\n")).lower()
            assert await peer.receive_until(b"0\r\n\r\n") == b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"
        async with wires.connect() as peer:
            await peer.send(b"GET / HTTP/1.0\r\n\r\n")
            head, _, data = (await peer.receive_all()).partition(b"\r\n\r\n")
            assert data == b"abcd"
            assert b"transfer-encoding" not in head.lower()


@both_ways
@pytest.mark.parametrize("streamed", [False, True])
async def test_no_body_goes_with_head_204_and_304(streamed: bool, way: str, autojump_clock: Any) -> None:
    complete = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal complete
        status = int(scope["path"][1:])
        await send(start(status, [(b"x-mine", b"1")]))
        if streamed:
            await send(body(b"abc", more=True))
        await send(body(b"def"))
        complete += 1

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        for method, status in ((b"HEAD", 200), (b"GET", 204), (b"GET", 304), (b"HEAD", 304)):
            await peer.send(method + b" /%d HTTP/1.1\r\nHost: a\r\n\r\n" % status)
            head = await peer.receive_until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 %d " % status)
            assert b"x-mine: 1" in head
        assert (await peer.ask(GET.replace(b"/ ", b"/418 ")))[0] == 418 if not streamed else True
        assert peer.buffer == b""

    assert complete == (5 if not streamed else 4)


@both_ways
async def test_the_length_an_application_declares_for_head_is_kept(way: str, autojump_clock: Any) -> None:
    app = sending(start(headers=[(b"content-length", b"1234")]), body())

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        for _ in range(2):
            await peer.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"content-length: 1234\r\n" in (await peer.receive_until(b"\r\n\r\n")).lower()


@both_ways
async def test_a_body_that_does_not_fit_its_length_is_an_error_where_it_is_sent(
    way: str, autojump_clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = sending(start(headers=[(b"content-length", b"3")]), body(b"four"))

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        status, _, _ = await peer.ask(GET)

    assert status == 500
    assert "Content-Length" in caplog.text


@both_ways
async def test_connection_fields_of_an_application_are_not_passed_on(way: str, autojump_clock: Any) -> None:
    app = sending(start(headers=[(b"transfer-encoding", b"chunked"), (b"connection", b"close")]), body(b"x"))

    async with serving(handler_of(app, way)) as wires, wires.connect() as peer:
        await peer.send(GET)
        answer = (await peer.receive_all()).lower()

    assert b"transfer-encoding" not in answer
    assert b"connection: close\r\n" in answer
    assert answer.endswith(b"content-length: 1\r\n\r\nx")


async def test_100_continue_is_sent_when_the_application_wants_the_body(autojump_clock: Any) -> None:
    async with serving(ASGIHandler(echo)) as wires, wires.connect() as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert await peer.receive_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await peer.send(b"ok")
        assert (await peer.response())[2] == b"ok"


async def test_an_unread_body_is_read_over(autojump_clock: Any) -> None:
    async with serving(ASGIHandler(sending(start(), body(b"no")))) as wires, wires.connect() as peer:
        for _ in range(2):
            assert (await peer.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"))[2] == b"no"
        large = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n"
        status, fields, _ = await peer.ask(large)
        assert (status, fields[b"connection"]) == (200, b"close")


async def test_middleware_sees_and_changes_what_an_application_answers(autojump_clock: Any) -> None:
    async with serving(handler_of(echo, "returned")) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[1][b"x-around"] == b"200"


async def test_hooks_and_observers_see_pushed_answers(autojump_clock: Any) -> None:
    replies: list[Any] = []
    async with serving(ASGIHandler(sending(start(201, [(b"x-a", b"b")]), body(b"abc")))) as wires:
        wires.server.on_reply(lambda request, response: replies.append((request.path, response.status)))
        async with wires.connect() as peer:
            assert (await peer.ask(GET))[0] == 201
            assert (await peer.ask(GET))[0] == 201

    assert replies == [("/", 201), ("/", 201)]


async def test_on_receive_hooks_add_fields_and_answer_before_the_application(autojump_clock: Any) -> None:
    async with serving(ASGIHandler(sending(start(), body(b"abc")))) as wires:

        def hook(request: Any, response: Any) -> None:
            response.headers["x-hook"] = "1"
            if request.path == "/no":
                response.status = 403

        wires.server.on_receive(hook)
        async with wires.connect() as peer:
            status, fields, data = await peer.ask(GET)
            assert (status, fields[b"x-hook"], data) == (200, b"1", b"abc")
            assert (await peer.ask(GET.replace(b"/ ", b"/no ")))[0] == 403


async def test_a_client_in_this_process_asks_an_application(autojump_clock: Any) -> None:
    async with Client(app=ASGIHandler(echo)) as client:
        assert (await client.post("http://h/", content=b"abc")).content == b"abc"

        async def pieces(send: Callable[[bytes], Any]) -> None:
            await send(b"12")
            await send(b"34")

        assert (await client.post("http://h/", content=pieces)).content == b"1234"


async def test_concurrent_calls_of_receive_share_the_body_and_the_end(autojump_clock: Any) -> None:
    got: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def take() -> None:
            message = await receive()
            got.append(message.get("body", message["type"]))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(take)
            await trio.testing.wait_all_tasks_blocked()
            await send(start())
            await send(body(b"ok"))

    async with serving(ASGIHandler(app)) as wires, wires.connect() as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        await trio.sleep(1)
        await peer.send(b"cd")
        assert (await peer.response())[2] == b"ok"

    assert got == [b"ab", b"cd", "http.disconnect", "http.disconnect"]


@pytest.mark.parametrize("kind", ["memory", "tls over memory", "virtual"])
async def test_the_last_answer_is_sent_however_late_its_client_closes(kind: str, autojump_clock: Any) -> None:
    took: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        began = trio.current_time()
        await send(body(b"x"))
        took.append(trio.current_time() - began)

    async with serving(ASGIHandler(app), kind) as wires, wires.connect() as peer:
        await peer.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await peer.response())[2] == b"x"
        await trio.sleep(100)

    assert took[0] <= 0.2


async def test_applications_are_checked_when_they_are_given() -> None:
    with pytest.raises(TypeError, match="async def app"):
        ASGIHandler(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lifespan='maybe'"):
        ASGIHandler(echo, lifespan="maybe")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="root_path"):
        ASGIHandler(echo, root_path="api")
