"""WSGI applications in threads: PEP 3333 by the standard library's validator, streaming both ways, every mistake.

Threads work here, so no clock jumps.
"""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import flask
import pytest
import trio
import trio.testing

import trio_http
from tests.asgi.apps import GET
from tests.wires import Peer, serving, until
from trio_http import Client, Request, Response
from trio_http.asgi import WSGIApplication, WSGIHandler, serve_wsgi

pytestmark = pytest.mark.covers("A73")
TEXT = [("Content-Type", "text/plain")]
POST = b"POST /a%20b/%E9?x=1 HTTP/1.1\r\nHost: h\r\nContent-Type: text/x\r\nX-Two: 1\r\nX-Two: 2\r\nX_Evil: 1\r\n"


async def chunked(peer: Peer) -> bytes:
    head = await peer.receive_until(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    return await peer.receive_until(b"0\r\n\r\n")


async def test_an_application_that_is_validated() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        size = 0
        while data := environ["wsgi.input"].read(1000):
            size += len(data)
        environ["wsgi.errors"].flush()
        start_response("200 OK", [*TEXT, ("X-Size", str(size))])
        return [b"one ", b"two"]

    with trio.fail_after(5):
        async with serving(WSGIHandler(validator(app))) as wires, wires.connect() as peer:
            for size in (0, 5000):
                await peer.send(POST + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
                head = await peer.receive_until(b"\r\n\r\n")
                assert b"X-Size: %d\r\n" % size in head
                assert await peer.receive_until(b"0\r\n\r\n") == b"4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"


async def test_the_environment_is_what_pep_3333_wants() -> None:
    seen: list[dict[str, Any]] = []

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        seen.append(environ)
        start_response("200 OK", TEXT)
        return [b"x"]

    with trio.fail_after(5):
        async with serving(WSGIHandler(app, root_path="/a b"), "socket") as wires, wires.connect() as peer:
            await peer.ask(POST + b"Content-Length: 0\r\n\r\n")
            await peer.ask(b"GET /else HTTP/1.1\r\nHost: h\r\n\r\n")
            first, second = seen
            assert first["SERVER_PORT"] == str(wires.server.port)

    assert (first["REQUEST_METHOD"], first["SERVER_PROTOCOL"]) == ("POST", "HTTP/1.1")
    assert (first["SCRIPT_NAME"], first["PATH_INFO"], first["QUERY_STRING"]) == ("/a b", "/\xe9", "x=1")
    assert (second["SCRIPT_NAME"], second["PATH_INFO"]) == ("/a b", "/else")
    assert (first["CONTENT_TYPE"], first["CONTENT_LENGTH"]) == ("text/x", "0")
    assert first["HTTP_X_TWO"] == "1,2"
    assert "HTTP_X_EVIL" not in first, "two fields must not come to one name"
    assert (first["REMOTE_ADDR"], first["SERVER_NAME"], first["wsgi.url_scheme"]) == ("127.0.0.1", "127.0.0.1", "http")
    assert (first["wsgi.multithread"], first["wsgi.run_once"]) == (True, False)


async def test_all_of_a_call_runs_in_one_thread_and_one_context() -> None:
    local = threading.local()
    var = contextvars.ContextVar[int]("var")
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(3):
                yield b"%d%d" % (local.value, var.get())

        def close(self) -> None:
            closed.append(local.value == var.get() == 7)

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        local.value = 7
        var.set(7)
        start_response("200 OK", TEXT)
        return Body()

    with trio.fail_after(5):
        async with serving(WSGIHandler(app)) as wires, wires.connect() as peer:
            await peer.send(GET)
            assert (await chunked(peer)).count(b"77") == 3

    assert closed == [True]


async def test_one_piece_is_sent_with_its_length_and_connections_go_on() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("404 Nothing Here", TEXT)
        return [b"abc"]

    with trio.fail_after(5):
        async with serving(WSGIHandler(app)) as wires, wires.connect() as peer:
            for _ in range(3):
                await peer.send(GET)
                head = await peer.receive_until(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 404 Nothing Here\r\n")
                assert b"Content-Length: 3\r\n" in head
                assert await peer.receive_exactly(3) == b"abc"


async def test_the_write_callable_and_a_generator() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", TEXT)
        write(b"written ")
        yield b"yielded"

    with trio.fail_after(5):
        async with serving(WSGIHandler(app)) as wires, wires.connect() as peer:
            await peer.send(GET)
            assert await chunked(peer) == b"8\r\nwritten \r\n7\r\nyielded\r\n0\r\n\r\n"


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
async def test_no_body_goes_with_head_204_and_304(status: str) -> None:
    ended: list[bool] = []

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(status, TEXT)
        yield b"abc"
        yield b"def"
        ended.append(True)

    with trio.fail_after(5):
        async with serving(WSGIHandler(app)) as wires, wires.connect() as peer:
            for _ in range(2):
                await peer.send(GET.replace(b"GET", b"HEAD" if status == "200 OK" else b"GET"))
                assert (await peer.receive_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 " + status.encode())
            assert peer.buffer == b""

    assert ended == [True, True]


async def test_answers_and_bodies_stream_with_backpressure() -> None:
    sent = 0
    closed = threading.Event()

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            nonlocal sent
            while True:
                yield b"x" * 65536
                sent += 1

        def close(self) -> None:
            closed.set()

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", TEXT)
        return Endless()

    with trio.fail_after(10):
        async with serving(WSGIHandler(app), "socket") as wires:
            async with wires.connect() as peer:
                await peer.send(GET)
                await until(lambda: trio.lowlevel.current_statistics().io_statistics.tasks_waiting_write)
                await trio.testing.wait_all_tasks_blocked(0.05)  # it goes on only while the kernel finds room
                assert sent < 500, "nobody reads, so the application has to wait"
            await trio.to_thread.run_sync(closed.wait, 5)

    assert closed.is_set(), "close() is called when the client leaves"


async def test_a_body_is_read_while_it_arrives() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", TEXT)
        for line in environ["wsgi.input"]:
            yield line.upper()

    with trio.fail_after(5):
        async with serving(WSGIHandler(app)) as wires, wires.connect() as peer:
            await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab\nc\r\n")
            await peer.receive_until(b"3\r\nAB\n\r\n")
            await peer.send(b"2\r\nd\n\r\n0\r\n\r\n")
            assert await peer.receive_until(b"0\r\n\r\n") == b"3\r\nCD\n\r\n0\r\n\r\n"


async def test_exc_info_replaces_a_head_that_has_not_left_and_raises_after_it() -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", TEXT)
        if environ["PATH_INFO"] == "/late":
            write(b"partial")
        try:
            raise ValueError("it broke")
        except ValueError:
            start_response("500 Oops", TEXT, sys.exc_info())
        return [b"error page"]

    with trio.fail_after(5):
        async with serving(WSGIHandler(app)) as wires, wires.connect() as peer:
            status, _, data = await peer.ask(GET)
            assert (status, data) == (500, b"error page")
            await peer.send(GET.replace(b"/ ", b"/late "))
            assert not (await peer.receive_all()).endswith(b"0\r\n\r\n")


def twice(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return []


def app_with(status: str = "200 OK", headers: Any = (), body: Any = (b"x",)) -> WSGIApplication:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(status, list(headers))
        return body  # type: ignore[no-any-return]

    return app


def fails(environ: Any, start_response: Any) -> Iterable[bytes]:
    raise ValueError("it broke")


@pytest.mark.parametrize(
    ("app", "text"),
    [
        (fails, "it broke"),
        (lambda environ, start_response: [], "returned without a response; expected it to call start_response()"),
        (lambda environ, start_response: [b"x"], "gave a body before a head; expected it to call start_response()"),
        (twice, "called start_response() twice; expected exc_info"),
        (app_with("OK"), "start_response('OK'): expected a final status, such as '200 OK'"),
        (app_with("100 Continue"), "expected a final status"),
        (app_with(headers=[("Connection", "close")]), "leaves fields about connections to the server"),
        (app_with(headers=[("X", "a\r\nb: c")]), "control characters"),
        (app_with(body=["text"]), "of type str; expected bytes"),
        (app_with(headers=[("Content-Length", "3")], body=[b"four"]), "Content-Length"),
        (app_with(body=None), "NoneType"),
    ],
)
async def test_an_application_that_goes_wrong_is_answered_500(
    app: WSGIApplication, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with trio.fail_after(5):
        async with serving(WSGIHandler(app)) as wires, wires.connect() as peer:
            assert (await peer.ask(GET))[0] == 500

    assert text in caplog.text


async def test_one_that_fails_inside_its_body_cuts_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", TEXT)
        yield b"abc"
        raise ValueError("it broke")

    with trio.fail_after(5):
        async with serving(WSGIHandler(app)) as wires, wires.connect() as peer:
            await peer.send(GET)
            assert not (await peer.receive_all()).endswith(b"0\r\n\r\n")

    assert "it broke" in caplog.text


async def test_one_whose_close_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Body(list[bytes]):
        def close(self) -> None:
            raise ValueError("it broke")

    with trio.fail_after(5):
        async with serving(WSGIHandler(app_with(body=Body([b"x"])))) as wires, wires.connect() as peer:
            assert (await peer.ask(GET))[0] == 200
            await until(lambda: "it broke" in caplog.text)


async def test_as_many_calls_run_at_once_as_there_are_threads() -> None:
    running = most = 0
    lock = threading.Lock()
    go = threading.Event()

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(0.05)
        with lock:
            running -= 1
        start_response("200 OK", TEXT)
        return [b"x"]

    with trio.fail_after(10):
        async with serving(WSGIHandler(app, threads=2), "socket") as wires:

            async def ask() -> None:
                async with wires.connect() as peer:
                    assert (await peer.ask(GET))[0] == 200

            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(ask)

    assert most == 2


async def test_middleware_around_it_sees_a_response() -> None:
    handler = WSGIHandler(app_with())

    async def around(request: Request) -> Response:
        response = await handler(request)
        response.headers["x-around"] = "1"
        return response

    with trio.fail_after(5):
        async with serving(around) as wires, wires.connect() as peer:
            assert (await peer.ask(GET))[1][b"x-around"] == b"1"


async def test_flask_through_serve_wsgi() -> None:
    app = flask.Flask(__name__)

    @app.post("/form")
    def form() -> Any:
        file = flask.request.files["f"]
        return {"name": file.filename, "size": len(file.read()), "path": flask.request.path}

    @app.get("/stream")
    def stream() -> Any:
        @flask.stream_with_context
        def pieces() -> Iterator[str]:
            for number in range(5):
                yield f"{number}{flask.request.args['x']} "

        return flask.Response(pieces(), mimetype="text/plain")

    @app.get("/cookie")
    def cookie() -> Any:
        response = flask.make_response("ok")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(serve_wsgi, app.wsgi_app, 0)
            async with Client(base_url=server.url) as client:
                answer = await client.post("/form", files={"f": ("a.txt", b"x" * 300_000)})
                assert answer.json() == {"name": "a.txt", "size": 300_000, "path": "/form"}
                assert (await client.get("/stream?x=a")).text() == "0a 1a 2a 3a 4a "
                assert (await client.get("/cookie")).cookies == {"a": "1", "b": "2"}
                assert (await client.get("/nowhere")).status == 404
            await server.shutdown(1)


async def test_applications_are_checked_when_they_are_given() -> None:
    with pytest.raises(TypeError, match="def app"):
        WSGIHandler(None)  # type: ignore[arg-type]
    assert "WSGIHandler" in repr(WSGIHandler(fails))
    assert trio_http.asgi.WSGIHandler is WSGIHandler
