"""Code that knows nothing of the virtual network runs on it unchanged: TLS, httpx, trio-websocket, anyio, hypercorn."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import httpx
import hypercorn.config
import hypercorn.trio
import pytest
import trio
import trio_websocket
import trustme

from trio_http.testing import (
    CertificateAuthority,
    Chunks,
    Faults,
    Link,
    VirtualNetwork,
    World,
    explore_seeds,
    simulate,
    stdlib_bridge,
)

from .programs import serve_http


def trustme_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("api").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def echo(stream: trio.abc.Stream) -> None:
    async with stream:
        async for data in stream:
            await stream.send_all(data)


@pytest.mark.covers("C5")
@pytest.mark.parametrize("chunks", [None, Chunks.random()], ids=["whole", "random"])
def test_tls_of_trio_with_trustme(chunks: Chunks | None) -> None:
    server, client = trustme_contexts()

    async def main(net: VirtualNetwork) -> bytes:
        await net.host("api").start(trio.serve_ssl_over_tcp, echo, 443, server)
        got = b""
        with net.host("app").active():
            stream = await trio.open_ssl_over_tcp_stream("api", 443, ssl_context=client)
            async with stream, trio.open_nursery() as nursery:
                nursery.start_soon(stream.send_all, bytes(100_000))
                while len(got) < 100_000:
                    got += await stream.receive_some()
        return got

    assert simulate(main, world=World(chunks=chunks, link=Link(latency=0.01))).value == bytes(100_000)


@pytest.mark.covers("C5")
def test_tls_with_the_test_ca_has_equal_traces() -> None:
    authority = CertificateAuthority()

    async def main(net: VirtualNetwork) -> None:
        await net.host("api").start(trio.serve_ssl_over_tcp, echo, 443, authority.server_context("api", "10.0.0.1"))
        with net.host("app").active():
            for name in ("api", "10.0.0.1"):
                stream = await trio.open_ssl_over_tcp_stream(name, 443, ssl_context=authority.client_context())
                async with stream:
                    await stream.send_all(b"hello")
                    assert await stream.receive_some() == b"hello"

    for seed in range(10):
        simulate(main, seed=seed, faults=Faults(short_read=0.3, delay=0.1), check_determinism=True)
    assert CertificateAuthority().pem == authority.pem


@pytest.mark.covers("C5")
def test_the_test_ca_is_refused_for_other_names() -> None:
    authority = CertificateAuthority()

    async def main(net: VirtualNetwork) -> None:
        async def serve(stream: trio.SocketStream) -> None:
            tls = trio.SSLStream(stream, authority.server_context("other"), server_side=True)
            with pytest.raises(trio.BrokenResourceError):
                await tls.do_handshake()
            await trio.aclose_forcefully(tls)

        await net.host("api").start(trio.serve_tcp, serve, 443)
        stream = await trio.open_ssl_over_tcp_stream("api", 443, ssl_context=authority.client_context())
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.do_handshake()
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        await trio.aclose_forcefully(stream)

    simulate(main)
    with pytest.raises(ValueError, match="give the names"):
        authority.server_context()


# httpx


def with_httpx(program: Callable[[VirtualNetwork, httpx.AsyncClient], Awaitable[Any]], **options: Any) -> Any:
    async def main(net: VirtualNetwork) -> Any:
        await net.host("api").start(trio.serve_tcp, serve_http, 80)
        with net.host("app").active():
            async with httpx.AsyncClient(trust_env=False) as client:
                return await program(net, client)

    return simulate(main, **options).value


@pytest.mark.covers("C4")
def test_httpx_keeps_its_connection_alive() -> None:
    async def program(net: VirtualNetwork, client: httpx.AsyncClient) -> None:
        for target in ("/a", "/b"):
            response = await client.get(f"http://api{target}")
            assert response.text == target
        assert len(net.connections) == 1

    with_httpx(program, check_determinism=True)


@pytest.mark.covers("C6")
def test_httpx_times_out_in_virtual_time() -> None:
    async def program(net: VirtualNetwork, client: httpx.AsyncClient) -> None:
        net.host("hole").drop_syn(80)
        with pytest.raises(httpx.ConnectTimeout):
            await client.get("http://hole/", timeout=60)
        assert trio.current_time() == 60
        net.on_connection(lambda connection: connection.stall_after(20, side="server"))
        with pytest.raises(httpx.ReadTimeout):
            await client.get("http://api/", timeout=300)
        assert trio.current_time() == 360
        with pytest.raises(httpx.ConnectError):
            await client.get("http://api:81/")

    with_httpx(program)


# httpx leaves the generator of the body behind; its bug, not the network's
@pytest.mark.filterwarnings("ignore:.*ByteStream.__aiter__")
def test_httpx_write_timeout_when_the_server_reads_nothing() -> None:
    async def deaf(stream: trio.SocketStream) -> None:
        async with stream:
            await trio.sleep(100)

    async def program(net: VirtualNetwork, client: httpx.AsyncClient) -> None:
        await net.host("deaf").start(trio.serve_tcp, deaf, 80)
        with pytest.raises(httpx.WriteTimeout):
            await client.post("http://deaf/", content=bytes(1 << 20), timeout=httpx.Timeout(5, write=30))
        assert trio.current_time() == 30
        await trio.sleep(100)

    with_httpx(program)


def test_httpx_over_tls() -> None:
    authority = CertificateAuthority()

    async def main(net: VirtualNetwork) -> None:
        context = authority.server_context("api")
        await net.host("api").start(trio.serve_ssl_over_tcp, serve_http, 443, context)
        async with httpx.AsyncClient(verify=authority.client_context(), trust_env=False) as client:
            assert (await client.get("https://api/secret")).text == "/secret"

    simulate(main)


def test_httpx_survives_a_swarm_of_faults() -> None:
    async def main(net: VirtualNetwork) -> None:
        await net.host("api").start(trio.serve_tcp, serve_http, 80)
        with net.host("app").active():
            async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
                for number in range(3):
                    try:
                        response = await client.get(f"http://api/{number}")
                    except httpx.TransportError:
                        continue
                    assert response.text == f"/{number}"

    done = explore_seeds(main, seeds=60, faults=Faults.swarm)
    assert done.failure is None, done.failure.report


# trio-websocket


@pytest.mark.covers("C4")
@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_trio_websocket(secure: bool) -> None:
    authority = CertificateAuthority()

    async def handler(request: trio_websocket.WebSocketRequest) -> None:
        connection = await request.accept()
        while True:
            try:
                await connection.send_message(await connection.get_message())
            except trio_websocket.ConnectionClosed:
                return

    async def main(net: VirtualNetwork) -> None:
        context = authority.server_context("api") if secure else None
        await net.host("api").start(trio_websocket.serve_websocket, handler, None, 80, context)
        with net.host("app").active():
            url = "wss://api:80/" if secure else "ws://api:80/"
            trust = authority.client_context() if secure else None
            async with trio_websocket.open_websocket_url(url, ssl_context=trust) as connection:
                for size in (5, 70_000):
                    await connection.send_message("x" * size)
                    assert await connection.get_message() == "x" * size

    simulate(main, faults=Faults(short_read=0.2, delay=0.1), check_determinism=True)


# anyio and hypercorn


@pytest.mark.covers("C4")
def test_anyio_client_and_its_extra_attributes() -> None:
    async def main(net: VirtualNetwork) -> None:
        await net.host("api").start(trio.serve_tcp, echo, 80)
        with net.host("app").active():
            async with await anyio.connect_tcp("api", 80) as stream:
                await stream.send(b"hello")
                assert await stream.receive() == b"hello"
                assert stream.extra(anyio.abc.SocketAttribute.remote_address) == ("fd00::1", 80)

    simulate(main)


def test_anyio_listener_over_the_bridge() -> None:
    async def handle(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.send(await stream.receive())

    async def main(net: VirtualNetwork) -> None:
        with stdlib_bridge(net), net.host("api").active():
            listener = await anyio.create_tcp_listener(local_port=80)
        async with listener, trio.open_nursery() as nursery:
            nursery.start_soon(listener.serve, handle)
            with net.host("app").active():
                async with await anyio.connect_tcp("api", 80) as stream:
                    await stream.send(b"hello")
                    assert await stream.receive() == b"hello"
            nursery.cancel_scope.cancel()

    simulate(main)


@pytest.mark.covers("C4")
def test_hypercorn_over_the_bridge() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
            await send({"type": "http.response.body", "body": b"hello"})

    async def main(net: VirtualNetwork) -> None:
        config = hypercorn.config.Config()
        config.bind = ["0.0.0.0:80"]
        config.accesslog = config.errorlog = None
        done = trio.Event()
        async with trio.open_nursery() as nursery:
            with stdlib_bridge(net), net.host("api").active():
                serve = partial(hypercorn.trio.serve, shutdown_trigger=done.wait)
                await nursery.start(serve, app, config)
            with net.host("app").active():
                async with httpx.AsyncClient(trust_env=False) as client:
                    assert (await client.get("http://api/")).text == "hello"
            done.set()

    simulate(main)


@pytest.mark.parametrize(("family", "name"), [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
async def test_a_stand_in_without_a_host_is_bound_to_all_of_its_family(
    family: socket.AddressFamily, name: str, virtual_network: VirtualNetwork
) -> None:
    with stdlib_bridge(virtual_network), socket.socket(family) as sock:
        sock.bind(("", 80))
        assert sock.getsockname()[:2] == (name, 80)
