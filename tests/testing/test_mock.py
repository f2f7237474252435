"""Mocks are scripted peers: they obey timeouts, stream, break in the middle, and keep a strict history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import trio

from trio_http.testing import CertificateAuthority, MockError, MockHTTP, VirtualNetwork, simulate

Program = Callable[[MockHTTP, httpx.AsyncClient], Awaitable[Any]]


def mocked(program: Program, **options: Any) -> Any:
    authority = CertificateAuthority()

    async def main(net: VirtualNetwork) -> Any:
        contexts = {"api": authority.server_context("api")}
        async with (
            MockHTTP(net, ssl_contexts=contexts, **options) as mock,
            httpx.AsyncClient(trust_env=False, verify=authority.client_context(), timeout=5) as client,
        ):
            return await program(mock, client)

    return simulate(main).value


@pytest.mark.covers("C16")
def test_routes_match_method_path_query_headers_and_body() -> None:
    async def program(mock: MockHTTP, client: httpx.AsyncClient) -> None:
        user = mock.get("https://api/user/:id", query={"full": "1"}, headers={"Accept": "text/plain"})
        user.reply(json={"name": "Ann"})
        made = mock.post("http://api/user", json={"a": 1, "b": [2]}).reply(201, headers={"location": "/user/7"})
        mock.route("*", "http://api/static/*").reply(body="file")

        found = await client.get("https://api/user/7?full=1&x=y", headers={"accept": "text/plain"})
        assert (found.json(), found.headers["content-type"]) == ({"name": "Ann"}, "application/json")
        assert (await client.post("http://api/user", content=b'{ "b": [2], "a": 1 }')).headers["location"] == "/user/7"
        assert (await client.put("http://api/static/a/b", content=b"x")).text == "file"
        assert user.calls[0].matches == {"id": "7"}
        assert made.calls[0].json() == {"a": 1, "b": [2]}
        assert [str(call) for call in mock.calls] == [
            "GET https://api/user/7?full=1&x=y", "POST http://api/user", "PUT http://api/static/a/b",
        ]  # fmt: skip

    mocked(program)


@pytest.mark.covers("C16")
def test_replies_in_turn_and_times() -> None:
    async def program(mock: MockHTTP, client: httpx.AsyncClient) -> None:
        mock.get("http://api/a").reply(503).reply(200)
        mock.get("http://api/b").times(1).reply(body="first")
        mock.get("http://api/b").reply(body="later")

        assert [(await client.get("http://api/a")).status_code for _ in range(3)] == [503, 200, 200]
        assert [(await client.get("http://api/b")).text for _ in range(3)] == ["first", "later", "later"]

    mocked(program)


@pytest.mark.covers("C17")
def test_timeouts_of_the_client_fire() -> None:
    async def program(mock: MockHTTP, client: httpx.AsyncClient) -> None:
        mock.get("http://api/slow").reply(delay=4)
        mock.get("http://api/hang").hang()
        mock.get("http://api/drip").reply(chunks=[b"a", b"b", b"c"], interval=4)
        mock.get("http://api/stuck").reply(chunks=[b"a", b"b"], interval=6)

        await client.get("http://api/slow")
        assert trio.current_time() == 4
        with pytest.raises(httpx.ReadTimeout):
            await client.get("http://api/hang")
        assert trio.current_time() == 9
        assert (await client.get("http://api/drip")).content == b"abc"
        assert trio.current_time() == 25
        with pytest.raises(httpx.ReadTimeout):
            await client.get("http://api/stuck")

    mocked(program)


@pytest.mark.covers("C17")
def test_bodies_break_in_the_middle() -> None:
    async def program(mock: MockHTTP, client: httpx.AsyncClient) -> None:
        mock.get("http://api/torn").reply(body=bytes(1000), reset_after=500)
        mock.get("http://api/gone").reset()
        for path in ("torn", "gone"):
            with pytest.raises(httpx.ReadError):
                await client.get(f"http://api/{path}")

    mocked(program)


@pytest.mark.covers("C17")
def test_a_script_says_what_it_likes() -> None:
    async def script(peer: Any, call: Any) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + call.path.encode()[:5])

    async def program(mock: MockHTTP, client: httpx.AsyncClient) -> None:
        mock.get("http://api/:any").script(script)
        assert (await client.get("http://api/wild")).text == "/wild"

    mocked(program)


@pytest.mark.covers("C18")
def test_an_unexpected_request_fails_with_the_nearest_route() -> None:
    async def program(mock: MockHTTP, client: httpx.AsyncClient) -> None:
        mock.get("http://api/user/:id", query={"full": "1"}).times(1)
        mock.post("http://api/other").reply()
        await client.post("http://api/other")
        await client.get("http://api/user/7?full=1")
        assert (await client.get("http://api/user/8?full=0")).status_code == 599

    text = (
        r"^GET http://api/user/8\?full=0 at t=0\.000 fits no route; nearest is GET http://api/user/:id\?full=1, "
        r"but query full is '0', not '1'; it has answered its 1 requests"
    )
    with pytest.raises(MockError, match=text):
        mocked(program)
    mocked(program, strict=False)


@pytest.mark.covers("C18")
def test_a_route_that_was_never_asked_fails() -> None:
    async def program(mock: MockHTTP, client: httpx.AsyncClient) -> None:
        mock.get("http://api/a")
        mock.get("http://api/b").times(2)
        await client.get("http://api/b")

    with pytest.raises(MockError, match=r"a was never asked\n.*b was asked 1 times, not 2"):
        mocked(program)


def test_requests_with_chunked_bodies_and_expect_are_read() -> None:
    async def parts() -> Any:
        yield b"one"
        yield b"two"

    async def program(mock: MockHTTP, client: httpx.AsyncClient) -> None:
        mock.post("http://api/up", body="onetwo")
        assert (await client.post("http://api/up", content=parts())).status_code == 200
        assert (await client.post("http://api/up", content=b"onetwo", headers={"Expect": "100-continue"})).is_success

    mocked(program)


@pytest.mark.parametrize(
    "bad",
    [
        lambda mock: mock.get("/relative"),
        lambda mock: mock.get("https://unknown/"),
        lambda mock: mock.post("http://api/", json=1, body=b"x"),
        lambda mock: mock.get("http://api/").reply(json=1, body=b"x"),
        lambda mock: mock.get("http://api/").reply(99),
        lambda mock: mock.get("http://api/").times(0),
    ],
)
def test_mocks_that_make_no_sense_are_refused(bad: Callable[[MockHTTP], object]) -> None:
    async def program(mock: MockHTTP, client: httpx.AsyncClient) -> None:
        with pytest.raises(ValueError, match=r"."):
            bad(mock)

    mocked(program, strict=False)


@pytest.mark.covers("C16")
def test_what_has_no_body_says_no_length() -> None:
    async def program(mock: MockHTTP, client: httpx.AsyncClient) -> None:
        route = mock.post("http://api/a").reply(204).reply(304)

        for status in (204, 304):
            answer = await client.post("http://api/a")
            assert (answer.status_code, answer.content, "content-length" in answer.headers) == (status, b"", False)
        with pytest.raises(ValueError, match="a 204 has no body"):
            route.reply(204, body="x")

    mocked(program)


@pytest.mark.covers("C16")
def test_answers_under_tls_can_break_in_the_middle() -> None:
    async def program(mock: MockHTTP, client: httpx.AsyncClient) -> None:
        mock.get("https://api/a").reply(body="0123456789", reset_after=45)
        mock.get("https://api/b").reset()

        for path in "ab":
            with pytest.raises(httpx.TransportError):
                await client.get(f"https://api/{path}")

    mocked(program)
