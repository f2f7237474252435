"""Connections for tests of behaviour: a server under test, and raw bytes against it.

The same behaviour must hold on every transport, so tests are parametrized over the kinds here: ``memory`` is a trio
stream without any socket, ``socket`` the plain-socket path over loopback, ``virtual`` the stream path over the virtual
network, whose sockets behave as Linux's do and whose checks tell what a test left open.

A clock that jumps by itself is for ``memory`` and ``virtual`` only: it does not know that a kernel is still busy. Where
sockets are real, a test gives its ``mock_clock`` to :func:`serving`, which moves it in small steps and asks the kernel
before each.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any

import trio
import trio.testing
import trustme

from trio_http import Handler, Server
from trio_http.testing import MemoryListener

KINDS = ["memory", "socket", "virtual"]
ALL_KINDS = [*KINDS, "crowd", "unix", "tls", "tls over memory"]
OVER_IP = {"socket", "crowd", "tls"}  # kinds whose bytes go through the kernel's loopback interface
STEP = 0.001  # seconds by which a clock is moved while nothing else happens
CROWD = 8  # idle connections beside those of a test of kind ``crowd``: there sockets wait together

CA = trustme.CA()
SERVER_CERT = CA.issue_cert("localhost", "127.0.0.1")


def server_context() -> ssl.SSLContext:
    """TLS as the server under test does it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    SERVER_CERT.configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    """TLS as its clients do it."""
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


class Peer:
    """Raw bytes on a connection to the server under test."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.buffer = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def send_eof(self) -> None:
        """Say that nothing more comes: a FIN, or in memory its equal. Over TLS the transport's FIN is all there is."""
        stream = self.stream.transport_stream if isinstance(self.stream, trio.SSLStream) else self.stream
        assert isinstance(stream, trio.abc.HalfCloseableStream)
        await stream.send_eof()

    def reset(self) -> None:
        """Leave with an RST."""
        stream = self.stream.transport_stream if isinstance(self.stream, trio.SSLStream) else self.stream
        assert isinstance(stream, trio.SocketStream)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.socket.close()

    async def receive(self) -> bytes:
        """Whatever has come since; b"" at the end."""
        if self.buffer:
            data, self.buffer = self.buffer, b""
            return data
        return bytes(await self.stream.receive_some(65536))

    async def receive_until(self, end: bytes) -> bytes:
        """All bytes up to and with ``end``."""
        while end not in self.buffer:
            data = bytes(await self.stream.receive_some(65536))
            assert data, f"the connection ended; wanted {end!r} after {self.buffer!r}"
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(end)
        return head + end

    async def receive_exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            data = bytes(await self.stream.receive_some(65536))
            assert data, f"the connection ended after {len(self.buffer)} of {count} bytes"
            self.buffer += data
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    async def receive_all(self) -> bytes:
        """Everything until the end of the connection."""
        pieces = [self.buffer]
        self.buffer = b""
        with contextlib.suppress(trio.BrokenResourceError):
            while data := bytes(await self.stream.receive_some(65536)):
                pieces.append(data)
        return b"".join(pieces)

    async def response(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """The next response, which has to be counted or without a body: status, fields, body."""
        head = await self.receive_until(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        fields = {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}
        body = await self.receive_exactly(int(fields.get(b"content-length", b"0")))
        return int(first.split(b" ")[1]), fields, body

    async def ask(self, request: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
        await self.send(request)
        return await self.response()

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self.stream)


class Wires:
    """A server under test and the way to it."""

    def __init__(self, server: Server, connect: Callable[[], Any]) -> None:
        self.server = server
        self._connect = connect

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Peer]:
        peer = Peer(await self._connect())
        try:
            yield peer
        finally:
            await peer.aclose()


def over_tls(stream: trio.abc.Stream) -> trio.abc.Stream:
    """Put TLS on a client's connection; it begins with the first byte."""
    return trio.SSLStream(stream, client_context(), server_hostname="localhost", https_compatible=False)


async def delivered() -> None:
    """Wait until the kernel's loopback has delivered what was sent before: it keeps the order, so a datagram tells."""
    with trio.socket.socket(type=socket.SOCK_DGRAM) as sock:
        await sock.bind(("127.0.0.1", 0))
        await sock.sendto(b"x", sock.getsockname())
        await sock.recv(1)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so that no event tells, looking again whenever all tasks have nothing to do for 1 ms.

    Not for a clock that jumps: it would jump to the end of the wait.
    """
    with trio.fail_after(30):
        while not condition():
            await trio.testing.wait_all_tasks_blocked(0.001)


async def let_time_pass(clock: trio.testing.MockClock, kind: str) -> None:
    """Move a clock step by step, each when all tasks wait and no byte is under way."""
    while True:
        if kind in OVER_IP:
            await delivered()
        await trio.testing.wait_all_tasks_blocked()
        clock.jump(STEP)


@contextlib.asynccontextmanager
async def serving(
    handler: Handler, kind: str = "memory", *, clock: trio.testing.MockClock | None = None, **options: Any
) -> AsyncIterator[Wires]:
    """Run a server for the length of the block; it must end without an error of its own.

    Time passes by itself, or on a clock that stands still whenever there is nothing else to do.
    """
    async with trio.open_nursery() as nursery, contextlib.AsyncExitStack() as stack:
        if kind in {"memory", "tls over memory"}:
            listener = MemoryListener()
            if kind != "memory":
                options.setdefault("ssl_context", server_context())

            async def connect() -> trio.abc.Stream:
                await trio.lowlevel.checkpoint()
                return listener.connect() if kind == "memory" else over_tls(listener.connect())

            server = Server(handler, listeners=[listener], **options)
            await nursery.start(server.listen)
        elif kind == "unix":
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            server = Server(handler, path=f"{directory}/s", **options)
            await nursery.start(server.listen)

            async def connect() -> trio.abc.Stream:
                return await trio.open_unix_socket(f"{directory}/s")

        else:
            if kind == "tls":
                options.setdefault("ssl_context", server_context())
            server = Server(handler, **options)
            await nursery.start(server.listen)
            for _ in range(CROWD if kind == "crowd" else 0):
                await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", server.port))

            async def connect() -> trio.abc.Stream:
                stream = await trio.open_tcp_stream("127.0.0.1", server.port)
                if kind != "tls":
                    return stream
                return over_tls(stream)

        if clock is not None:
            nursery.start_soon(let_time_pass, clock, kind)
        yield Wires(server, connect)
        nursery.cancel_scope.cancel()
