"""WebSockets of clients: the handshake as a request, rejection, deadlines, cancellation. On the virtual network."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import trio
from ws_kit import frame
from ws_peers import accept_of, agree, echo, echoing

from tests.client.client_peers import Peer, listen, relay, run, serve_app
from trio_http import (
    Client,
    ConnectError,
    ConnectionClosed,
    HandshakeRejected,
    InvalidURL,
    LocalProtocolError,
    RemoteProtocolError,
    Request,
    Response,
    TLSError,
    TotalTimeout,
    open_websocket,
    serve,
)
from trio_http.client import BasicAuth, DigestAuth
from trio_http.testing import CertificateAuthority, VirtualNetwork, for_each_cancel_point
from trio_http.websocket import Deflate, Keepalive, WebSocket, WebSocketResponse, WebSocketTimeouts

AUTHORITY = CertificateAuthority()
AGREED = b"Upgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n"


@pytest.mark.covers("B11")
@pytest.mark.parametrize("url", ["ws://api/echo", "http://api/echo", "/echo"])
def test_a_client_and_a_server_talk(url: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echoing)
        async with Client(base_url="http://api") as client:
            async with client.websocket(url, subprotocols=["other", "chat"]) as ws:
                assert ws.subprotocol == "chat"
                for message in ("ä" * 1000, b"\xff" * 100_000, "", b""):
                    await ws.send(message)
                    assert await ws.receive() == message
                assert await ws.ping() >= 0
            assert ws.close_code == 1000
            assert not client.pool.connections

    run(main)


def test_one_shot() -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, echoing)
        async with open_websocket("ws://api/", compression=None) as ws:
            await ws.send("x")
            assert await ws.receive() == "x"

    run(main)


def test_the_handshake_is_a_request_of_the_client() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            head = await agree(peer, trailing=frame(1, b"at once", masked=False))
            assert head.startswith(b"GET /ws?a=1 HTTP/1.1\r\nHost: api\r\n")
            lower = head.lower()
            for field in (
                b"upgrade: websocket\r\n",
                b"connection: upgrade\r\n",
                b"sec-websocket-version: 13\r\n",
                b"sec-websocket-extensions: permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
                b"sec-websocket-protocol: chat, superchat\r\n",
                b"authorization: basic ",
                b"cookie: a=b\r\n",
                b"x-mine: 1\r\n",
            ):
                assert field in lower, field
            await peer.until(b"\x88")

        await listen(net, script)
        async with (
            Client(auth=BasicAuth("me", "secret"), timeout=5) as client,
            client.websocket(
                "ws://api/ws",
                params={"a": "1"},
                cookies={"a": "b"},
                headers={"X-Mine": "1"},
                subprotocols=["chat", "superchat"],
                timeouts=WebSocketTimeouts(close=1),
                keepalive=None,
            ) as ws,
        ):
            assert await ws.receive() == "at once"
            await trio.sleep(60)  # the time in all ended with the handshake
            assert ws.is_open

    run(main)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"Upgrade: h2c\r\nSec-WebSocket-Accept: %s\r\n", "did not switch"),
        (b"Upgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n", "does not belong to our key"),
        (b"Upgrade: websocket\r\n", "does not belong to our key"),
        (AGREED + b"Sec-WebSocket-Protocol: x\r\n", "subprotocol 'x'"),
        (AGREED + b"Sec-WebSocket-Extensions: foo\r\n", "extension 'foo'"),
        (AGREED + b"Sec-WebSocket-Extensions: ;\r\n", "extension ''"),
        (AGREED + b"Sec-WebSocket-Extensions: permessage-deflate\r\n", "server_max_window_bits"),
        (
            AGREED + b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15\r\n",
            "does not fit",
        ),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(answer: bytes, complaint: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            head = await peer.head()
            lines = answer.replace(b"%s", accept_of(head))
            await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n" + lines + b"\r\n")
            await peer.end()

        await listen(net, script)
        async with Client() as client:
            with pytest.raises(RemoteProtocolError, match=complaint):
                async with client.websocket("ws://api/"):
                    pass

    run(main)


@pytest.mark.covers("B11")
def test_a_rejection_has_its_response() -> None:
    async def handler(request: Request) -> Response:
        return Response("not you", status=403)

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client() as client:
            with pytest.raises(HandshakeRejected, match=r"http://api/ws.*403 Forbidden") as caught:
                async with client.websocket("ws://api/ws"):
                    pass
            assert isinstance(caught.value.response, Response)
            assert caught.value.response.content == b"not you"

    run(main)


def test_redirects_and_challenges_are_followed() -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/old":
            return Response(status=307, headers={"Location": "/new"})
        return WebSocketResponse(echo)

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client() as client, client.websocket("ws://api/old") as ws:
            await ws.send("x")
            assert await ws.receive() == "x"
            assert ws.request.path == "/new"

    run(main)


@pytest.mark.covers("B11")
@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
def test_it_goes_through_a_tunnel_of_a_proxy(scheme: str, secure: bool) -> None:
    """ws, too: a proxy that reads requests would not pass on what follows the handshake (RFC 6455 section 4.1)."""
    heads: list[bytes] = []
    context = AUTHORITY.server_context("api") if secure else None
    port = 443 if secure else 80

    async def main(net: VirtualNetwork) -> None:
        async def run_server(*, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
            await serve(echoing, port, host="0.0.0.0", ssl_context=context, task_status=task_status)

        async def proxy(peer: Peer) -> None:
            if scheme == "socks5h":
                assert await peer.exactly(3) == b"\x05\x01\x00"
                await peer.send(b"\x05\x00")
                heads.append(await peer.exactly(4 + 1 + 3 + 2))
                await peer.send(b"\x05\x00\x00\x01\0\0\0\0\0\0")
            else:
                heads.append(await peer.head())
                await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await relay(peer, "api", port)

        await net.host("api").start(run_server)
        tls = AUTHORITY.server_context("proxy") if scheme == "https" else None
        await listen(net, proxy, host="proxy", port=3128, tls=tls)
        trust = ssl.create_default_context(cadata=AUTHORITY.pem)
        url = f"{'wss' if secure else 'ws'}://api/"
        async with (
            Client(proxy=f"{scheme}://proxy:3128", ssl_context=trust) as client,
            client.websocket(url, subprotocols=["chat"]) as ws,
        ):
            await ws.send("through " * 10_000)
            assert await ws.receive() == "through " * 10_000

    run(main)
    (head,) = heads
    if scheme == "socks5h":
        assert head == b"\x05\x01\x00\x03\x03api" + port.to_bytes(2, "big")
    else:
        assert head.startswith(f"CONNECT api:{port} HTTP/1.1\r\n".encode())


@pytest.mark.covers("B11")
def test_wss_is_verified_as_https_is() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def nobody(peer: Peer) -> None:
            await peer.end()

        await listen(net, nobody, tls=AUTHORITY.server_context("api"), port=443)
        async with Client() as client:
            with pytest.raises(TLSError, match="api"):
                async with client.websocket("wss://api/"):
                    pass

    run(main)


@pytest.mark.covers("B11")
def test_cookies_and_challenges_are_those_of_the_client() -> None:
    seen: list[tuple[str, str | None]] = []

    async def handler(request: Request) -> Response:
        seen.append((request.path, request.cookies.get("id")))
        if request.path == "/login":
            return Response("", headers={"Set-Cookie": "id=7"})
        if "authorization" not in request.headers:
            challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
            return Response(status=401, headers={"WWW-Authenticate": challenge, "Set-Cookie": "id=8"})
        return WebSocketResponse(echo, headers={"Set-Cookie": "id=9"})

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client(base_url="http://api", auth=DigestAuth("me", "secret")) as client:
            await client.get("/login", auth=None)
            async with client.websocket("/ws") as ws:
                await ws.send("x")
                assert await ws.receive() == "x"
            await client.get("/login", auth=None)

    run(main)
    assert seen == [("/login", None), ("/ws", "7"), ("/ws", "8"), ("/login", "9")]


def test_credentials_stay_behind_at_a_redirect_to_another_origin() -> None:
    heads: list[bytes] = []

    async def main(net: VirtualNetwork) -> None:
        async def away(peer: Peer) -> None:
            await peer.answer(b"", status="302 Found", fields="Location: ws://other/\r\n")

        async def there(peer: Peer) -> None:
            heads.append(await agree(peer))
            await peer.until(b"\x88")

        await listen(net, away)
        await listen(net, there, host="other")
        options = WebSocketTimeouts(close=1)
        async with (
            Client(auth=BasicAuth("me", "secret")) as client,
            client.websocket("ws://api/", headers={"Cookie": "a=b"}, timeouts=options) as ws,
        ):
            assert str(ws.request.url) == "http://other/"

    run(main)
    assert b"authorization" not in heads[0].lower()
    assert b"cookie" not in heads[0].lower()


def test_what_cannot_be_asked_is_told() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with Client() as client:
            with pytest.raises(InvalidURL):
                async with client.websocket("ftp://api/"):
                    pass
            with pytest.raises(LocalProtocolError, match="subprotocol"):
                async with client.websocket("ws://api/", subprotocols=["a b"]):
                    pass
            with pytest.raises(ConnectError):
                async with client.websocket("ws://nowhere/"):
                    pass

    run(main)


def test_the_handshake_has_a_deadline() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await trio.sleep_forever()

        await listen(net, script)
        async with Client(timeout=3) as client:
            with pytest.raises(TotalTimeout):
                async with client.websocket("ws://api/"):
                    pass
            assert trio.current_time() == pytest.approx(3, abs=0.1)

    run(main)


@pytest.mark.covers("A59")
@pytest.mark.parametrize("ours", [None, Deflate(), Deflate(takeover=False, peer_takeover=False, window_bits=9)])
@pytest.mark.parametrize("theirs", [None, Deflate(), Deflate(takeover=False, peer_takeover=False, peer_window_bits=9)])
def test_any_two_choices_of_compression_fit(ours: Deflate | None, theirs: Deflate | None) -> None:
    async def handler(request: Request) -> Response:
        return WebSocketResponse(echo, compression=theirs)

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client() as client, client.websocket("ws://api/", compression=ours) as ws:
            for i in range(5):
                message = f'{{"n": {i}, "text": "some text that repeats itself"}}' * 50
                await ws.send(message)
                assert await ws.receive() == message

    run(main)


@pytest.mark.parametrize("compression", [None, Deflate(threshold=0)], ids=["plain", "deflate"])
def test_cancelled_at_any_point_nothing_is_left_open(compression: Deflate | None) -> None:
    received: list[str | bytes] = []
    words = [f"message {i} " * 20 for i in range(3)]

    async def collect(ws: WebSocket) -> None:
        async for message in ws:
            received.append(message)
            await ws.send(message)

    async def handler(request: Request) -> Response:
        return WebSocketResponse(collect, compression=compression)

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client() as client:

            async def block() -> None:
                async with client.websocket("ws://api/", compression=compression) as ws:
                    for word in words:
                        await ws.send(word)
                        assert await ws.receive() == word
                    await ws.ping()

            async def check() -> None:
                await trio.sleep(60)
                assert not client.pool.connections
                assert received == words[: len(received)]
                received.clear()

            points = await for_each_cancel_point(block, check)
            assert len(points) > 20

    run(main)


@pytest.mark.parametrize("compression", [None, Deflate(threshold=0)], ids=["plain", "deflate"])
def test_cancelled_sends_and_receives_leave_the_websocket_sound(compression: Deflate | None) -> None:
    """The same WebSocket goes on after each cancellation, or it says that it cannot."""

    async def handler(request: Request) -> Response:
        return WebSocketResponse(echo, compression=compression)

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client() as client, client.websocket("ws://api/", compression=compression) as ws:
            count = 0
            got: list[int] = []

            async def block() -> None:
                nonlocal count
                count += 1
                await ws.send(f"{count} {'x' * 500}")
                got.append(number(await ws.receive()))

            def number(message: str | bytes) -> int:
                assert isinstance(message, str)
                head, tail = message.split(" ")
                assert tail == "x" * 500
                return int(head)

            async def check() -> None:
                # what was sent and not received comes now; in order, and nothing twice
                await ws.send(f"0 {'x' * 500}")
                while (found := number(await ws.receive())) != 0:
                    got.append(found)

            await for_each_cancel_point(block, check)
            assert got == sorted(set(got))
            assert ws.is_open

    run(main)


def test_a_client_that_dies_is_noticed_by_keepalive() -> None:
    ended: list[Any] = []

    async def wait(ws: WebSocket) -> None:
        try:
            await ws.receive()
        except ConnectionClosed as error:
            ended.append((round(trio.current_time()), error.code, error.reason))

    async def handler(request: Request) -> Response:
        return WebSocketResponse(wait, keepalive=Keepalive(interval=10, timeout=5))

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        stream = await trio.open_tcp_stream("api", 80)
        await stream.send_all(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await trio.sleep(20)  # and says nothing more
        await stream.aclose()

    run(main)

    assert ended == [(15, 1011, "no pong for 5 s (loop lag 0.0 s)")]
