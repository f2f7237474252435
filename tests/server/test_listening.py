"""Where a server listens, and how it does TLS. Real sockets: it is the kernel that is asked."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import trustme

from tests.wires import CA, Peer, client_context, server_context, serving
from trio_http import ConnectError, LocalProtocolError, Request, Response, Server, ServerTimeouts, TLSError
from trio_http.transport import listener_from_fd, open_listeners, open_unix_listener

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def hello(request: Request) -> Response:
    return Response(f"{request.scheme} {request.peer!r}")


async def ask(stream: trio.abc.Stream) -> bytes:
    async with stream:
        return (await Peer(stream).ask(GET))[2]


@pytest.mark.covers("A2", "S2.32")
async def test_all_addresses_and_both_families_share_a_port() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(Server(hello, host=None).listen)

        assert server.addresses[0][0] in {"0.0.0.0", "::"}
        assert len({address[1] for address in server.addresses}) == 1
        assert "0.0.0.0" in {address[0] for address in server.addresses}
        for address in server.addresses:
            host = "::1" if ":" in address[0] else "127.0.0.1"
            assert (await ask(await trio.open_tcp_stream(host, server.port))).startswith(b"http ")
        nursery.cancel_scope.cancel()


@pytest.mark.covers("A2", "S2.32")
async def test_several_hosts() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(Server(hello, host=["127.0.0.1", "127.0.0.2"]).listen)

        assert [address[0] for address in server.addresses] == ["127.0.0.1", "127.0.0.2"]
        assert len(server.sockets) == 2
        await ask(await trio.open_tcp_stream("127.0.0.2", server.port))
        nursery.cancel_scope.cancel()


@pytest.mark.covers("S1.65")
async def test_a_port_that_is_taken_is_named() -> None:
    first = await open_listeners(0)
    port = first[0].socket.getsockname()[1]

    with pytest.raises(ConnectError, match=f"port {port} of 127.0.0.1"):
        await open_listeners(port)
    await first[0].aclose()


@pytest.mark.covers("A3", "S1.65")
async def test_two_processes_can_share_a_port() -> None:
    first = await open_listeners(0, reuse_port=True)
    second = await open_listeners(first[0].socket.getsockname()[1], reuse_port=True)

    await first[0].aclose()
    await second[0].aclose()


@pytest.mark.covers("A2")
async def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    async with trio.open_nursery() as nursery:
        server = await nursery.start(Server(hello, path=path).listen)

        assert server.addresses == [path]
        assert (await ask(await trio.open_unix_socket(path))).startswith(b"http ")
        with pytest.raises(ConnectError, match="another process listens"):
            await open_unix_listener(path)
        nursery.cancel_scope.cancel()

    listener = await open_unix_listener(path, mode=0o600)  # the file is still there, but nobody listens
    assert os.stat(path).st_mode & 0o777 == 0o600
    await listener.aclose()


async def test_other_files_are_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("precious")

    with pytest.raises(ConnectError):
        await open_unix_listener(str(path))
    assert path.read_text() == "precious"


@pytest.mark.covers("A2")
async def test_an_inherited_file_descriptor() -> None:
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        fd = os.dup(inherited.fileno())
        port = inherited.getsockname()[1]
    async with trio.open_nursery() as nursery:
        server = await nursery.start(Server(hello, fd=fd).listen)

        assert server.port == port
        await ask(await trio.open_tcp_stream("127.0.0.1", server.port))
        nursery.cancel_scope.cancel()


def test_a_file_descriptor_that_does_not_listen_is_refused() -> None:
    with socket.socket() as idle, pytest.raises(ConnectError, match="does not listen"):
        listener_from_fd(idle.fileno())
    reading, writing = os.pipe()
    with pytest.raises(ConnectError, match="file descriptor"):
        listener_from_fd(reading)
    os.close(reading)
    os.close(writing)


def test_one_way_to_listen_is_enough() -> None:
    with pytest.raises(ValueError, match="one way"):
        Server(hello, path="/x", fd=3)


# ---------------------------------------------------------------- TLS


async def connect_tls(port: int, context: ssl.SSLContext) -> trio.SSLStream[trio.SocketStream]:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    secure = trio.SSLStream(stream, context, server_hostname="localhost", https_compatible=True)
    await secure.do_handshake()
    return secure


@pytest.mark.covers("A34", "S1.54")
async def test_a_request_knows_its_tls() -> None:
    async def handler(request: Request) -> Response:
        assert request.tls is not None
        return Response(json=[request.scheme, request.tls.version, request.tls.alpn, request.tls.peer_certificate])

    context = server_context()
    context.set_alpn_protocols(["http/1.1"])
    async with trio.open_nursery() as nursery:
        server = await nursery.start(Server(handler, ssl_context=context).listen)
        theirs = client_context()
        theirs.set_alpn_protocols(["h2", "http/1.1"])

        assert server.url.startswith("https://")
        assert await ask(await connect_tls(server.port, theirs)) == b'["https","TLSv1.3","http/1.1",{}]'
        nursery.cancel_scope.cancel()


@pytest.mark.covers("A34")
async def test_a_request_knows_the_name_that_its_client_asked_for() -> None:
    asked: list[str | None] = []

    def users_own(asking: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        asked.append(name)

    async def handler(request: Request) -> Response:
        assert request.tls is not None
        return Response(json=request.tls.server_name)

    context = server_context()
    context.sni_callback = users_own
    async with trio.open_nursery() as nursery:
        servers = [await nursery.start(Server(handler, ssl_context=context).listen) for _ in range(2)]
        servers[0].reload_tls(context)
        for server in servers:
            assert await ask(await connect_tls(server.port, client_context())) == b'"localhost"'
        anonymous = client_context()
        anonymous.check_hostname = False
        stream = await trio.open_tcp_stream("127.0.0.1", servers[0].port)
        assert await ask(trio.SSLStream(stream, anonymous)) == b"null"
        nursery.cancel_scope.cancel()

    assert asked == ["localhost", "localhost", None]


def files_of(ca: trustme.CA, name: str, directory: Path) -> tuple[str, str]:
    cert = ca.issue_cert(name)
    chain, key = directory / f"{name}.pem", directory / f"{name}.key"
    chain.write_bytes(b"".join(blob.bytes() for blob in cert.cert_chain_pems))
    key.write_bytes(cert.private_key_pem.bytes())
    return str(chain), str(key)


@pytest.mark.covers("A34", "S2.38", "S2.39", "S2.42")
async def test_certificates_can_be_changed_live(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        server = Server(hello, is_secure=True)
        server.load_certs(*files_of(CA, "localhost", tmp_path))
        await nursery.start(server.listen)
        before = await connect_tls(server.port, client_context())
        first = before.getpeercert(binary_form=True)

        server.load_certs(*files_of(CA, "localhost", tmp_path))
        async with await connect_tls(server.port, client_context()) as after:
            assert after.getpeercert(binary_form=True) != first
        assert (await ask(before)).startswith(b"https ")  # open ones go on
        nursery.cancel_scope.cancel()


@pytest.mark.covers("S2.38", "S2.39")
async def test_a_certificate_that_is_none_leaves_the_old_one(tmp_path: Path) -> None:
    server = Server(hello, is_secure=True)
    with pytest.raises(LocalProtocolError, match="load_certs"):
        await server.listen()
    server.load_certs(*files_of(CA, "localhost", tmp_path))
    bad = tmp_path / "bad"
    bad.write_text("no certificate")

    with pytest.raises(TLSError, match="bad"):
        server.load_certs(str(bad))
    with pytest.raises(LocalProtocolError, match="does not serve over TLS"):
        Server(hello).load_certs(*files_of(CA, "localhost", tmp_path))


@pytest.mark.covers("A34", "S2.40")
@pytest.mark.parametrize("verify", [True, "optional"])
async def test_clients_show_certificates(tmp_path: Path, verify: Any) -> None:
    async def handler(request: Request) -> Response:
        assert request.tls is not None
        return Response(str(request.tls.peer_certificate.get("subjectAltName")))

    clients = trustme.CA()
    ca_file = tmp_path / "clients.pem"
    clients.cert_pem.write_to_path(ca_file)
    server = Server(handler, is_secure=True)
    server.load_certs(*files_of(CA, "localhost", tmp_path), verify_client=verify, ca_certs=str(ca_file))
    async with trio.open_nursery() as nursery:
        await nursery.start(server.listen)
        known = client_context()
        clients.issue_cert("alice@example.org").configure_cert(known)

        assert b"alice@example.org" in await ask(await connect_tls(server.port, known))
        if verify == "optional":
            assert await ask(await connect_tls(server.port, client_context())) == b"None"
        else:
            with pytest.raises((trio.BrokenResourceError, AssertionError), match=r"^$|ended"):
                await ask(await connect_tls(server.port, client_context()))
        nursery.cancel_scope.cancel()


@pytest.mark.covers("A34")
@pytest.mark.parametrize("kind", ["tls", "tls over memory"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(("shown", "alert"), [(False, "REQUIRED|HANDSHAKE_FAILURE"), (True, "UNKNOWN_CA")])
async def test_a_client_hears_why_its_certificate_is_refused(
    kind: str, version: ssl.TLSVersion, shown: bool, alert: str
) -> None:
    ours, theirs = server_context(), client_context()
    trustme.CA().configure_trust(ours)
    ours.verify_mode = ssl.CERT_REQUIRED
    theirs.maximum_version = version
    if shown:
        trustme.CA().issue_cert("mallory@example.org").configure_cert(theirs)

    with trio.fail_after(10):
        async with serving(hello, kind, ssl_context=ours) as wires, wires.connect() as peer:
            assert isinstance(peer.stream, trio.SSLStream)
            secure = trio.SSLStream(peer.stream.transport_stream, theirs, server_hostname="localhost")

            async def talk() -> None:
                # in TLS 1.3 a client's handshake is over before it is judged: it may be sending when it is refused
                await secure.send_all(b"x" * 100_000)
                await secure.receive_some()

            with pytest.raises(trio.BrokenResourceError) as caught:
                await talk()

            assert re.search(alert, str(caught.value.__cause__))


async def test_a_refused_client_that_stays_is_not_waited_for_long(autojump_clock: Any) -> None:
    async with serving(hello, "tls over memory") as wires, wires.connect() as peer:
        assert isinstance(peer.stream, trio.SSLStream)
        below = peer.stream.transport_stream
        await below.send_all(b"GET / HTTP/1.1\r\n\r\n")
        await trio.testing.wait_all_tasks_blocked()
        assert wires.server._under_way.handshakes

        await trio.sleep(1)
        await trio.testing.wait_all_tasks_blocked()
        assert not wires.server._under_way.handshakes
        with pytest.raises(trio.BrokenResourceError):
            await below.send_all(b"x")


async def test_to_verify_clients_somebody_must_vouch_for_them(tmp_path: Path) -> None:
    server = Server(hello, is_secure=True)

    with pytest.raises(ValueError, match="ca_certs"):
        server.load_certs(*files_of(CA, "localhost", tmp_path), verify_client=True)


async def test_a_refused_upload_over_tls_hears_why() -> None:
    """The answer arrives although the client is still sending: close_notify, an end, then reading on for a while."""

    async def handler(request: Request) -> Response:
        return Response("too much for me", status=413)

    with trio.fail_after(10):
        async with serving(handler, "tls") as wires, wires.connect() as peer:
            await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n")
            await peer.send(b"x" * 300_000)
            status, fields, body = await peer.response()

            assert (status, body) == (413, b"too much for me")
            assert fields[b"connection"] == b"close"


@pytest.mark.covers("A20")
async def test_a_handshake_that_never_comes_ends_in_time() -> None:
    with trio.fail_after(5):
        async with (
            serving(hello, "tls", timeouts=ServerTimeouts(handshake=0.1)) as wires,
            await trio.open_tcp_stream("127.0.0.1", wires.server.port) as silent,
        ):
            assert await silent.receive_some(1) == b""


async def test_a_handshake_under_way_does_not_hold_the_shutdown() -> None:
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(Server(hello, ssl_context=server_context()).listen)
            silent = await trio.open_tcp_stream("127.0.0.1", server.port)
            while not server._under_way.handshakes:
                await trio.sleep(0.01)
            await server.shutdown(grace=3)
        await silent.aclose()


@pytest.mark.parametrize(("batch", "shared"), [(1, True), (64, False)])
async def test_servers_of_one_socket_share_connections_by_batches(batch: int, shared: bool) -> None:
    async with trio.open_nursery() as nursery, contextlib.AsyncExitStack() as connected:
        [listener] = await open_listeners(0)
        twin = listener_from_fd(os.dup(listener.socket.fileno()))
        for _ in range(8):
            await connected.enter_async_context(
                await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
            )

        servers = [Server(hello, listeners=[one], accept_batch=batch) for one in (listener, twin)]
        for server in servers:
            await nursery.start(server.listen)
        await trio.testing.wait_all_tasks_blocked()

        counts = [server.stats.connections for server in servers]
        assert sum(counts) == 8
        assert all(counts) == shared
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", ["tls", "tls over memory"])
async def test_who_asks_a_tls_port_in_the_clear_is_told(kind: str) -> None:
    async with serving(hello, kind) as wires:
        async with wires.connect() as secure:
            assert isinstance(secure.stream, trio.SSLStream)
            peer = Peer(secure.stream.transport_stream)  # below TLS, which never begins
            status, _, body = await peer.ask(GET)
            assert (status, body) == (400, b"this port speaks TLS: ask for https://, not http://\n")
            assert await peer.receive_all() == b""
        async with wires.connect() as secure:
            assert isinstance(secure.stream, trio.SSLStream)
            peer = Peer(secure.stream.transport_stream)
            await peer.send(b"\x00\x01\x02\x03\x04\x05\x06\x07")  # neither TLS nor HTTP: nobody would understand us
            assert not (await peer.receive_all()).startswith(b"HTTP")

        assert wires.server.stats.requests == 0
