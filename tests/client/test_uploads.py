"""Sending a body while the server may already be answering, or not reading, or not wanting it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import OK, Peer, chunks, listen, run, serve_app
from trio_http import Client, ClientTimeouts, Request, Response
from trio_http.testing import VirtualNetwork

Send = Callable[[bytes], Awaitable[None]]


class Endless:
    """A body without an end that notes that it was closed, and by which task."""

    def __init__(self, pause: float = 0.1) -> None:
        self.pause = pause
        self.given = 0
        self.closed_by: str | None = None
        self.iterated_by: str | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self.iterated_by = trio.lowlevel.current_task().name
        await trio.sleep(self.pause)
        self.given += 1
        return b"x" * 1000

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.closed_by = trio.lowlevel.current_task().name


def test_early_answer_stops_the_upload() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def refuse(peer: Peer) -> None:
            await peer.head()
            await trio.sleep(1)
            await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")

        await listen(net, refuse)
        body = Endless()
        async with Client() as client:
            response = await client.post("http://api/", content=body)

            assert (response.status, response.content) == (413, b"big")
            assert trio.current_time() == 1
            assert body.closed_by == body.iterated_by == "upload of POST http://api/"
            assert client.pool.connections == []

    run(main)


def test_early_answer_is_seen_though_the_server_reads_nothing() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def refuse(peer: Peer) -> None:
            await trio.sleep(1)
            await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
            await trio.sleep_forever()

        await listen(net, refuse)
        async with Client() as client:
            response = await client.post("http://api/", content=b"x" * 5_000_000)

            assert response.status == 413
            assert trio.current_time() == 1
            assert client.pool.connections == []

    run(main)


def test_answer_is_seen_though_the_server_resets_what_we_send() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def refuse(peer: Peer) -> None:
            await peer.stream.receive_some(1000)
            await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
            await peer.stream.send_eof()
            await trio.sleep(0.5)

        await listen(net, refuse)
        async with Client() as client:
            response = await client.post("http://api/", content=Endless(0.2))

            assert response.status == 413

    run(main)


@pytest.mark.covers("B7")
def test_body_and_answer_may_flow_at_the_same_time() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def echo(request: Request) -> Response:
            return Response(request.body)

        await serve_app(net, echo)
        send, content = trio.open_memory_channel[bytes](0)
        async with (
            Client() as client,
            client.stream("POST", "http://api/", content=_after(send, content)) as response,
            send,
        ):
            assert await response.body.receive_some() == b"begin"
            for word in (b"one", b"two", b"three"):
                await send.send(word)
                assert await response.body.receive_some() == word
            await send.aclose()
            assert await response.body.receive_some() == b""
            assert [info.state for info in client.pool.connections] == ["idle"]

    run(main)


async def _after(send: Any, channel: trio.MemoryReceiveChannel[bytes]) -> AsyncIterator[bytes]:
    yield b"begin"  # the echo answers once it has something
    async for piece in channel:
        yield piece


def test_error_of_the_users_body_comes_out_as_it_is() -> None:
    error = ValueError("no more data")

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        await trio.sleep(1)
        raise error

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            with pytest.raises(AssertionError):
                await peer.until(b"0\r\n\r\n")

        await listen(net, script)
        async with Client() as client:
            with pytest.raises(ValueError, match="no more data") as caught:
                await client.post("http://api/", content=broken())

            assert caught.value is error
            assert trio.current_time() == 1
            assert client.pool.connections == []

    run(main)


def test_error_of_the_users_body_comes_out_of_a_stream_at_the_next_wait() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        await trio.sleep(1)
        raise ValueError("no more data")

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"12345")
            await trio.sleep_forever()

        await listen(net, script)
        async with Client() as client, client.stream("POST", "http://api/", content=broken()) as response:
            assert await response.body.receive_some() == b"12345"
            await trio.sleep(5)
            with pytest.raises(ValueError, match="no more data"):
                await response.body.receive_some()

            assert trio.current_time() == 5

    run(main)


def test_piece_that_is_no_bytes_is_told() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, _ok)
        async with Client() as client:
            with pytest.raises(TypeError, match=r"a piece of a body is bytes, not str"):
                await client.post("http://api/", content=chunks("text"))  # type: ignore[arg-type]  # the point

    run(main)


async def _ok(request: Request) -> Response:
    return Response(b"%d" % len(await request.read()))


@pytest.mark.covers("B6", "S1.37", "S2.59")
@pytest.mark.parametrize("say", ["100", "late", "never", "417", "200"])
def test_expect_continue(say: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        heads: list[bytes] = []

        async def script(peer: Peer) -> None:
            heads.append(await peer.head())
            if say in {"417", "200"}:
                await trio.sleep(0.5)
                await peer.send(f"HTTP/1.1 {say} X\r\nContent-Length: 0\r\n\r\n".encode())
                await peer.end()
                return
            if say == "100":
                await trio.sleep(0.5)
                await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert await peer.exactly(5) == b"hello"
            assert trio.current_time() == (0.5 if say == "100" else 2)
            if say == "late":
                await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await peer.send(OK)
            await peer.end()

        await listen(net, script)
        async with Client() as client:
            response = await client.put("http://api/", content=b"hello", expect_continue=2.0)

            assert response.status == (int(say) if say.isdigit() and say != "100" else 200)
            # a body that was announced and not sent leaves the connection in the middle of a message
            assert len(client.pool.connections) == (0 if say in {"417", "200"} else 1)
        assert b"Expect: 100-continue\r\n" in heads[0]

    run(main)


@pytest.mark.covers("B6")
@pytest.mark.parametrize("options", [{}, {"retry": 2}], ids=["straight", "through everything"])
def test_body_that_was_only_announced_can_be_sent_elsewhere(options: Any) -> None:
    """That is what asking is for: an iterator is not begun before the server wants it."""

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 307 Go\r\nLocation: http://other/\r\nContent-Length: 0\r\n\r\n")
            await peer.end()

        async def taker(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert await peer.until(b"0\r\n\r\n") == b"2\r\nab\r\n0\r\n\r\n"
            await peer.send(OK)

        await listen(net, script)
        await listen(net, taker, host="other")
        async with Client(expect_continue=1) as client:
            assert (await client.put("http://api/", content=chunks(b"ab"), **options)).content == b"ok"

    run(main)


@pytest.mark.covers("B6", "B36")
def test_time_for_the_word_is_not_that_of_the_users_function() -> None:
    told: list[int] = []

    async def note(status: int, headers: trio_http.Headers) -> None:
        await trio.sleep(5)
        told.append(status)

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await peer.exactly(5)
            assert trio.current_time() == 5
            await peer.send(OK)

        await listen(net, script)
        async with Client() as client:
            await client.put("http://api/", content=b"hello", expect_continue=1, on_informational=note)

    run(main)
    assert told == [103]


def test_nothing_is_asked_for_a_request_without_a_body() -> None:
    async def main(net: VirtualNetwork) -> None:
        heads: list[bytes] = []

        async def script(peer: Peer) -> None:
            heads.append(await peer.answer())

        await listen(net, script)
        async with Client(expect_continue=True) as client:
            await client.get("http://api/")
        assert b"Expect" not in heads[0]

    run(main)


def test_body_that_is_never_sent_is_closed() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.host("api").refuse(80)
        async with Client() as client:
            for url, error in (("http://api/", trio_http.ConnectError), ("nonsense", trio_http.InvalidURL)):
                body = Endless()
                with pytest.raises(error):
                    await client.post(url, content=body)

                assert body.closed_by is not None
                assert body.given == 0
            body = Endless()
            with pytest.raises(trio_http.InvalidURL):
                async with client.stream("POST", "nonsense", content=body):
                    raise AssertionError

            assert body.closed_by is not None
            for options in ({"max_body": -1}, {"retry": "often"}, {"expect_continue": -1}, {"headers": {"A": "\n"}}):
                body = Endless()
                with pytest.raises((TypeError, ValueError, trio_http.LocalProtocolError)):
                    await client.post("http://api/", content=body, **options)

                assert body.closed_by is not None

    run(main)


@pytest.mark.covers("B5")
@pytest.mark.parametrize("content", [b"x" * 200_000, chunks(*[b"x" * 50_000] * 4)])
def test_progress_counts_what_the_connection_took(content: Any) -> None:
    seen: list[tuple[int, int | None]] = []

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, _ok)
        async with Client() as client:
            response = await client.post("http://api/", content=content, progress=lambda *step: seen.append(step))

        assert response.content == b"200000"

    run(main)
    assert [sent for sent, _ in seen] == sorted({sent for sent, _ in seen})
    assert seen[-1] == (200_000, 200_000 if isinstance(content, bytes) else None)
    assert all(after - before <= 65536 for (before, _), (after, _) in itertools.pairwise(seen))


@pytest.mark.covers("B36", "S1.24")
def test_informational_answers_are_told() -> None:
    seen: list[tuple[int, str | None]] = []

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n", OK)

        async def note(status: int, headers: trio_http.Headers) -> None:
            await trio.lowlevel.checkpoint()
            seen.append((status, headers.get("link")))

        await listen(net, script)
        async with Client() as client:
            await client.get("http://api/", on_informational=note)

    run(main)
    assert seen == [(103, "<a>"), (102, None)]


def test_upload_ends_with_its_request_when_that_is_cancelled() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def take(peer: Peer) -> None:
            await peer.until(b"nothing like this comes")

        await listen(net, take)
        body = Endless()
        async with Client(timeout=ClientTimeouts(read=1)) as client:
            with trio.move_on_after(3):
                await client.post("http://api/", content=body)

            assert body.closed_by is not None
            assert trio.current_time() == 3

    run(main)


def test_connection_is_kept_after_a_streamed_upload() -> None:
    async def main(net: VirtualNetwork) -> None:
        peers_before = len(net.connections)
        await serve_app(net, _ok)
        async with Client() as client:
            for _ in range(5):
                assert (await client.post("http://api/", content=chunks(b"he", b"llo"))).content == b"5"
        assert len(net.connections) - peers_before == 1

    for seed in range(10):
        run(main, seed=seed)
