"""Requests that need no client: one each, on a connection of its own."""

from __future__ import annotations

import pytest

import trio_http
from tests.client.client_peers import answers, listen, run, serve_app
from trio_http import Client, Request, Response
from trio_http.testing import VirtualNetwork


async def echo(request: Request) -> Response:
    fields = {"X-Method": request.method, "X-Target": request.target, "X-Came": request.headers.get("x-default", "")}
    return Response(await request.read(), headers=fields)


@pytest.mark.covers("S2.9", "S2.10", "S2.11", "S2.12")
@pytest.mark.parametrize("verb", ["get", "head", "options", "post", "put", "patch", "delete"])
def test_each_verb(verb: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        response = await getattr(trio_http, verb)("http://api/x", params={"a": "b"}, content="body")
        assert (response.headers["x-method"], response.headers["x-target"]) == (verb.upper(), "/x?a=b")
        assert response.text() == ("" if verb == "head" else "body")

    run(main)


def test_any_method_a_stream_and_a_mistake() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        assert (await trio_http.request("QUERY", "http://api/")).content == b"ok"
        async with trio_http.stream("GET", "http://api/") as response:
            assert await response.read() == b"ok"
        with pytest.raises(trio_http.InvalidURL):
            await trio_http.get("nonsense")

    run(main)


def test_defaults_hold_for_these_functions_alone_until_others_are_said() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        before = trio_http.set_default_client_options(headers={"X-Default": "1"}, base_url="http://api")
        try:
            with pytest.raises(TypeError):
                trio_http.set_default_client_options(nonsense=1)  # type: ignore[call-arg]  # the mistake
            seen = (await trio_http.get("/y")).headers
            assert (seen["x-target"], seen["x-came"]) == ("/y", "1")
            async with Client() as client:
                assert (await client.get("http://api/")).headers["x-came"] == ""
        finally:
            trio_http.set_default_client_options(**before)
        assert (await trio_http.get("http://api/")).headers["x-came"] == ""

    run(main)
