"""What the libraries that this one grew out of could do, in the form that it has here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
import trio.testing

import trio_http
from tests.client.client_peers import Peer, chunks, listen, run, serve_app
from trio_http import Client, ClientTimeouts, Headers, Request, Response, Server
from trio_http.testing import VirtualNetwork


async def echo(request: Request) -> Response:
    """Answer with what has come."""
    fields = {name: value for name, value in request.headers.items() if name != "host"}
    body = (await request.read()).decode()
    return Response(json={"method": request.method, "target": request.target, "headers": fields, "body": body})


def echoed(response: Response) -> Mapping[str, Any]:
    found = response.json()
    return {**found, "headers": Headers(found["headers"])}


# ---------------------------------------------------------------- what is asked for


@pytest.mark.covers("S1.3", "S1.11", "S1.20", "S2.50", "S2.54", "S2.58")
@pytest.mark.parametrize("form", [dict, list, Headers], ids=["mapping", "pairs", "Headers"])
def test_fields_of_a_client_and_of_one_request(form: Any) -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        mine = form([("X-A", "1"), ("X-B", "2")])
        async with Client(headers=mine, user_agent="mine/1", referer="http://from/", base_url="http://api") as client:
            seen = echoed(await client.get("/", headers=form([("X-B", "3")])))["headers"]
            assert (seen["X-A"], seen["X-B"]) == ("1", "3")
            assert (seen["User-Agent"], seen["Referer"]) == ("mine/1", "http://from/")
            assert client.headers["x-a"] == "1"
            seen = echoed(await client.get("/", referer="http://other/"))["headers"]
            assert seen["Referer"] == "http://other/"

    run(main)


@pytest.mark.covers("S2.8", "B16")
def test_client_that_differs_shares_the_connections() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client(base_url="http://api", headers={"X-A": "1"}) as client:
            other = client.with_(headers={"X-B": "2"}, base_url="http://api/deep", timeout=3)
            seen = echoed(await other.get("/x"))
            assert (seen["target"], seen["headers"]["X-B"], "X-A" in seen["headers"]) == ("/deep/x", "2", False)
            assert "X-B" not in echoed(await client.get("/"))["headers"]
            assert (other.timeouts.total, client.timeouts.total) == (3, None)
            [info] = client.pool.connections
            assert info.requests == 2
            with pytest.raises(TypeError, match="with_\\(\\) shares the connections, so it cannot change verify"):
                client.with_(verify=False)

    run(main)


@pytest.mark.covers("S1.17")
@pytest.mark.parametrize("when", [1_000_000_000, 1e9, datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)])
def test_conditions(when: Any) -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client() as client:
            seen = echoed(await client.get("http://api/", if_modified_since=when, if_none_match='"tag"'))["headers"]
            assert seen["If-Modified-Since"] == "Sun, 09 Sep 2001 01:46:40 GMT"
            assert seen["If-None-Match"] == '"tag"'

    run(main)


@pytest.mark.covers("S2.9", "S2.10", "S2.11", "S2.12", "S1.2")
def test_one_request_needs_no_client_and_may_have_defaults() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        for method in ("get", "head", "options", "post", "put", "patch", "delete"):
            response = await getattr(trio_http, method)("http://api/x")
            assert response.status == 200
            if method != "head":
                assert echoed(response)["method"] == method.upper()
        assert echoed(await trio_http.request("QUERY", "http://api/", content=b"q"))["body"] == "q"
        async with trio_http.stream("GET", "http://api/") as streamed:
            assert streamed.status == 200
        before = trio_http.set_default_client_options(headers={"X-Default": "1"}, base_url="http://api")
        try:
            assert echoed(await trio_http.get("/y"))["headers"]["X-Default"] == "1"
            with pytest.raises(TypeError):
                trio_http.set_default_client_options(nonsense=1)  # type: ignore[call-arg]  # the mistake
            assert echoed(await trio_http.get("/y"))["target"] == "/y"
            async with Client() as client:
                assert "X-Default" not in echoed(await client.get("http://api/"))["headers"]
        finally:
            trio_http.set_default_client_options(**before)
        assert "X-Default" not in echoed(await trio_http.get("http://api/"))["headers"]

    run(main)


@pytest.mark.covers("S2.51", "S1.18")
def test_redirects_are_followed_unless_told_otherwise() -> None:
    async def moved(request: Request) -> Response:
        return Response(
            "here" if request.path == "/there" else "",
            status=200 if request.path == "/there" else 302,
            headers={"Location": "/there"},
        )

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, moved)
        async with Client() as client:
            assert (await client.get("http://api/")).text() == "here"
            assert (await client.get("http://api/", follow_redirects=False)).status == 302
        async with Client(follow_redirects=False) as client:
            assert (await client.get("http://api/")).status == 302
            assert (await client.get("http://api/", follow_redirects=True)).text() == "here"

    run(main)


@pytest.mark.covers("S2.14", "S2.30")
def test_every_error_is_an_http_error() -> None:
    for kind in ("ConnectError", "ReadError", "WriteError", "TLSError", "ProxyError"):
        assert issubclass(getattr(trio_http, kind), trio_http.TransportError)
    for kind in (
        "TransportError",
        "ProtocolError",
        "HTTPTimeout",
        "BodyError",
        "StatusError",
        "TooManyRedirects",
        "InvalidURL",
        "PoolError",
        "WebSocketError",
    ):
        assert issubclass(getattr(trio_http, kind), trio_http.HTTPError)


# ---------------------------------------------------------------- what a handler sees


@pytest.mark.covers("S2.15", "S2.16", "S2.17", "S2.18", "S2.19", "S2.20", "S2.21", "S2.22", "S2.25", "S2.13", "S4.32")
def test_request_as_a_handler_sees_it() -> None:
    seen: list[Any] = []

    async def handler(request: Request) -> Response:
        seen.append(
            {
                "target": request.target,
                "raw_path": request.raw_path,
                "path": request.path,
                "method": request.method,
                "host": request.host,
                "ip": request.ip,
                "peer": request.peer,
                "field": request.headers["x-mine"],
                "query": request.query.get_list("q"),
                "cookies": dict(request.cookies),
                "version": request.http_version,
            }
        )
        return Response("ok")

    async def main(net: VirtualNetwork) -> None:
        host = net.host("api")

        async def run_server(*, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
            await Server(handler, 8000, host="0.0.0.0").listen(task_status=task_status)

        await host.start(run_server)
        ours = net.host("ours")
        with ours.active():
            async with Client(base_url="http://api:8000", allow_ipv6=False) as client:
                options: Any = {"headers": {"X-Mine": "1"}, "cookies": {"a": "b"}}
                await client.get("/a%20b/c", params={"q": ["1", "2"]}, **options)
        [facts] = seen
        assert facts["target"] == "/a%20b/c?q=1&q=2"
        assert (facts["raw_path"], facts["path"]) == ("/a%20b/c", "/a b/c")
        assert (facts["method"], facts["host"], facts["version"]) == ("GET", "api:8000", "HTTP/1.1")
        assert facts["ip"] == facts["peer"][0] == ours.ipv4
        assert facts["query"] == ["1", "2"]
        assert (facts["field"], facts["cookies"]) == ("1", {"a": "b"})

    run(main)


# ---------------------------------------------------------------- what comes back


@pytest.mark.covers(
    "S1.40", "S1.41", "S1.42", "S1.44", "S1.48", "S1.49", "S2.65", "S2.66", "S2.67", "S2.69", "S2.70", "S2.71"
)
def test_response_as_a_client_sees_it() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.answer(status="302 Found", fields="Location: /end\r\n")
            await peer.answer(
                b"b\xf6dy",
                status="200 Fine",
                fields='Content-Type: text/plain; charset=latin-1\r\nLink: </2>; rel="next"\r\nX-A: 1\r\nX-A: 2\r\n',
            )

        await listen(net, script)
        async with Client() as client:
            response = await client.get("http://api/")

        assert response.request is not None
        assert (response.request.method, str(response.request.url)) == ("GET", "http://api/end")
        assert (response.status, response.reason, response.http_version) == (200, "Fine", "HTTP/1.1")
        assert response.headers.get_list("x-a") == ["1", "2"]
        assert str(response.url) == "http://api/end"
        assert response.redirects == len(response.history) == 1
        assert response.history[0].status == 302
        assert response.content == b"b\xf6dy"
        assert (response.text(), response.encoding.lower().replace("_", "-")) == ("bödy", "latin-1")
        assert response.links == {"next": "http://api/2"}
        assert response.is_success

    run(main)


@pytest.mark.covers("B36")
def test_trailers_of_a_response() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            while True:
                await peer.head()
                await peer.send(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n"
                )

        await listen(net, script)
        async with Client() as client:
            whole = await client.get("http://api/")
            assert whole.trailers == Headers({"X-Sum": "7"})
            assert "x-sum" not in whole.headers
            async with client.stream("GET", "http://api/") as streamed:
                assert streamed.trailers is None
                await streamed.read()
                assert streamed.trailers == Headers({"X-Sum": "7"})

    run(main)


@pytest.mark.covers("B32", "S1.46", "S1.47", "S2.68")
def test_where_the_time_went() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def slow(peer: Peer) -> None:
            while True:
                await peer.head()
                await trio.sleep(2)
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
                await trio.sleep(3)
                await peer.send(b"ok")

        await listen(net, slow)
        net.dns.delay("api", 4)
        limits = trio_http.ClientLimits(connections=1)
        async with Client(limits=limits) as client, trio.open_nursery() as nursery:
            found: list[Response] = []

            async def ask() -> None:
                found.append(await client.get("http://api/"))

            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask)
        first, second = (response.timings for response in found)
        assert first is not None
        assert second is not None
        assert (first.queue, first.dns, first.connect, first.tls) == (0, 4, 4, 0)
        assert (first.first_byte, first.total) == (2, 9)
        assert (second.queue, second.dns, second.connect, second.first_byte, second.total) == (9, 0, 0, 2, 14)
        assert [response.elapsed for response in found] == [9, 14]

    run(main)


@pytest.mark.covers("S2.72", "S2.73")
async def test_response_made_by_hand() -> None:
    response = Response(b"one", status=201, headers={"X-A": "1"}, reason="Made", http_version="HTTP/1.0")
    response.write(b" two")
    response.write(" ü")

    assert (response.status, response.reason, response.http_version) == (201, "Made", "HTTP/1.0")
    assert response.content == "one two ü".encode()
    assert await response.read() == await response.body.read() == response.content
    with pytest.raises(TypeError, match="only a body in memory"):
        Response(chunks(b"x")).write(b"y")


# ---------------------------------------------------------------- many at once


@pytest.mark.covers("S4.33", "S4.34", "S4.39", "B39")
def test_requests_of_a_group() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echo)
        async with Client(base_url="http://api") as client, client.gather() as group:
            group.get("/g", params={"a": "1"}, headers={"X-A": "1"})
            group.delete("/d")
            group.post("/p", content=b"post")
            group.put("/u", json={"a": 1})
            assert group.poll() == []
            assert group.pending == 4
            await trio.sleep(1)
            done = group.poll()
            assert group.poll() == []
            seen = {handle.method: echoed(handle.unwrap()) for handle in done}
            assert seen["GET"]["target"] == "/g?a=1"
            assert seen["GET"]["headers"]["X-A"] == "1"
            assert (seen["POST"]["body"], seen["PUT"]["body"]) == ("post", '{"a":1}')
            assert seen["DELETE"]["target"] == "/d"
            assert all(handle.elapsed is not None for handle in done)

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


def test_making_a_client_costs_next_to_nothing() -> None:
    Client()
    best = min(_seconds(lambda: Client(base_url="https://api", timeout=ClientTimeouts(total=3))) for _ in range(50))

    assert best < 0.001  # httpx: 16 to 40 ms, for a TLS context that may not be needed


def _seconds(function: Any) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun
