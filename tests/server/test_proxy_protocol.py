"""The PROXY protocol: whom a connection comes from is what its balancer says, and nothing is guessed."""

from __future__ import annotations

import logging
import socket
import struct
from typing import Any

import pytest
import trio

from tests.wires import Peer, over_tls, serving
from trio_http import Request, Response, ServerTimeouts

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
KINDS = ["memory", "socket", "virtual", "crowd"]

pytestmark = pytest.mark.covers("A33")


async def who(request: Request) -> Response:
    return Response(f"{request.peer!r} {request.ip}")


def version_2(kind: int, rest: bytes, command: int = 0x21) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, kind, len(rest)) + rest


INET = socket.inet_aton("192.0.2.7") + socket.inet_aton("10.0.0.1") + struct.pack("!HH", 4711, 80)
INET6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + bytes(16) + struct.pack("!HH", 4712, 80)
SAID = {
    "1, IPv4": (b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n", "('192.0.2.7', 4711) 192.0.2.7"),
    "1, IPv6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 4712 80\r\n", "('2001:db8::7', 4712) 2001:db8::7"),
    "2, IPv4": (version_2(0x11, INET), "('192.0.2.7', 4711) 192.0.2.7"),
    "2, IPv6": (version_2(0x21, INET6), "('2001:db8::7', 4712) 2001:db8::7"),
    "2, with further facts": (version_2(0x11, INET + b"\x03\x00\x04abcd"), "('192.0.2.7', 4711) 192.0.2.7"),
    "2, unix": (version_2(0x31, b"/run/x".ljust(108, b"\0") + bytes(108)), "'/run/x' "),
}
SILENT = {
    "1, unknown": b"PROXY UNKNOWN ffff::1 whatever 1 2\r\n",
    "1, unknown and short": b"PROXY UNKNOWN\r\n",
    "2, local": version_2(0x00, b"", command=0x20),
    "2, unspecified": version_2(0x00, b"abc"),
}
WRONG = {
    "none": GET,
    "lower case": b"proxy TCP4 192.0.2.7 10.0.0.1 4711 80\r\n",
    "another family": b"PROXY TCP4 2001:db8::7 2001:db8::1 4711 80\r\n",
    "no port": b"PROXY TCP4 192.0.2.7 10.0.0.1 x 80\r\n",
    "large port": b"PROXY TCP4 192.0.2.7 10.0.0.1 65536 80\r\n",
    "port with a zero": b"PROXY TCP4 192.0.2.7 10.0.0.1 080 80\r\n",
    "too few words": b"PROXY TCP4 192.0.2.7\r\n",
    "two spaces": b"PROXY TCP4  192.0.2.7 10.0.0.1 4711 80\r\n",
    "endless": b"PROXY UNKNOWN " + b"x" * 200,
    "not ASCII": b"PROXY TCP4 192.0.2.\xff 10.0.0.1 4711 80\r\n",
    "version 3": version_2(0x11, INET, command=0x31),
    "unknown command": version_2(0x11, INET, command=0x22),
    "unknown family": version_2(0x41, INET),
    "too short": version_2(0x11, INET[:-1]),
    "too long": version_2(0x11, bytes(4097)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("said", "seen"), SAID.values(), ids=SAID.keys())
@pytest.mark.parametrize("step", [1, 1000])
async def test_the_source_is_the_peer(kind: str, said: bytes, seen: str, step: int) -> None:
    async with serving(who, kind, proxy_protocol=True) as wires, wires.connect() as peer:
        sent = said + GET + GET  # the requests are there already: nothing of them may be taken
        for start in range(0, len(sent), step):
            await peer.send(sent[start : start + step])

        assert (await peer.response())[2].decode() == seen
        assert (await peer.response())[2].decode() == seen


@pytest.mark.parametrize("said", SILENT.values(), ids=SILENT.keys())
async def test_a_balancer_that_speaks_for_itself_is_the_peer(said: bytes) -> None:
    async with serving(who, "socket", proxy_protocol=True) as wires, wires.connect() as peer:
        assert b"127.0.0.1" in (await peer.ask(said + GET))[2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG.keys())
async def test_what_is_no_header_is_refused_without_an_answer(
    kind: str, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trio_http.server")
    with trio.fail_after(5):
        async with serving(who, kind, proxy_protocol=True) as wires, wires.connect() as peer:
            await peer.send(sent)

            assert await peer.receive_all() == b""
            assert wires.server.stats.requests == 0
    assert "PROXY" in caplog.text


@pytest.mark.parametrize("sent", [b"", b"PROXY TCP4 192.0", SIGNATURE + b"\x21"])
async def test_a_header_that_does_not_come_ends_in_time(sent: bytes, autojump_clock: Any) -> None:
    async with (
        serving(who, "memory", proxy_protocol=True, timeouts=ServerTimeouts(handshake=3)) as wires,
        wires.connect() as peer,
    ):
        began = trio.current_time()
        if sent:
            await peer.send(sent)

        assert await peer.receive_all() == b""
        assert trio.current_time() - began == 3


async def test_a_header_cut_off_is_no_header(autojump_clock: Any) -> None:
    async with serving(who, "memory", proxy_protocol=True) as wires, wires.connect() as peer:
        await peer.send(b"PROXY TCP4 192.0")
        await peer.send_eof()

        assert await peer.receive_all() == b""


async def test_half_a_header_does_not_hold_a_shutdown(autojump_clock: Any) -> None:
    async with serving(who, "memory", proxy_protocol=True) as wires, wires.connect() as peer:
        await peer.send(SIGNATURE)
        await trio.sleep(1)
        assert (await wires.server.shutdown(grace=5)).seconds == 0
        assert await peer.receive_all() == b""


@pytest.mark.parametrize("kind", ["tls", "tls over memory"])
async def test_tls_comes_after_it(kind: str) -> None:
    with trio.fail_after(5):
        async with serving(who, kind, proxy_protocol=True) as wires, wires.connect() as peer:
            assert isinstance(peer.stream, trio.SSLStream)
            below = peer.stream.transport_stream
            await below.send_all(SAID["2, IPv4"][0])
            secure = Peer(over_tls(below))

            assert (await secure.ask(GET))[2] == b"('192.0.2.7', 4711) 192.0.2.7"
