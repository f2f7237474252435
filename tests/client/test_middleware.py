"""Middleware around requests, and hooks beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, listen, run, serve_app, silence
from trio_http import Client, Handler, Headers, Request, Response
from trio_http.testing import VirtualNetwork


async def server(request: Request) -> Response:
    if request.path == "/redirect":
        return Response(status=302, headers={"Location": "/echo"})
    return Response(request.body)


@pytest.mark.covers("B33")
def test_middleware_wraps_the_whole_request_the_first_one_outermost() -> None:
    log: list[str] = []

    def named(name: str) -> Any:
        async def middleware(request: Request, call: Handler) -> Response:
            log.append(f"{name} in")
            request.headers["X-Seen"] = request.headers.get("x-seen", "") + name
            response = await call(request)
            log.append(f"{name} out {response.status}")
            return response

        return middleware

    async def echo(request: Request) -> Response:
        return Response(request.headers["x-seen"])

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client(middleware=[named("a"), named("b")]) as client:
            assert (await client.get("http://api/")).text() == "ab"
            async with client.stream("GET", "http://api/") as response:
                assert await response.read() == b"ab"
            assert len(client.pool.connections) == 1

    run(main)
    assert log == ["a in", "b in", "b out 200", "a out 200"] * 2


@pytest.mark.covers("B33")
def test_middleware_may_answer_read_and_ask_again() -> None:
    async def cache(request: Request, call: Handler) -> Response:
        if request.url.path == "/cached":
            return Response("from the cache")
        first = await call(request)
        await first.read()
        return await call(Request("POST", "http://api/echo", content=first.content + b" twice"))

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, server)
        async with Client(middleware=[cache]) as client:
            assert (await client.get("http://api/cached")).text() == "from the cache"
            assert (await client.post("http://api/echo", content=b"once")).text() == "once twice"
            assert [info.state for info in client.pool.connections] == ["idle"]

    run(main)


def test_failing_middleware_leaves_nothing_open() -> None:
    async def fail(request: Request, call: Handler) -> Response:
        await call(request)
        raise ValueError("mine")

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, server)
        async with Client(middleware=[fail]) as client:
            for _ in range(2):
                with pytest.raises(ValueError, match="mine"):
                    await client.get("http://api/")
            assert client.pool.connections == []

    run(main)


@pytest.mark.covers("B33")
def test_hooks_see_every_attempt() -> None:
    log: list[str] = []

    async def on_request(request: Request) -> None:
        log.append(f"> {request.method} {request.url.path}")
        request.headers["X-Hook"] = "1"

    def on_response(response: Response) -> None:
        log.append(f"< {response.status} {response.url.path if response.url else ''}")

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, server)
        async with Client(on_request=[on_request], on_response=[on_response]) as client:
            response = await client.get("http://api/redirect")

            assert response.request is not None
            assert response.request.headers == Headers(response.request.headers)

    run(main)
    assert log == ["> GET /redirect", "< 302 /redirect", "> GET /echo", "< 200 /echo"]


class Given:
    """A body that notes whether it was closed."""

    closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep(0.1)
        return b"x"

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.closed = True


async def answers_itself(request: Request, call: Handler) -> Response:
    return Response("not today", status=503)


async def fails(request: Request, call: Handler) -> Response:
    raise ZeroDivisionError


@pytest.mark.covers("B33")
@pytest.mark.parametrize("middleware", [answers_itself, fails])
@pytest.mark.parametrize("how", ["whole", "stream", "upgrade", "files"])
def test_body_is_closed_though_middleware_never_asks(middleware: Any, how: str) -> None:
    async def ask(client: Client, body: Given) -> None:
        if how == "whole":
            await client.post("http://api/", content=body)
        elif how == "files":
            await client.post("http://api/", files={"file": body})
        elif how == "stream":
            async with client.stream("POST", "http://api/", content=body) as response:
                assert await response.read() == b"not today"
        else:
            async with client.upgrade("http://api/", "echo", method="POST", content=body):
                raise AssertionError

    async def main(net: VirtualNetwork) -> None:
        body = Given()
        async with Client(middleware=[middleware]) as client:
            try:
                await ask(client, body)
            except (trio_http.StatusError, ZeroDivisionError):
                pass
            assert body.closed

    run(main)


@pytest.mark.covers("B33")
def test_answer_of_middleware_knows_what_was_asked() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with Client(middleware=[answers_itself]) as client:
            response = await client.get("http://api/x")
            assert (str(response.url), response.request and response.request.method) == ("http://api/x", "GET")
            with pytest.raises(trio_http.StatusError, match=r"in answer to GET http://api/x"):
                response.raise_for_status()
            with pytest.raises(trio_http.HandshakeRejected, match=r"http://api/x.*503") as refused:
                await client.websocket("ws://api/x").__aenter__()
            assert refused.value.response.content == b"not today"
            with pytest.raises(trio_http.StatusError, match=r"503.*upgrade to echo"):
                await client.upgrade("http://api/x", "echo").__aenter__()

    run(main)


@pytest.mark.covers("B33")
def test_time_in_all_goes_on_for_a_request_that_middleware_has_made() -> None:
    async def late(request: Request, call: Handler) -> Response:
        await trio.sleep(3)
        return await call(Request("GET", "http://api/other"))

    async def main(net: VirtualNetwork) -> None:
        await listen(net, silence)
        async with Client(middleware=[late], timeout=5) as client:
            with pytest.raises(trio_http.TotalTimeout, match=r"GET http://api/other"):
                await client.get("http://api/")
            assert trio.current_time() == 5

    run(main)


@pytest.mark.covers("B33", "B37")
def test_upgrade_stays_one_through_a_request_that_middleware_has_made() -> None:
    async def elsewhere(request: Request, call: Handler) -> Response:
        return await call(Request("GET", "http://api/other", headers=request.headers))

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            assert b"GET /other " in (head := await peer.head())
            assert b"Upgrade: echo\r\n" in head
            await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello")
            await peer.end()

        await listen(net, script)
        async with Client(middleware=[elsewhere]) as client, client.upgrade("http://api/", "echo") as stream:
            assert await stream.receive_some() == b"hello"

    run(main)
