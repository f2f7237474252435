"""Requests as they go out, and what comes of them."""

from __future__ import annotations

from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, answers, chunks, listen, run, serve_app
from trio_http import Client, Request, Response
from trio_http.testing import VirtualNetwork

WAYS = [pytest.param({}, id="straight"), pytest.param({"retry": 2}, id="through everything")]
"""Options for the two ways that a request takes through the client."""


async def echo(request: Request) -> Response:
    """Say what arrived."""
    return Response(
        json={
            "method": request.method,
            "target": request.target,
            "headers": list(request.headers.get_all()),
            "body": (await request.read()).decode(),
        }
    )


@pytest.mark.covers("B1", "S1.9", "S2.61", "S2.62", "S2.63", "S2.64")
@pytest.mark.parametrize("method", ["get", "head", "options", "post", "put", "patch", "delete"])
def test_each_verb_sends_its_method(method: str) -> None:
    seen: list[str] = []

    async def handler(request: Request) -> Response:
        seen.append(request.method)
        return Response("hello")

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client() as client:
            response = await getattr(client, method)("http://api/")

            assert response.status == 200
            assert response.text() == ("" if method == "head" else "hello")

    run(main)
    assert seen == [method.upper()]


@pytest.mark.covers("B2")
def test_request_on_the_wire() -> None:
    async def main(net: VirtualNetwork) -> None:
        heads: list[bytes] = []

        async def script(peer: Peer) -> None:
            heads.append(await peer.answer())

        await listen(net, script)
        async with Client(headers={"X-All": "1"}) as client:
            await client.get("http://api/a b?q=1#no", headers={"X-One": "2"}, params={"r": "ü"})

        head = heads[0].decode()
        assert head.startswith("GET /a%20b?q=1&r=%C3%BC HTTP/1.1\r\nHost: api\r\n")
        assert "X-All: 1\r\n" in head
        assert "X-One: 2\r\n" in head
        assert "User-Agent: trio_http/" in head
        assert "Content-Length" not in head

    run(main)


@pytest.mark.covers("B2", "S1.12")
@pytest.mark.parametrize(
    ("options", "body", "fields"),
    [
        ({"content": b"abc"}, "abc", {"Content-Length": "3"}),
        ({"content": "äöü"}, "äöü", {"Content-Length": "6", "Content-Type": "text/plain; charset=utf-8"}),
        ({"json": {"a": [1, None]}}, '{"a":[1,null]}', {"Content-Type": "application/json"}),
        ({"json": None}, "null", {"Content-Type": "application/json"}),
        (
            {"data": {"a": "1 2", "b": ["x", "y"]}},
            "a=1+2&b=x&b=y",
            {"Content-Type": "application/x-www-form-urlencoded"},
        ),
        ({}, "", {"Content-Length": "0"}),
    ],
)
def test_forms_of_bodies_in_memory(options: dict[str, Any], body: str, fields: dict[str, str]) -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client() as client:
            seen = (await client.post("http://api/", **options)).json()

        assert seen["body"] == body
        sent = dict(seen["headers"])
        assert {name: sent.get(name) for name in fields} == fields

    run(main)


