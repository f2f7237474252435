"""Small programs that several tests run: an HTTP/1.1 service and its clients, written on plain trio and h11."""

from __future__ import annotations

import h11
import trio

from trio_http.testing import VirtualNetwork


class Gone(Exception):
    """The peer went away in the middle of a message."""


async def next_event(connection: h11.Connection, stream: trio.abc.ReceiveStream) -> object:
    while True:
        event = connection.next_event()
        if event is not h11.NEED_DATA:
            return event
        connection.receive_data(await stream.receive_some(4096))


async def serve_http(stream: trio.SocketStream) -> None:
    """Answer each GET with its own target as body, until the client leaves."""
    connection = h11.Connection(h11.SERVER)
    async with stream:
        try:
            while True:
                with trio.move_on_after(60) as scope:
                    event = await next_event(connection, stream)
                if scope.cancelled_caught or not isinstance(event, h11.Request):
                    return
                body = event.target
                assert isinstance(await next_event(connection, stream), h11.EndOfMessage)
                out = connection.send(h11.Response(status_code=200, headers=[("Content-Length", str(len(body)))]))
                out += connection.send(h11.Data(data=body))
                out += connection.send(h11.EndOfMessage())
                await stream.send_all(out)
                connection.start_next_cycle()
        except (trio.BrokenResourceError, h11.RemoteProtocolError):
            pass


async def fetch(stream: trio.SocketStream, connection: h11.Connection, target: str) -> bytes:
    request = h11.Request(method="GET", target=target, headers=[("Host", "api")])
    await stream.send_all(connection.send(request) + connection.send(h11.EndOfMessage()))
    body = b""
    while True:
        event = await next_event(connection, stream)
        if isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return body
        elif isinstance(event, h11.ConnectionClosed):
            raise Gone


async def client(net: VirtualNetwork, number: int, *, requests: int = 2, attempts: int = 4) -> None:
    """Make some requests on one connection, with a timeout and retries; every answer must be the asked one."""
    for attempt in range(attempts):
        try:
            with trio.fail_after(20):
                async with await trio.open_tcp_stream("api", 80) as stream:
                    connection = h11.Connection(h11.CLIENT)
                    for index in range(requests):
                        target = f"/{number}/{attempt}/{index}"
                        assert await fetch(stream, connection, target) == target.encode()
                        connection.start_next_cycle()
                    return
        except (OSError, trio.BrokenResourceError, trio.TooSlowError, h11.RemoteProtocolError, Gone):
            await trio.sleep(0.1 * 2**attempt)


async def small_http_program(net: VirtualNetwork) -> None:
    """Three clients, each with two requests to one server."""
    api = net.host("api")
    await api.start(trio.serve_tcp, serve_http, 80)
    async with trio.open_nursery() as nursery:
        for number in range(3):
            with net.host(f"client{number}").active():
                nursery.start_soon(client, net, number)
