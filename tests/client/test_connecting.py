"""Names, addresses, sockets and TLS: the way to a server."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_http
from tests.client.client_peers import Peer, answers, listen, net_host, run
from trio_http import Client, ClientTimeouts, Request, Response
from trio_http.testing import CertificateAuthority, VirtualNetwork

AUTHORITY = CertificateAuthority()


@pytest.mark.covers("S2.14")
def test_refused_connection_names_every_address() -> None:
    async def main(net: VirtualNetwork) -> None:
        net.host("api")
        async with Client() as client:
            with pytest.raises(trio_http.ConnectError) as caught:
                await client.get("http://api/")

        text = str(caught.value)
        assert text.startswith("GET http://api/: cannot connect to api:80: ")
        assert "Connection refused" in text

    run(main)


def test_unknown_name() -> None:
    async def main(net: VirtualNetwork) -> None:
        async with Client() as client:
            with pytest.raises(trio_http.ConnectError, match=r"GET http://nowhere/: cannot resolve the name 'nowhere'"):
                await client.get("http://nowhere/")

    run(main)


def test_name_beyond_ascii_is_sent_in_ascii() -> None:
    heads: list[bytes] = []

    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            heads.append(await peer.answer())

        await listen(net, script)
        net.dns["xn--bcher-kva.test"] = [net_host(net, "api")]
        async with Client() as client:
            response = await client.get("http://Bücher.test/")

            assert response.url is not None
            assert response.url.host == "bücher.test"
            with pytest.raises(trio_http.InvalidURL):
                await client.get("http://a\u2065b.test/")

    run(main)
    assert b"Host: xn--bcher-kva.test\r\n" in heads[0]


@pytest.mark.covers("B25")
def test_second_address_gets_its_turn_after_the_head_start() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        black_hole = net.host("hole")
        black_hole.drop_syn(80)
        net.dns["both"] = [black_hole.ipv6, net_host(net, "api").ipv4]
        async with Client() as client:
            assert (await client.get("http://both/")).content == b"ok"
            assert trio.current_time() == 0.25
        async with Client(happy_eyeballs_delay=1) as client:
            response = await client.get("http://both/")
            assert trio.current_time() == 1.25
            assert response.timings is not None
            assert response.timings.connect == 1

    run(main)


@pytest.mark.covers("S1.25")
@pytest.mark.parametrize("addresses", [1, 2])
def test_error_of_the_users_preparation_comes_out_as_it_is(addresses: int) -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        api = net_host(net, "api")
        net.dns["name"] = [api.ipv4, api.ipv6][:addresses]
        mine = ValueError("mine")

        def prepare(sock: trio.socket.SocketType) -> None:
            if sock.family == socket.AF_INET:
                raise mine

        async with Client(prepare=prepare) as client:
            with pytest.raises(ValueError, match="mine") as caught:
                await client.get("http://name/")
            assert caught.value is mine

    run(main)


@pytest.mark.covers("B24")
def test_names_may_be_mapped_and_resolved_otherwise() -> None:
    asked: list[tuple[str, int]] = []

    async def main(net: VirtualNetwork) -> None:
        heads: list[bytes] = []

        async def script(peer: Peer) -> None:
            heads.append(await peer.answer())

        await listen(net, script, port=8000)
        address = net_host(net, "api").ipv4

        async def resolve(host: str, port: int) -> Sequence[str]:
            asked.append((host, port))
            return [address]

        async with Client(hosts={"service.test": f"{address}:8000"}) as client:
            await client.get("http://service.test/")
        async with Client(resolver=resolve) as client:
            await client.get("http://other.test:8000/")
        assert b"Host: service.test\r\n" in heads[0]
        assert b"Host: other.test:8000\r\n" in heads[1]

    run(main)
    assert asked == [("other.test", 8000)]


@pytest.mark.covers("B26", "S1.25", "S1.33")
def test_family_local_address_and_socket_options() -> None:
    prepared: list[Any] = []

    async def main(net: VirtualNetwork) -> None:
        names: list[str] = []

        async def script(peer: Peer) -> None:
            names.append(peer.stream.socket.getpeername()[0])  # type: ignore[attr-defined]  # it is a socket
            await peer.answer()

        await listen(net, script)
        ours = net.host("ours")
        with ours.active():
            async with Client(allow_ipv6=False) as client:
                await client.get("http://api/")
            async with Client(family=socket.AF_INET6) as client:
                await client.get("http://api/")
            async with Client(
                family=socket.AF_INET,
                local_address=ours.ipv4,
                socket_options=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
                prepare=lambda sock: prepared.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)),
            ) as client:
                await client.get("http://api/")
        assert [":" in name and not name.startswith("::ffff:") for name in names] == [False, True, False]

    run(main)
    assert prepared == [1]


async def hello(request: Request) -> Response:
    return Response(f"{request.scheme} {request.host}")


def secure(**options: Any) -> Client:
    return Client(**{"ssl_context": ssl.create_default_context(cadata=AUTHORITY.pem), **options})


@pytest.mark.covers("B28", "S1.31", "S2.53")
def test_certificate_is_checked_and_says_what_is_wrong() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers, port=443, tls=AUTHORITY.server_context("other"))
        async with secure() as client:
            with pytest.raises(
                trio_http.TLSError, match=r"GET https://api/: .*certificate is not acceptable.*api"
            ) as told:
                await client.get("https://api/")
            assert "ca_certs" not in str(told.value)  # another name is no question of trust
        async with Client() as client:
            with pytest.raises(trio_http.TLSError, match=r"certificate is not acceptable.*trust its CA with ca_certs="):
                await client.get("https://api/")
        async with Client(verify=False) as client:
            assert (await client.get("https://api/")).content == b"ok"
        async with secure(server_hostname="other") as client:
            assert (await client.get("https://api/")).content == b"ok"

    run(main)


@pytest.mark.covers("B28")
def test_fingerprint() -> None:
    async def main(net: VirtualNetwork) -> None:
        certificate = ssl.PEM_cert_to_DER_cert(AUTHORITY.issue("api")[0].decode())
        right = hashlib.sha256(certificate).hexdigest()
        await listen(net, answers, port=443, tls=AUTHORITY.server_context("api"))
        async with secure(fingerprint=right.upper()) as client:
            assert (await client.get("https://api/")).content == b"ok"
        async with secure(fingerprint="00" * 32) as client:
            with pytest.raises(trio_http.TLSError, match=r"has the SHA-256 fingerprint"):
                await client.get("https://api/")

    run(main)


@pytest.mark.covers("B28", "S1.32", "S2.55")
def test_ca_file_and_missing_files(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(AUTHORITY.pem)

    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers, port=443, tls=AUTHORITY.server_context("api"))
        async with Client(ca_certs=str(path)) as client:
            assert (await client.get("https://api/")).content == b"ok"
        async with Client(ca_certs=str(tmp_path / "nothing.pem")) as client:
            with pytest.raises(trio_http.TLSError, match=r"cannot set up TLS with ca_certs="):
                await client.get("https://api/")

    run(main)


@pytest.mark.covers("B17")
def test_handshake_timeout() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def silent(peer: Peer) -> None:
            await trio.sleep_forever()

        await listen(net, silent, port=443)
        async with Client(timeout=ClientTimeouts(handshake=3)) as client:
            with pytest.raises(trio_http.HandshakeTimeout, match=r"GET https://api/: no end of the TLS handshake"):
                await client.get("https://api/")

            assert trio.current_time() == 3

    run(main)


def test_plain_answer_to_a_handshake() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def plain(peer: Peer) -> None:
            await peer.stream.receive_some()
            await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        await listen(net, plain, port=443)
        async with Client() as client:
            with pytest.raises(trio_http.TLSError, match=r"handshake with api failed"):
                await client.get("https://api/")

    run(main)


@pytest.mark.parametrize("end", ["close_notify", "cut"])
def test_body_until_close_needs_a_close_notify(end: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
            if end == "cut":
                await peer.stream.transport_stream.aclose()  # type: ignore[attr-defined]  # it is TLS

        await listen(net, script, port=443, tls=AUTHORITY.server_context("api"))
        async with secure() as client:
            if end == "cut":
                with pytest.raises(trio_http.ReadError, match=r"GET https://api/|reading from"):
                    await client.get("https://api/")
            else:
                assert (await client.get("https://api/")).content == b"hello"

    run(main)


@pytest.mark.covers("B26")
async def test_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    sock = trio.socket.socket(socket.AF_UNIX)
    await sock.bind(path)
    sock.listen()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio_http.Server(hello, listeners=[trio.SocketListener(sock)]).listen)
        async with Client(uds=path) as client:
            assert (await client.get("http://any.test/")).text() == "http any.test"
        nursery.cancel_scope.cancel()
    async with Client(uds=str(tmp_path / "nothing")) as client:
        with pytest.raises(trio_http.ConnectError, match=r"cannot connect to the unix socket"):
            await client.get("http://any.test/")
