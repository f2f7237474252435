"""Where a redirect leads, with which method, body and secrets."""

from __future__ import annotations

from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, chunks, listen, run, serve_app
from trio_http import Client, Request, Response
from trio_http.testing import VirtualNetwork


def redirecting(status: int, location: str, seen: list[tuple[str, str, bytes, dict[str, str]]]) -> Any:
    async def handler(request: Request) -> Response:
        seen.append((request.method, request.target, await request.read(), dict(request.headers)))
        if request.path == "/from":
            return Response("over there", status=status, headers={"Location": location})
        return Response("here")

    return handler


@pytest.mark.covers("B13")
@pytest.mark.parametrize(
    ("status", "method", "following", "body"),
    [
        (301, "GET", "GET", b""),
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (302, "PUT", "PUT", b"hello"),
        (303, "POST", "GET", b""),
        (303, "PUT", "GET", b""),
        (303, "HEAD", "HEAD", b""),
        (307, "POST", "POST", b"hello"),
        (308, "POST", "POST", b"hello"),
        (308, "DELETE", "DELETE", b""),
    ],
)
def test_method_and_body_of_the_next_request(status: int, method: str, following: str, body: bytes) -> None:
    seen: list[Any] = []

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, redirecting(status, "/to", seen))
        async with Client() as client:
            content = b"hello" if method in {"POST", "PUT"} else None
            response = await client.request(
                method, "http://api/from", content=content, headers={"Content-Language": "x"}
            )

            assert response.status == 200
            assert str(response.url) == "http://api/to"
            assert [(each.status, str(each.url)) for each in response.history] == [(status, "http://api/from")]
            assert response.redirects == 1
            if method != "HEAD":
                assert response.history[0].text() == "over there"
            assert len(client.pool.connections) == 1

    run(main)
    assert seen[1][:3] == (following, "/to", body)
    assert ("content-language" in seen[1][3]) == (following == method)


@pytest.mark.covers("B4")
def test_body_from_an_iterator_cannot_follow_but_a_producer_can() -> None:
    seen: list[Any] = []

    async def produce(send: Any) -> None:
        await send(b"he")
        await send(b"llo")

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, redirecting(307, "/to", seen))
        async with Client() as client:
            with pytest.raises(trio_http.BodyConsumed, match=r"http://api/from answered 307.*async def producer"):
                await client.post("http://api/from", content=chunks(b"hello"))
            await client.post("http://api/from", content=produce)

    run(main)
    assert [each[2] for each in seen] == [b"hello"] * 3


def test_secrets_do_not_cross_origins() -> None:
    seen: list[Any] = []

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, redirecting(302, "http://other/from", seen))
        await serve_app(net, redirecting(302, "http://api/to", seen), host="other")
        async with Client(headers={"Authorization": "Bearer t", "X-Mine": "1"}, auth=("user", "pass")) as client:
            await client.get(
                "http://api/from",
                headers={"Cookie": "a=b", "Proxy-Authorization": "x", "Host": "api"},
                cookies={"one": "time"},
            )

    run(main)
    assert "authorization" in seen[0][3]
    assert seen[0][3]["cookie"] == "a=b; one=time"
    for _, _, _, headers in seen[1:]:
        assert not {"authorization", "cookie", "proxy-authorization"} & set(headers)
        assert headers["x-mine"] == "1"
    assert [each[3]["host"] for each in seen] == ["api", "other", "api"]


@pytest.mark.covers("B13", "S1.19")
def test_too_many_redirects() -> None:
    seen: list[Any] = []

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, redirecting(302, "/from", seen))
        async with Client() as client:
            with pytest.raises(trio_http.TooManyRedirects, match=r"GET http://api/from: redirected more than 10 times"):
                await client.get("http://api/from")
            assert len(seen) == 11
            with pytest.raises(trio_http.TooManyRedirects):
                await client.get("http://api/from", max_redirects=2)
            assert len(seen) == 14
            assert (await client.get("http://api/from", follow_redirects=False)).status == 302
            assert len(client.pool.connections) == 1

    run(main)


@pytest.mark.parametrize("location", ["ftp://x/", "http://[", "http://a b/", "javascript:alert(1)"])
def test_location_that_leads_nowhere_is_the_servers_error(location: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.answer(status="302 Found", fields=f"Location: {location}\r\n")

        await listen(net, script)
        async with Client() as client:
            with pytest.raises(trio_http.RemoteProtocolError, match=r"http://api/ redirects to"):
                await client.get("http://api/")

    run(main)


def test_redirect_with_an_endless_body_is_followed_at_once() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 302 Found\r\nLocation: /to\r\n\r\n")
            while True:
                await peer.send(b"x" * 10_000)

        async def there(peer: Peer) -> None:
            assert (await peer.answer()).startswith(b"GET /to ")

        await listen(net, script, there)
        async with Client() as client:
            assert (await client.get("http://api/from")).content == b"ok"
            assert trio.current_time() == 0

    run(main)


def test_fragment_goes_on_and_relative_locations_are_joined() -> None:
    seen: list[Any] = []

    async def main(net: VirtualNetwork) -> None:
        async def handler(request: Request) -> Response:
            seen.append(request.target)
            if request.path == "/a/b":
                return Response(status=302, headers={"Location": "../c?d"})
            return Response()

        await serve_app(net, handler)
        async with Client() as client:
            response = await client.get("http://api/a/b#here")

        assert str(response.url) == "http://api/c?d#here"

    run(main)
    assert seen == ["/a/b", "/c?d"]
