"""The servers that are compared, each a process: ``python benchmarks/_servers.py NAME`` prints its port and serves.

All answer GET / (13 bytes), GET /1m (1 MiB), POST /upload (how many bytes came) and echo WebSockets on /ws.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

HELLO = b"Hello, World!"
BIG = b"x" * (1 << 20)
Message = MutableMapping[str, Any]


def listen() -> socket.socket:
    """Bind any free port and say which."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(sock.getsockname()[1], flush=True)
    return sock


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """The ASGI application of the ASGI servers."""
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                return
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            kind = "text" if event.get("text") is not None else "bytes"
            await send({"type": "websocket.send", kind: event[kind]})
    else:
        body = BIG if scope["path"] == "/1m" else HELLO
        if scope["method"] == "POST":
            total, more = 0, True
            while more:
                event = await receive()
                total += len(event.get("body", b""))
                more = event.get("more_body", False)
            body = b"%d" % total
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def limit() -> None:
    """What trio and the kernel cost: fixed bytes, nothing parsed, no handler. No uploads, no WebSockets."""
    import trio

    def answer(body: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    hello, big = answer(HELLO), answer(BIG)

    async def serve(sock: socket.socket) -> None:
        sock.setblocking(False)
        with sock, contextlib.suppress(ConnectionError):  # the load has ended in the middle of an answer
            while True:
                await trio.lowlevel.wait_readable(sock)
                if not (data := sock.recv(65536)):
                    return
                rest = memoryview(big if data.startswith(b"GET /1m") else hello)
                while True:
                    try:
                        rest = rest[sock.send(rest) :]
                    except BlockingIOError:
                        pass
                    if not rest:
                        break
                    await trio.lowlevel.wait_writable(sock)

    async def main(listener: socket.socket) -> None:
        listener.setblocking(False)
        async with trio.open_nursery() as nursery:
            while True:
                await trio.lowlevel.wait_readable(listener)
                with contextlib.suppress(BlockingIOError):
                    nursery.start_soon(serve, listener.accept()[0])

    trio.run(main, listen())


def trio_http_native() -> None:
    """Ours, a handler."""
    import trio

    import trio_http
    from trio_http.websocket import WebSocket, WebSocketResponse

    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    async def handler(request: trio_http.Request) -> trio_http.Response:
        path = request.path
        if path == "/ws":
            return WebSocketResponse(echo)
        if request.method == "POST":
            total = 0
            async for chunk in request.body:
                total += len(chunk)
            return trio_http.Response(b"%d" % total, headers={"content-type": "text/plain"})
        return trio_http.Response(BIG if path == "/1m" else HELLO, headers={"content-type": "text/plain"})

    async def main() -> None:
        await trio_http.Server(handler, fd=listen().detach()).listen()

    trio.run(main)


def uvicorn_httptools() -> None:
    """Uvicorn with its compiled parts: uvloop and httptools."""
    import uvicorn
    import uvloop

    config = uvicorn.Config(app, http="httptools", log_level="error", access_log=False)
    uvloop.run(uvicorn.Server(config).serve([listen()]))


def uvicorn_h11() -> None:
    """Uvicorn in pure Python."""
    import uvicorn

    config = uvicorn.Config(app, http="h11", log_level="error", access_log=False)
    asyncio.run(uvicorn.Server(config).serve([listen()]))


def hypercorn_trio() -> None:
    """The ASGI server on trio."""
    import trio
    from hypercorn.config import Config
    from hypercorn.trio import serve

    config = Config()
    config.bind = [f"fd://{listen().detach()}"]
    config.errorlog = None
    asgi: Any = app  # its types are narrower than ASGI's
    trio.run(serve, asgi, config)


def aiohttp_server() -> None:
    """The server of aiohttp, with its compiled parser."""
    from aiohttp import WSMsgType, web

    async def hello(request: web.Request) -> web.Response:
        return web.Response(body=HELLO, content_type="text/plain")

    async def big(request: web.Request) -> web.Response:
        return web.Response(body=BIG, content_type="text/plain")

    async def upload(request: web.Request) -> web.Response:
        total = 0
        async for chunk in request.content.iter_any():
            total += len(chunk)
        return web.Response(body=b"%d" % total)

    async def echo(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        async for message in ws:
            if message.type is WSMsgType.BINARY:
                await ws.send_bytes(message.data)
        return ws

    application = web.Application(client_max_size=1 << 30)
    application.add_routes(
        [web.get("/", hello), web.get("/1m", big), web.post("/upload", upload), web.get("/ws", echo)]
    )
    web.run_app(application, sock=listen(), print=None, access_log=None)


def tornado_server() -> None:
    """Tornado, pure Python."""
    import tornado.httpserver
    import tornado.web
    import tornado.websocket

    class Hello(tornado.web.RequestHandler):
        def get(self) -> None:
            self.write(HELLO)

    class Big(tornado.web.RequestHandler):
        def get(self) -> None:
            self.write(BIG)

    class Upload(tornado.web.RequestHandler):
        def post(self) -> None:
            self.write(str(len(self.request.body)))

    class Echo(tornado.websocket.WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message, binary=isinstance(message, bytes))

    async def main() -> None:
        routes: list[Any] = [("/", Hello), ("/1m", Big), ("/upload", Upload), ("/ws", Echo)]
        server = tornado.httpserver.HTTPServer(tornado.web.Application(routes))
        sock = listen()
        sock.setblocking(False)
        server.add_sockets([sock])
        await asyncio.Event().wait()

    asyncio.run(main())


def trio_websocket_server() -> None:
    """trio-websocket by itself; WebSockets only."""
    import trio
    import trio_websocket

    async def echo(request: trio_websocket.WebSocketRequest) -> None:
        ws = await request.accept()
        try:
            while True:
                await ws.send_message(await ws.get_message())
        except trio_websocket.ConnectionClosed:
            pass

    async def main() -> None:
        sock = listen()
        sock.setblocking(False)
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        await trio_websocket.WebSocketServer(echo, [listener]).run()

    trio.run(main)


def websockets_server() -> None:
    """The websockets library, with its compiled part; WebSockets only."""
    from websockets.asyncio.server import ServerConnection, serve

    async def echo(ws: ServerConnection) -> None:
        async for message in ws:
            await ws.send(message)

    async def main() -> None:
        async with serve(echo, sock=listen(), compression=None):
            await asyncio.Event().wait()

    asyncio.run(main())


SERVERS: dict[str, Callable[[], None]] = {
    "trio_http": trio_http_native,
    "limit": limit,
    "uvicorn, httptools and uvloop": uvicorn_httptools,
    "uvicorn, h11": uvicorn_h11,
    "aiohttp": aiohttp_server,
    "tornado": tornado_server,
    "hypercorn on trio": hypercorn_trio,
    "trio-websocket": trio_websocket_server,
    "websockets": websockets_server,
}

if __name__ == "__main__":
    SERVERS[sys.argv[1]]()
