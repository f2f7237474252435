"""A server that is given its routes itself."""

from __future__ import annotations

import pytest

from tests.wires import serving
from trio_http import LocalProtocolError, Request, Response, Server
from trio_http.web import Resource, Router, apply, get, post, timeout


async def hello(request: Request) -> Response:
    return Response("hello")


class Notes(Resource):
    """Notes by number."""

    @get("/note/:number<int>")
    async def show(self, request: Request) -> Response:
        return Response(json=request.matches)

    @post("/note")
    async def add(self, request: Request) -> Response:
        return Response(await request.read(), status=201)


@pytest.mark.covers("S4.28", "S4.29", "S4.30")
async def test_routes_are_registered_with_a_server_that_runs() -> None:
    async with serving(Router()) as wires, wires.connect() as peer:
        assert (await peer.ask(b"GET /note/7 HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 404

        wires.server.register_routes(Notes())
        wires.server.register_routes([("GET", "/hello", hello)])

        assert (await peer.ask(b"GET /note/7 HTTP/1.1\r\nHost: h\r\n\r\n"))[2] == b'{"number":7}'
        assert (await peer.ask(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"))[2] == b"hello"
        assert [(method, pattern) for method, pattern, _ in wires.server.routes()] == [
            ("GET", "/note/:number<int>"),
            ("POST", "/note"),
            ("GET", "/hello"),
        ]
        assert wires.server.routes()[2][2] is hello


@pytest.mark.covers("S4.29", "S4.30")
def test_a_handler_without_routes_is_told() -> None:
    with pytest.raises(
        LocalProtocolError, match=r"no handler.*make it with one that does, Server\(trio_http.web.Router"
    ):
        Server(port=0).register_routes(Notes())
    with pytest.raises(LocalProtocolError, match=r"hello.*takes no routes"):
        Server(hello).routes()
    with pytest.raises(LocalProtocolError, match="ask that router itself"):
        Server(apply(Router(), timeout(1))).register_routes(Notes())