@pytest.mark.covers("B4", "S1.36")
@pytest.mark.parametrize("kind", ["iterator", "channel", "producer"])
def test_streamed_bodies_are_chunked(kind: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client() as client, trio.open_nursery() as nursery:
            if kind == "iterator":
                content: Any = chunks(b"ab", b"", b"cd")
            elif kind == "channel":
                send, content = trio.open_memory_channel[bytes](0)

                async def fill() -> None:
                    async with send:
                        await send.send(b"ab")
                        await send.send(b"cd")

                nursery.start_soon(fill)
            else:

                async def content(send: Any) -> None:
                    await send(b"ab")
                    await send(b"cd")

            seen = (await client.post("http://api/", content=content)).json()

        assert seen["body"] == "abcd"
        assert dict(seen["headers"])["Transfer-Encoding"] == "chunked"

    run(main)


@pytest.mark.covers("B4")
def test_streamed_body_with_a_declared_length_is_counted() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client() as client:
            seen = (
                await client.post("http://api/", content=chunks(b"ab", b"cd"), headers={"Content-Length": "4"})
            ).json()

        assert seen["body"] == "abcd"
        assert "Transfer-Encoding" not in dict(seen["headers"])

    run(main)


@pytest.mark.parametrize("declared", ["3", "5"])
def test_streamed_body_of_another_length_than_declared_is_our_error(declared: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client() as client:
            with pytest.raises(trio_http.LocalProtocolError, match=r"Content-Length|length"):
                await client.post("http://api/", content=chunks(b"ab", b"cd"), headers={"Content-Length": declared})

            assert client.pool.connections == []

    run(main)


@pytest.mark.covers("B23")
def test_connection_is_used_again_and_request_counted() -> None:
    async def main(net: VirtualNetwork) -> None:
        peers = await listen(net, answers)
        async with Client() as client:
            for _ in range(3):
                await client.get("http://api/")
            [info] = client.pool.connections

            assert (info.state, info.requests) == ("idle", 3)
        assert len(peers) == 1

    run(main)


@pytest.mark.parametrize("field", ["Connection: close\r\n", "surplus"])
def test_connection_that_is_over_is_not_used_again(field: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            if field == "surplus":
                await peer.head()
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more")
            else:
                await peer.answer(fields=field)
            await peer.end()

        peers = await listen(net, script)
        async with Client() as client:
            assert (await client.get("http://api/")).content == b"ok"
            assert (await client.get("http://api/")).content == b"ok"
        assert len(peers) == 2

    run(main)


@pytest.mark.covers("B30")
@pytest.mark.parametrize("options", WAYS)
def test_whole_read_is_capped(options: Any) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000)
            await peer.end()

        async def counted(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            await peer.end()

        await listen(net, script, counted)
        async with Client() as client:
            for _ in range(2):
                with pytest.raises(trio_http.BodyTooLarge, match=r"GET http://api/: .*=999") as caught:
                    await client.get("http://api/", max_body=999, **options)

                assert caught.value.limit == 999
            assert client.pool.connections == []

    run(main)


@pytest.mark.covers("B9")
@pytest.mark.parametrize("options", WAYS)
def test_body_that_was_read_can_be_iterated(options: Any) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            for _ in range(2):
                await peer.head()
                await peer.send(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na\nb\n\r\n0\r\nX-Sum: 2\r\n\r\n"
                )

        await listen(net, script)
        async with Client() as client:
            assert [line async for line in (await client.get("http://api/", **options)).lines()] == ["a", "b"]
            response = await client.get("http://api/", **options)
            assert b"".join([piece async for piece in response.body]) == response.content == b"a\nb\n"
            assert response.trailers == trio_http.Headers({"X-Sum": "2"})

    run(main)


@pytest.mark.covers("B16", "S4.32")
def test_base_url_is_a_prefix() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client(base_url="http://api/v1/", params={"k": "1"}) as client:
            assert (await client.get("/x")).json()["target"] == "/v1/x?k=1"
            assert (await client.get("x?y=2")).json()["target"] == "/v1/x?y=2&k=1"
            assert (await client.get("http://api/abs")).json()["target"] == "/abs?k=1"
            assert (await client.with_(params=None, base_url="http://api").get("/x")).json()["target"] == "/x"

    run(main)


@pytest.mark.covers("S1.5", "S2.28")
def test_request_built_by_hand_is_sent() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client(base_url="http://api") as client:
            seen = (await client.send(Request("POST", "http://api/x?y", headers={"A": "b"}, content=b"hi"))).json()
            again = await client.send((await client.get("/again")).request or Request("GET", "/"))
            with pytest.raises(
                TypeError, match=r"send\(\) has no option json=: a request that was built has it in itself"
            ):
                await client.send(Request("POST", "/x"), json={})

        assert (seen["method"], seen["target"], seen["body"]) == ("POST", "/x?y", "hi")
        assert ["A", "b"] in seen["headers"]
        assert again.json()["target"] == "/again"

    run(main)


@pytest.mark.covers("S1.115")
@pytest.mark.parametrize(
    ("method", "url", "options", "error"),
    [
        ("GE T", "http://api/", {}, trio_http.LocalProtocolError),
        ("BREW", "http://api/", {}, trio_http.LocalProtocolError),
        ("GET\r\nX: y", "http://api/", {"allow_nonstandard_methods": True}, trio_http.LocalProtocolError),
        ("GET", "http://api/\r\nX: y", {}, trio_http.InvalidURL),
        ("GET", "http://", {}, trio_http.InvalidURL),
        ("GET", "/relative", {}, trio_http.InvalidURL),
        ("GET", "ftp://api/", {}, trio_http.InvalidURL),
        ("GET", "http://api:99999/", {}, trio_http.InvalidURL),
        ("GET", "http://api/", {"headers": {"A": "b\r\nC: d"}}, trio_http.LocalProtocolError),
        ("GET", "http://api/", {"headers": {"A:": "b"}}, trio_http.LocalProtocolError),
        ("GET", "http://api/", {"headers": {"A": "\0"}}, trio_http.LocalProtocolError),
        ("POST", "http://api/", {"content": b"abc", "headers": {"Content-Length": "4"}}, trio_http.LocalProtocolError),
        ("POST", "http://api/", {"content": b"abc", "headers": {"Content-Length": "x"}}, trio_http.LocalProtocolError),
        ("POST", "http://api/", {"content": b"abc", "json": 1}, TypeError),
        ("POST", "http://api/", {"content": 17}, TypeError),
        ("GET", "http://api/", {"headers": {"Host": "a b"}}, trio_http.LocalProtocolError),
    ],
)
def test_what_cannot_be_sent_is_refused_before_a_byte_is_on_the_wire(
    method: str, url: str, options: dict[str, Any], error: type[Exception]
) -> None:
    async def main(net: VirtualNetwork) -> None:
        received: list[bytes] = []

        async def script(peer: Peer) -> None:
            received.append(bytes(await peer.stream.receive_some()))

        await listen(net, script)
        async with Client() as client:
            with pytest.raises(error):
                await client.request(method, url, **options)

            assert client.pool.connections == []
        assert b"".join(received) == b""

    run(main)


@pytest.mark.covers("B1", "S1.30")
def test_nonstandard_method_is_sent_on_request() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client() as client:
            response = await client.request("BREW", "http://api/", allow_nonstandard_methods=True)

        assert response.json()["method"] == "BREW"

    run(main)


@pytest.mark.covers("S1.116")
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", trio_http.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Len", trio_http.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", trio_http.IncompleteBody),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", trio_http.IncompleteBody),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", trio_http.IncompleteBody),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", trio_http.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", trio_http.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", trio_http.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", trio_http.RemoteProtocolError),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17, trio_http.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 201 + b"\r\n", trio_http.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", trio_http.RemoteProtocolError),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            trio_http.RemoteProtocolError,
        ),
    ],
)
def test_broken_response_is_a_named_error_with_the_url(answer: bytes, error: type[Exception]) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(answer)

        await listen(net, script)
        async with Client() as client:
            with pytest.raises(error, match=r"GET http://api/x: "):
                await client.get("http://api/x")

            assert client.pool.connections == []

    run(main)


