"""Cookies that servers set come back to them, and to nobody else."""

from __future__ import annotations

import pytest

from tests.client.client_peers import run, serve_app
from trio_http import Client, Request, Response
from trio_http.semantics import CookieJar
from trio_http.testing import VirtualNetwork


async def handler(request: Request) -> Response:
    if request.path == "/set":
        response = Response("set")
        response.headers.add("Set-Cookie", "id=7; Path=/")
        response.headers.add("Set-Cookie", "deep=1; Path=/deep")
        return response
    if request.path == "/login":
        return Response(status=302, headers={"Location": "/", "Set-Cookie": "session=s"})
    return Response(request.headers.get("cookie") or "none")


def test_cookies_go_back_to_their_host_and_path() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        await serve_app(net, handler, host="other")
        async with Client() as client:
            await client.get("http://api/set")
            assert (await client.get("http://api/")).text() == "id=7"
            assert (await client.get("http://api/deep/x")).text() == "deep=1; id=7"
            assert (await client.get("http://other/")).text() == "none"
            assert (await client.with_(headers={"A": "b"}).get("http://api/")).text() == "id=7"
            assert (await client.get("http://api/", cookies={"once": "1"})).text() == "id=7; once=1"
            assert (await client.get("http://api/")).text() == "id=7"

    run(main)


def test_cookie_set_by_a_redirect_goes_along() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client() as client:
            assert (await client.get("http://api/login")).text() == "session=s"
            async with client.stream("GET", "http://api/") as response:
                assert await response.read() == b"session=s"

    run(main)


@pytest.mark.covers("B14")
def test_jar_is_saved_and_loaded_and_given() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client() as client:
            await client.get("http://api/set")
            saved = client.cookies.save()
        jar = CookieJar()
        jar.load(saved)
        async with Client(cookies=jar) as client:
            assert (await client.get("http://api/")).text() == "id=7"
        async with Client(cookies={"fixed": "1"}) as client:
            assert (await client.get("http://api/")).text() == "fixed=1"

    run(main)


@pytest.mark.covers("B14")
def test_client_that_keeps_no_cookies() -> None:
    async def set_one(request: Request) -> Response:
        response = Response(request.headers.get("cookie", "none"))
        response.set_cookie("a", "1")
        return response

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, set_one)
        async with Client(cookies=False) as client:
            for options in ({}, {"retry": 2}):  # the straight way, and the other one
                for _ in range(2):
                    assert (await client.get("http://api/", **options)).text() == "none"
            assert (await client.get("http://api/", cookies={"b": "2"})).text() == "b=2"
            with pytest.raises(RuntimeError, match="keeps no cookies"):
                _ = client.cookies
            keeping = client.with_(cookies=None)
            await keeping.get("http://api/")
            assert (await keeping.get("http://api/")).text() == "a=1"
            assert (await client.with_(timeout=3).get("http://api/")).text() == "none"

    run(main)
