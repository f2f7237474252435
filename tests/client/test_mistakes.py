"""What the most likely mistakes of users are told: what was wrong, and what to write instead."""

from __future__ import annotations

import pytest
import trio

from trio_http import (
    Client,
    DecodingError,
    PoolError,
    Request,
    Response,
    TLSError,
    serve,
)
from trio_http.testing import VirtualNetwork

pytestmark = pytest.mark.usefixtures("virtual_network")


async def hello(request: Request) -> Response:
    return Response("hello")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"tiemout": 5}, r"no option tiemout=; did you mean timeout=\?"),
        ({"verify": False}, r"verify= is no option of a single request but of a client: say Client\(verify=...\)"),
        ({"body": b"x"}, "no option body=; it is content="),
        ({"stream": True}, r"no option stream=; say `async with client\.stream\("),
        ({"qqq": 1}, "no option qqq=; see trio_http.client.RequestOptions"),
        ({"data": {"a": "1"}, "json": {}}, "one of json, data"),
        ({"headers": {"x": 5}}, "the value of header 'x' must be a str, not int"),
    ],
)
async def test_wrong_options_of_a_request(options: dict[str, object], text: str) -> None:
    async with Client(app=hello, base_url="http://h") as client:
        with pytest.raises((TypeError, ValueError), match=text):
            await client.get("/", **options)  # type: ignore[arg-type]
        with pytest.raises((TypeError, ValueError), match=text):
            async with client.stream("GET", "/", **options):  # type: ignore[arg-type]
                pass


async def test_wrong_options_of_a_client() -> None:
    with pytest.raises(TypeError, match=r"Client\(\) has no option verfy=; did you mean verify=\?"):
        Client(verfy=False)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"has no option qqq=; see trio_http.client.Settings"):
        Client().with_(qqq=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"limits=100: expected ClientLimits\(\.\.\.\)"):
        Client(limits=100)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"middleware=.*: expected a list of them"):
        Client(middleware=hello)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"ssl_context='ca\.pem': .*; files go as ca_certs="):
        Client(ssl_context="ca.pem")  # type: ignore[arg-type]


async def test_a_page_that_is_no_json() -> None:
    async def page(request: Request) -> Response:
        return Response("<html>", headers={"content-type": "text/html"})

    async with Client(app=page, base_url="http://user:secret@h") as client:
        response = await client.get("/a")

    with pytest.raises(
        DecodingError, match=r"GET http://user:\[redacted\]@h/a is not JSON: .* It is text/html, 6 bytes"
    ):
        response.json()


async def test_json_that_is_nested_for_ever_is_no_json() -> None:
    async def bomb(request: Request) -> Response:
        return Response("[" * 200_000)

    async with Client(app=bomb, base_url="http://h") as client:
        response = await client.get("/")

    with pytest.raises(DecodingError, match="is not JSON"):
        response.json()


async def test_a_client_that_is_not_open_or_not_any_more() -> None:
    client = Client(app=hello)
    with pytest.raises(PoolError, match="async with Client"):
        await client.get("http://h/")
    async with client:
        pass
    with pytest.raises(PoolError, match="the client is closed"):
        await client.get("http://h/")


async def test_https_where_there_is_no_tls(virtual_network: VirtualNetwork) -> None:
    host = virtual_network.host("api")
    await host.start(lambda task_status: serve(hello, 443, host=host.ipv4, task_status=task_status))
    async with Client(trust_env=False) as client:
        with pytest.raises(TLSError, match="is this a port for http://"):
            await client.get("https://api/")


async def test_a_handler_that_was_called_instead_of_given() -> None:
    with pytest.raises(TypeError, match="called already: give the function itself, hello without"):
        await serve(hello(Request("GET", "/")))  # type: ignore[arg-type]
    await trio.lowlevel.checkpoint()