@pytest.mark.covers("B31", "S1.8", "S1.45")
def test_raise_for_status() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            while True:
                await peer.answer(b"gone", status="404 Not Found")

        await listen(net, script)
        async with Client(raise_for_status=True) as client:
            with pytest.raises(
                trio_http.StatusError, match=r"404: Not Found in answer to GET http://user:.redacted.@api/"
            ) as caught:
                await client.get("http://user:secret@api/")
            response = await client.get("http://api/", raise_for_status=False)

            assert "secret" not in str(caught.value)
            assert caught.value.response.content == b"gone"
            assert response.status == 404
            assert isinstance(response.error, trio_http.StatusError)
            assert len(client.pool.connections) == 1

    run(main)


@pytest.mark.covers("S1.1")
def test_client_outside_its_block_says_so() -> None:
    async def main(net: VirtualNetwork) -> None:
        client = Client()
        with pytest.raises(trio_http.PoolError, match=r"async with Client"):
            await client.get("http://api/")
        async with client:
            pass
        with pytest.raises(trio_http.PoolError, match=r"closed"):
            await client.get("http://api/")
        with pytest.raises(trio_http.PoolError, match=r"entered already"):
            await client.__aenter__()

    run(main)


def test_secrets_of_the_url_are_in_no_text() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.host("api")
        async with Client() as client:
            with pytest.raises(trio_http.ConnectError) as caught:
                await client.get("http://user:secret@api/")

        assert "GET http://user:[redacted]@api/: cannot connect" in str(caught.value)

    run(main)
