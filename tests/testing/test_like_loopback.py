"""The contract of the virtual network: what a program sees on it is what Linux's loopback shows.

Each script drives raw sockets through one corner of TCP and returns what it saw. It runs on real sockets (real time,
no autojump) and on the virtual network, and the two must agree. Every new rule of the model enters through here.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from tests.wires import delivered
from trio_http.testing import Checks, simulate

Script = Callable[["Pair"], Awaitable[list[Any]]]
SCRIPTS: list[Script] = []

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason=f"the model is Linux's loopback, not that of {sys.platform}"
)


def script(fn: Script) -> Script:
    SCRIPTS.append(fn)
    return fn


class Pair:
    """A listener and a connected pair of raw sockets on 127.0.0.1; what waiting for the network means."""

    def __init__(self, settle: Callable[[], Awaitable[object]]) -> None:
        self.settle = settle

    async def listener(self, backlog: int = 5) -> trio.socket.SocketType:
        sock = trio.socket.socket()
        await sock.bind(("127.0.0.1", 0))
        sock.listen(backlog)
        return sock

    async def connected(self) -> tuple[trio.socket.SocketType, trio.socket.SocketType]:
        listener = await self.listener()
        client = trio.socket.socket()
        await client.connect(listener.getsockname())
        server, _ = await listener.accept()
        listener.close()
        return client, server

    async def settled(self) -> None:
        """Wait until what is under way has arrived, and all tasks have done with it what they can."""
        await self.settle()
        await trio.testing.wait_all_tasks_blocked()

    async def waits(self, operation: Awaitable[object]) -> bool:
        """Whether an operation still waits when everything has settled; then it is cancelled."""
        ended = False

        async def run() -> None:
            nonlocal ended
            await operation
            ended = True

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await self.settled()
            nursery.cancel_scope.cancel()
        return not ended


async def seen(operation: Awaitable[Any]) -> Any:
    """What an operation gives, or the name of what it raises."""
    try:
        with trio.fail_after(30):
            return await operation
    except OSError as error:
        return type(error).__name__ if error.errno is None else error.errno
    except (trio.ClosedResourceError, trio.BusyResourceError) as error:
        return type(error).__name__


def seen_sync(operation: Callable[[], Any]) -> Any:
    try:
        return operation()
    except OSError as error:
        return error.errno


@script
async def orderly_close(pair: Pair) -> list[Any]:
    client, server = await pair.connected()
    out = [await seen(client.send(b"hello")), await seen(server.recv(100))]
    client.close()
    await pair.settle()
    out += [await seen(server.recv(100)), await seen(server.recv(100)), await seen(server.send(b"x"))]
    await pair.settle()
    out += [await seen(server.send(b"y")), await seen(server.recv(100)), await seen(server.send(b"y"))]
    server.close()
    return out


@script
async def half_close(pair: Pair) -> list[Any]:
    client, server = await pair.connected()
    out = [await seen(client.send(b"question"))]
    client.shutdown(socket.SHUT_WR)
    out += [await seen(server.recv(100)), await seen(server.recv(100)), await seen(server.send(b"answer"))]
    out += [await seen(client.recv(100)), await seen(client.send(b"more")), client.did_shutdown_SHUT_WR]
    server.close()
    await pair.settle()
    out += [await seen(client.recv(100))]
    client.close()
    return out


@script
async def close_with_unread_bytes_resets(pair: Pair) -> list[Any]:
    client, server = await pair.connected()
    out = [await seen(client.send(b"unread"))]
    await pair.settle()
    server.close()
    await pair.settle()
    out += [await seen(client.recv(100)), await seen(client.recv(100)), await seen(client.send(b"x"))]
    client.close()
    return out


@script
async def reset_seen_by_send_first(pair: Pair) -> list[Any]:
    client, server = await pair.connected()
    await client.send(b"unread")
    await pair.settle()
    server.close()
    await pair.settle()
    out = [await seen(client.send(b"x")), await seen(client.send(b"x")), await seen(client.recv(1))]
    client.close()
    return out


@script
async def linger_zero_resets(pair: Pair) -> list[Any]:
    client, server = await pair.connected()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    await pair.settle()
    out = [await seen(client.recv(10)), await seen(client.recv(10)), await seen(client.send(b"x"))]
    client.close()
    return out


@script
async def bytes_stay_readable_after_reset(pair: Pair) -> list[Any]:
    client, server = await pair.connected()
    await server.send(b"last words")
    await pair.settle()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    await pair.settle()
    out = [await seen(client.recv(4)), await seen(client.recv(100)), await seen(client.recv(10))]
    out += [await seen(client.recv(10)), seen_sync(client.getpeername)]
    client.close()
    return out


@script
async def reset_after_fin(pair: Pair) -> list[Any]:
    client, server = await pair.connected()
    server.close()
    await pair.settle()
    out = [await seen(client.send(b"x"))]
    await pair.settle()
    out += [await seen(client.recv(10)), client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)]
    out += [await seen(client.send(b"x")), seen_sync(lambda: client.shutdown(socket.SHUT_WR))]
    client.close()
    return out


@script
async def refused(pair: Pair) -> list[Any]:
    listener = await pair.listener()
    address = listener.getsockname()
    listener.close()
    client = trio.socket.socket()
    out = [await seen(client.connect(address)), await seen(client.recv(1)), await seen(client.send(b"x"))]
    client.close()
    return out


@script
async def backlog_holds_one_more(pair: Pair) -> list[Any]:
    listener = await pair.listener(1)
    clients = [trio.socket.socket() for _ in range(4)]
    out = []
    async with trio.open_nursery() as nursery:
        for client in clients:
            nursery.start_soon(client.connect, listener.getsockname())
            await pair.settled()
            out.append(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1))
        nursery.cancel_scope.cancel()
    assert out[0] != out[-1]
    listener.close()
    for client in clients:
        client.close()
    return out


@script
async def never_accepted_is_reset(pair: Pair) -> list[Any]:
    listener = await pair.listener()
    client = trio.socket.socket()
    await client.connect(listener.getsockname())
    out = [await seen(client.send(b"x"))]
    listener.close()
    await pair.settle()
    out += [await seen(client.recv(1)), await seen(client.send(b"x"))]
    client.close()
    return out


@script
async def unconnected(pair: Pair) -> list[Any]:
    sock = trio.socket.socket()
    out = [await seen(sock.recv(1)), await seen(sock.send(b"x")), await seen(sock.accept()), sock.getsockname()]
    out += [seen_sync(sock.getpeername), seen_sync(lambda: sock.shutdown(socket.SHUT_WR))]
    await sock.bind(("127.0.0.1", 0))
    out += [await seen(sock.bind(("127.0.0.1", 0)))]
    sock.close()
    out += [sock.fileno(), await seen(sock.recv(1)), await seen(sock.accept()), seen_sync(sock.getsockname)]
    return out


@script
async def addresses_in_use(pair: Pair) -> list[Any]:
    listener = await pair.listener()
    port = listener.getsockname()[1]
    out = []
    for address in ("127.0.0.1", "0.0.0.0", "127.0.0.2"):
        for reuse in (0, 1):
            other = trio.socket.socket()
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            out.append(await seen(other.bind((address, port))))
            other.close()
    other = trio.socket.socket()
    out.append(await seen(other.bind(("192.0.2.1", 0))))
    other.close()
    listener.close()
    other = trio.socket.socket()
    out.append(await seen(other.bind(("127.0.0.1", port))))
    other.close()
    return out


@script
async def dual_stack(pair: Pair) -> list[Any]:
    out: list[Any] = []
    for only in (0, 1):
        listener = trio.socket.socket(socket.AF_INET6)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        await listener.bind(("::", 0))
        listener.listen()
        client = trio.socket.socket()
        result = await seen(client.connect(("127.0.0.1", listener.getsockname()[1])))
        out.append(result)
        if result is None:
            server, address = await listener.accept()
            out += [address[0], server.getsockname()[0], server.family, len(address)]
            server.close()
        client.close()
        listener.close()
    return out


@script
async def busy_and_closed_waiters(pair: Pair) -> list[Any]:
    client, server = await pair.connected()
    out: list[Any] = []

    async def read() -> None:
        out.append(await seen(client.recv(1)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked(0.01)
        out.append(await seen(client.recv(1)))
        client.close()
    server.close()
    return out


@script
async def peek_and_partial(pair: Pair) -> list[Any]:
    client, server = await pair.connected()
    await client.send(b"abc")
    await client.send(b"def")
    await pair.settle()
    out = [await seen(server.recv(4, socket.MSG_PEEK)), await seen(server.recv(2)), await seen(server.recv(100))]
    buffer = bytearray(4)
    await client.send(b"xyz")
    await pair.settle()
    out += [await seen(server.recv_into(buffer)), bytes(buffer), server.is_readable()]
    out += [await seen(server.recv(0)), await seen(client.send(b""))]
    client.close()
    await pair.settle()
    out += [server.is_readable(), await seen(server.recv(0)), await seen(server.recv(1))]
    server.close()
    return out


@script
async def full_buffers_park_the_sender(pair: Pair) -> list[Any]:
    client, server = await pair.connected()
    sent = 0

    async def fill() -> None:
        nonlocal sent
        while True:
            sent += await client.send(bytes(100_000))

    out: list[Any] = [await pair.waits(fill()), sent > 0, await pair.waits(client.wait_writable())]
    got = 0
    while got < sent:
        got += len(await server.recv(1 << 20))
    out += [got == sent, await seen(client.wait_writable())]
    client.close()
    out.append(await seen(server.recv(1)))
    server.close()
    return out


@script
async def options(pair: Pair) -> list[Any]:
    listener = await pair.listener()
    client = trio.socket.socket()
    out: list[Any] = [listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]
    out += [client.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]
    out += [client.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), client.type, client.family]
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    out += [bool(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))]
    out += [listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)]
    await client.connect(listener.getsockname())
    server, _ = await listener.accept()
    out += [client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)]
    out += [client.getsockname()[0], client.getpeername() == listener.getsockname()]
    out += [server.getpeername() == client.getsockname()]
    server.close()
    await pair.settle()
    out += [client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)]
    await client.send(b"x")
    await pair.settle()
    out += [client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)]
    client.close()
    listener.close()
    return out


@script
async def shutdown_twice_and_both(pair: Pair) -> list[Any]:
    client, server = await pair.connected()
    out = [seen_sync(lambda: client.shutdown(socket.SHUT_WR)), seen_sync(lambda: client.shutdown(socket.SHUT_WR))]
    out += [seen_sync(lambda: client.shutdown(socket.SHUT_RD)), await seen(client.recv(1))]
    await pair.settle()
    out += [await seen(server.recv(1)), seen_sync(lambda: server.shutdown(socket.SHUT_RDWR))]
    await pair.settle()
    out += [await seen(server.send(b"x")), await seen(client.recv(1))]
    client.close()
    server.close()
    return out


async def _on_loopback(fn: Script) -> list[Any]:
    return await fn(Pair(delivered))


@pytest.mark.covers("C2")
@pytest.mark.parametrize("fn", SCRIPTS, ids=lambda fn: fn.__name__)
def test_virtual_network_shows_what_loopback_shows(fn: Script) -> None:
    real = trio.run(_on_loopback, fn)

    virtual = simulate(lambda net: fn(Pair(trio.lowlevel.checkpoint)), checks=Checks(deadlock=False)).value

    assert virtual == real
