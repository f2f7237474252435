"""Resources, their decorators, and how large a body a route takes."""

from __future__ import annotations

import pytest

from tests.wires import serving
from trio_http import Request, Response, ServerLimits
from trio_http.web import (
    Argument,
    Resource,
    Router,
    delete,
    get,
    head,
    header,
    options,
    param,
    patch,
    post,
    put,
    route,
)


class Files(Resource):
    def __init__(self) -> None:
        self.calls: list[str] = []

    @get("/file/:name")
    @header("X-Token", "who asks", required=True)
    @param("page", value_type=int)
    async def show(self, request: Request) -> Response:
        """Show a file."""
        self.calls.append(request.matches["name"])
        return Response("shown")

    @put("/file/:name")
    async def store(self, request: Request) -> Response:
        return Response(str(len(await request.read())))

    @post("/small", max_content_length=10)
    async def small(self, request: Request) -> Response:
        return Response(str(len(await request.read())))

    @delete("/file/:name")
    @patch("/file/:name")
    async def change(self, request: Request) -> Response:
        return Response(request.method)

    @head("/head")
    @options("/options")
    async def odd(self, request: Request) -> Response:
        return Response(request.method)

    @route("/any", ["GET", "POST"], name="anything")
    async def any(self, request: Request) -> Response:
        return Response(request.method)

    @property
    def broken(self) -> str:
        raise AssertionError("registering runs no properties")


@pytest.mark.covers("S4.1", "S4.2", "S4.23", "S4.43", "S4.44", "S4.45", "S4.46")
async def test_a_resource_answers_its_routes() -> None:
    files = Files()
    router = Router()
    router.register_routes(files)

    assert (await router(Request("GET", "/file/x"))).text() == "shown"
    assert files.calls == ["x"]
    assert (await router(Request("PUT", "/file/x", content=b"abc"))).text() == "3"
    assert (await router(Request("DELETE", "/file/x"))).text() == "DELETE"
    assert (await router(Request("PATCH", "/file/x"))).text() == "PATCH"
    assert (await router(Request("HEAD", "/head"))).text() == "HEAD"
    assert (await router(Request("OPTIONS", "/options"))).text() == "OPTIONS"
    assert (await router(Request("POST", "/any"))).text() == "POST"
    assert router.url_for("Files.show", name="x") == "/file/x"
    assert router.url_for("anything") == "/any"
    assert files.routes() == [
        ("GET", "/file/:name", files.show),
        ("PUT", "/file/:name", files.store),
        ("POST", "/small", files.small),
        ("DELETE", "/file/:name", files.change),
        ("PATCH", "/file/:name", files.change),
        ("HEAD", "/head", files.odd),
        ("OPTIONS", "/options", files.odd),
        ("GET", "/any", files.any),
        ("POST", "/any", files.any),
    ]


def test_a_derived_resource_has_the_routes_of_its_base() -> None:
    class More(Files):
        @get("/more")
        async def more(self, request: Request) -> Response:
            return Response("")

        @get("/shown/:name")
        async def show(self, request: Request) -> Response:
            return Response("")

    routes = [(method, pattern) for method, pattern, _ in More().routes()]

    assert routes[0] == ("GET", "/shown/:name")
    assert routes[-1] == ("GET", "/more")
    assert ("PUT", "/file/:name") in routes


@pytest.mark.covers("S4.23")
async def test_routes_may_be_triples() -> None:
    async def hello(request: Request) -> Response:
        return Response(await request.read())

    router = Router()
    router.register_routes([("GET", "/a", hello), ("POST", "/b", hello)])

    assert (await router(Request("GET", "/a"))).status == 200
    assert (await router(Request("POST", "/b", content=b"x" * (5 * 1024 * 1024 + 1)))).status == 413


@pytest.mark.covers("S4.48", "S4.49")
def test_what_is_expected_is_told() -> None:
    router = Router()
    router.register_routes(Files())

    info = router.describe()[0]

    assert info.summary == "Show a file."
    assert info.arguments == (
        Argument("header", "X-Token", "who asks", required=True),
        Argument("query", "page", value_type=int),
    )


@pytest.mark.covers("S4.44", "S4.45", "A27")
async def test_a_body_that_is_declared_too_large_is_refused_before_it_is_read() -> None:
    router = Router()
    router.register_routes(Files())
    async with serving(router) as wires, wires.connect() as peer:
        # not one byte of the body is ever sent
        status, _, body = await peer.ask(
            b"POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"
        )
        assert status == 413
        assert b"11 bytes; at most 10" in body
    async with serving(router) as wires, wires.connect() as peer:
        status, _, body = await peer.ask(b"POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789")
        assert (status, body) == (200, b"10")
    five = 5 * 1024 * 1024
    async with serving(router) as wires, wires.connect() as peer:
        status, _, _ = await peer.ask(b"PUT /file/x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (five + 1))
        assert status == 413


async def test_a_body_by_chunks_is_refused_while_it_is_read() -> None:
    router = Router()
    router.register_routes(Files())
    start = b"POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(router) as wires, wires.connect() as peer:
        status, _, body = await peer.ask(start + b"a\r\n0123456789\r\n0\r\n\r\n")
        assert (status, body) == (200, b"10")
        status, _, body = await peer.ask(start + b"a\r\n0123456789\r\n1\r\nx\r\n")
        assert status == 413
        assert b"at most 10 bytes" in body


@pytest.mark.covers("A27")
async def test_a_route_may_take_more_than_the_server() -> None:
    router = Router()

    @router.post("/", max_content_length=30)
    async def take(request: Request) -> Response:
        return Response(str(len(await request.read())))

    async with serving(router, limits=ServerLimits(body=10)) as wires, wires.connect() as peer:
        head = b"POST / HTTP/1.1\r\nHost: h\r\n"
        status, _, body = await peer.ask(head + b"Content-Length: 20\r\n\r\n" + b"x" * 20)
        assert (status, body) == (200, b"20")
        status, _, body = await peer.ask(
            head + b"Transfer-Encoding: chunked\r\n\r\n14\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n"
        )
        assert (status, body) == (200, b"20")
        status, _, body = await peer.ask(head + b"Content-Length: 31\r\n\r\n" + b"x" * 31)
        assert status == 413
