"""The ways to a server that only a real kernel and real TLS have: interfaces, addresses, certificates, unix sockets."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme

import trio_http
from trio_http import Client, Request, Response, Server


async def who(request: Request) -> Response:
    certificate = request.tls.peer_certificate if request.tls is not None else {}
    names = [
        value for field in certificate.get("subject", ()) for name, value in field if name == "organizationalUnitName"
    ]
    return Response(f"{request.ip} {' '.join(names)}".strip())


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Server]:
    async with trio.open_nursery() as nursery:
        server = Server(who, 0, **options)
        await nursery.start(server.listen)
        yield server
        nursery.cancel_scope.cancel()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.covers("B26", "S1.22")
async def test_local_address_and_interface() -> None:
    async with serving() as server:
        async with Client(base_url=server.url, local_address="127.0.0.9", trust_env=False) as client:
            assert (await client.get("/")).text() == "127.0.0.9"
        async with Client(base_url=server.url, local_address="192.0.2.1", trust_env=False) as client:
            with pytest.raises(trio_http.ConnectError, match=r"Cannot assign requested address"):
                await client.get("/")
        async with Client(base_url=server.url, interface="lo", trust_env=False) as client:
            assert (await client.get("/")).text() == "127.0.0.1"
        async with Client(base_url=server.url, interface="nothing0", trust_env=False) as client:
            with pytest.raises(trio_http.ConnectError, match=r"No such device"):
                await client.get("/")


@pytest.mark.covers("B26", "S1.25", "S1.33")
async def test_family_socket_options_and_preparation() -> None:
    prepared: list[int] = []

    def prepare(sock: trio.socket.SocketType) -> None:
        prepared.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    async with serving() as server:
        options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        async with Client(socket_options=options, prepare=prepare, allow_ipv6=False, trust_env=False) as client:
            assert (await client.get(f"http://localhost:{server.port}/")).text() == "127.0.0.1"
        async with Client(family=socket.AF_INET6, trust_env=False) as client:
            with pytest.raises(trio_http.ConnectError):
                await client.get(server.url)  # 127.0.0.1 has no address of that family
    assert prepared == [1]


@pytest.mark.covers("B28", "S1.31", "S1.32", "S1.34", "S1.35", "S1.39", "S2.52", "S2.53", "S2.55")
async def test_certificates_of_both_sides(tmp_path: Path, authority: trustme.CA) -> None:
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    ours = authority.issue_cert("client@test", organization_unit_name="the client")
    both, chain, key = tmp_path / "both.pem", tmp_path / "chain.pem", tmp_path / "key.pem"
    ours.private_key_and_cert_chain_pem.write_to_path(str(both))
    ours.cert_chain_pems[0].write_to_path(str(chain))
    ours.private_key_pem.write_to_path(str(key))
    theirs = authority.issue_cert("localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    der = ssl.PEM_cert_to_DER_cert(theirs.cert_chain_pems[0].bytes().decode())
    fingerprint = ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())

    async with serving(ssl_context=context) as server:
        good, by_address = f"https://localhost:{server.port}/", f"https://127.0.0.1:{server.port}/"

        async def ask(url: str, **options: Any) -> str:
            async with Client(trust_env=False, allow_ipv6=False, **options) as client:
                return (await client.get(url)).text()

        assert await ask(good, ca_certs=str(ca)) == "127.0.0.1"
        for certificate in (str(both), (str(chain), str(key)), (str(chain), str(key), "unused")):
            assert await ask(good, ca_certs=str(ca), client_cert=certificate) == "127.0.0.1 the client"
        assert await ask(good, ca_certs=str(ca), fingerprint=fingerprint) == "127.0.0.1"
        assert await ask(by_address, ca_certs=str(ca), check_hostname=False) == "127.0.0.1"
        assert await ask(by_address, ca_certs=str(ca), server_hostname="localhost") == "127.0.0.1"
        assert await ask(by_address, verify=False) == "127.0.0.1"
        assert await ask(by_address, verify=False, fingerprint=fingerprint) == "127.0.0.1"
        own = ssl.create_default_context(cafile=str(ca))
        assert await ask(good, ssl_context=own) == "127.0.0.1"
        for url, options, text in (
            (good, {}, "unable to get local issuer certificate|self-signed certificate"),
            (by_address, {"ca_certs": str(ca)}, "IP address mismatch"),
            (by_address, {"verify": False, "fingerprint": "00" * 32}, "has the SHA-256 fingerprint"),
            (good, {"ca_certs": str(ca), "client_cert": str(tmp_path / "nothing")}, "cannot set up TLS"),
        ):
            with pytest.raises(trio_http.TLSError, match=text):
                await ask(url, **options)


@pytest.mark.covers("B28")
async def test_server_that_insists_on_a_certificate(tmp_path: Path, authority: trustme.CA) -> None:
    ca, both = tmp_path / "ca.pem", tmp_path / "both.pem"
    authority.cert_pem.write_to_path(str(ca))
    authority.issue_cert("client@test").private_key_and_cert_chain_pem.write_to_path(str(both))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    async with serving(ssl_context=context) as server:
        url = f"https://localhost:{server.port}/"
        async with Client(ca_certs=str(ca), client_cert=str(both), allow_ipv6=False, trust_env=False) as client:
            assert (await client.get(url)).status == 200
        async with Client(ca_certs=str(ca), allow_ipv6=False, trust_env=False) as client:
            # with TLS 1.3 our handshake is over before the server has looked at what we showed it
            with pytest.raises(trio_http.TransportError, match=r"GET https://localhost:\d+/: "):
                await client.get(url)


@pytest.mark.covers("B26")
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_unix_socket(tmp_path: Path, authority: trustme.CA, secure: bool) -> None:
    path = str(tmp_path / "socket")
    theirs = client_context = None
    if secure:
        theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("any.test").configure_cert(theirs)
        client_context = ssl.create_default_context()
        authority.configure_trust(client_context)
    async with serving(path=path, ssl_context=theirs):
        base = f"{'https' if secure else 'http'}://any.test"
        async with Client(uds=path, base_url=base, ssl_context=client_context) as client:
            for _ in range(2):
                assert (await client.get("/")).status == 200
            [info] = client.pool.connections
            assert info.requests == 2
        async with Client(uds=path + "-not", base_url="http://any.test") as client:
            with pytest.raises(trio_http.ConnectError, match=r"unix socket .*-not: No such file or directory"):
                await client.get("/")
