"""WebSockets with the libraries of others, both ways: websockets, aiohttp, and ws of node. Real sockets.

Each peer is a program in a process of its own. As a server it prints its port and echoes; as a client it sends a fixed
series of messages, compares what comes back, closes with 4000 and prints "ok".
"""

from __future__ import annotations

import functools
import importlib.util
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.interop.real_programs import missing, require
from trio_http import Client, ConnectionClosed, Request, Response, Server
from trio_http.websocket import Deflate, WebSocket, WebSocketResponse

SIZES = [0, 1, 125, 126, 65535, 65536, 300_000]

WEBSOCKETS_SERVER = """
import asyncio, sys
from websockets.asyncio.server import serve
async def echo(ws):
    async for message in ws:
        if message == "fragments":
            await ws.send(["frag", "", "ments"])
        elif message == "close":
            await ws.close(4001, "as you wish")
        else:
            await ws.send(message)
async def main():
    async with serve(echo, "127.0.0.1", 0, compression=COMPRESSION, subprotocols=["chat"]) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()
asyncio.run(main())
"""

WEBSOCKETS_CLIENT = """
import asyncio, sys
from websockets.asyncio.client import connect
async def main():
    async with connect(sys.argv[1], compression=COMPRESSION, subprotocols=["chat"]) as ws:
        assert ws.subprotocol == "chat"
        for size in map(int, sys.argv[2:]):
            for message in ("\\u00e4" * (size // 2), bytes(size)):
                await ws.send(message)
                assert await ws.recv() == message, size
        await ws.send(["frag", "", "ments"])
        assert await ws.recv() == "fragments"
        await (await ws.ping())
        await ws.close(4000, "bye")
        assert ws.protocol.close_rcvd.code == 4000
    async with connect(sys.argv[1], compression=COMPRESSION, subprotocols=["chat"]) as ws:
        await ws.send("close")
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (4001, "as you wish")
    print("ok")
asyncio.run(main())
"""

AIOHTTP_SERVER = """
import asyncio
from aiohttp import WSMsgType, web
async def echo(request):
    ws = web.WebSocketResponse(compress=COMPRESSION is not None, protocols=["chat"])
    await ws.prepare(request)
    async for message in ws:
        if message.data == "fragments":
            await ws.send_str("fragments")
        elif message.data == "close":
            await ws.close(code=4001, message=b"as you wish")
        elif message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
    return ws
async def main():
    app = web.Application()
    app.add_routes([web.get("/ws", echo)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""

AIOHTTP_CLIENT = """
import asyncio, sys
import aiohttp
async def main():
    async with aiohttp.ClientSession() as session:
        compress = 15 if COMPRESSION else 0
        async with session.ws_connect(sys.argv[1], compress=compress, protocols=["chat"]) as ws:
            assert ws.protocol == "chat"
            assert bool(ws.compress) == bool(COMPRESSION)
            for size in map(int, sys.argv[2:]):
                text = "\\u00e4" * (size // 2)
                await ws.send_str(text)
                assert (await ws.receive_str()) == text
                await ws.send_bytes(bytes(size))
                assert (await ws.receive_bytes()) == bytes(size)
            await ws.ping()
            await ws.close(code=4000, message=b"bye")
            assert ws.close_code == 4000, ws.close_code
        async with session.ws_connect(sys.argv[1], compress=compress, protocols=["chat"]) as ws:
            await ws.send_str("close")
            assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
            assert ws.close_code == 4001, ws.close_code
    print("ok")
asyncio.run(main())
"""

NODE_SERVER = """
const { WebSocketServer } = require("ws");
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: COMPRESSION,
                                     handleProtocols: () => "chat" });
server.on("listening", () => console.log(server.address().port));
server.on("connection", (ws) => ws.on("message", (data, binary) => {
  const text = binary ? null : data.toString();
  if (text === "fragments") {
    ws.send("frag", { fin: false }); ws.send("", { fin: false }); ws.send("ments");
  } else if (text === "close") ws.close(4001, "as you wish");
  else ws.send(data, { binary });
}));
"""

NODE_CLIENT = """
const { WebSocket } = require("ws");
const ws = new WebSocket(process.argv[1], ["chat"], { perMessageDeflate: COMPRESSION });
const wanted = [];
for (const size of process.argv.slice(2).map(Number)) {
  wanted.push("\\u00e4".repeat(size / 2), Buffer.alloc(size));
}
let next = 0;
const step = () => {
  if (next >= wanted.length) return ws.ping();
  const half = wanted[next].length >> 1, data = wanted[next];
  if (half < 1000) return ws.send(data);
  ws.send(data.slice(0, half), { fin: false, binary: typeof data !== "string" });
  ws.send(data.slice(half), { fin: true, binary: typeof data !== "string" });
};
ws.on("open", step);
ws.on("message", (data, binary) => {
  const expected = wanted[next++];
  if (binary ? !data.equals(expected) : data.toString() !== expected) { console.log("wrong", next); process.exit(1); }
  step();
});
ws.on("pong", () => ws.close(4000, "bye"));
ws.on("close", (code) => {
  if (code !== 4000) return console.log("closed with " + code);
  const again = new WebSocket(process.argv[1], ["chat"], { perMessageDeflate: COMPRESSION });
  again.on("open", () => again.send("close"));
  again.on("close", (code, reason) => {
    console.log(code === 4001 && String(reason) === "as you wish" ? "ok" : code);
  });
});
"""

PEERS = {
    "websockets": (WEBSOCKETS_SERVER, WEBSOCKETS_CLIENT),
    "aiohttp": (AIOHTTP_SERVER, AIOHTTP_CLIENT),
    "node": (NODE_SERVER, NODE_CLIENT),
}


def command(library: str, program: str, *, compression: bool) -> list[str]:
    """How to run a program of a peer; skips where it is absent, and fails in CI."""
    if library == "node":
        node = require("node")
        if subprocess.run([node, "-e", "require('ws')"], capture_output=True, check=False).returncode:
            missing("the package ws of node is not installed (npm install ws, and NODE_PATH to where it is)")
        return [node, "-e", program.replace("COMPRESSION", "true" if compression else "false"), "--"]
    if importlib.util.find_spec(library) is None:
        missing(f"{library} is not installed (pip install {library})")
    return [sys.executable, "-c", program.replace("COMPRESSION", "'deflate'" if compression else "None")]


@asynccontextmanager
async def running(arguments: list[str]) -> AsyncIterator[int]:
    """A server of a peer; gives its port."""
    async with trio.open_nursery() as nursery:
        run = functools.partial(trio.run_process, arguments, stdout=subprocess.PIPE, check=False)
        process: trio.Process = await nursery.start(run)
        assert process.stdout is not None
        async with process.stdout:
            line = b""
            while not line.endswith(b"\n"):
                data = await process.stdout.receive_some()
                assert data, "the peer ended before it listened"
                line += data
            yield int(line)
        nursery.cancel_scope.cancel()


@pytest.mark.covers("A55", "A56", "A59", "A61", "B11")
@pytest.mark.parametrize("compression", [False, True], ids=["plain", "deflate"])
@pytest.mark.parametrize("library", PEERS)
async def test_our_client_with_their_server(library: str, compression: bool) -> None:
    arguments = command(library, PEERS[library][0], compression=compression)
    with trio.fail_after(30):
        async with running(arguments) as port, Client() as client:
            url = f"ws://127.0.0.1:{port}/ws"
            offered = Deflate() if compression else None
            async with client.websocket(url, subprotocols=["chat"], compression=offered) as ws:
                assert ws.subprotocol == "chat"
                for size in SIZES:
                    for message in ("ä" * (size // 2), bytes(size)):
                        await ws.send(message)
                        assert await ws.receive() == message
                await ws.send("fragments")
                assert await ws.receive() == "fragments"
                async with ws.send_stream() as message:
                    for piece in ("fragments of ", "ours ", "ä" * 70_000):
                        await message.send(piece)
                assert await ws.receive() == "fragments of ours " + "ä" * 70_000
                assert 0 <= await ws.ping() < 5
                await ws.send("close")
                with pytest.raises(ConnectionClosed, match="4001: as you wish"):
                    await ws.receive()
            async with client.websocket(url, subprotocols=["chat"], compression=offered) as ws:
                await ws.close(4000, "ours")


@pytest.mark.covers("A55", "A61")
@pytest.mark.parametrize("compression", [False, True], ids=["plain", "deflate"])
@pytest.mark.parametrize("library", PEERS)
async def test_their_client_with_our_server(library: str, compression: bool) -> None:
    arguments = command(library, PEERS[library][1], compression=compression)
    codes: list[tuple[int, str]] = []

    async def echo(ws: WebSocket) -> None:
        assert ws.subprotocol == "chat"
        try:
            async for message in ws:
                if message == "close":
                    await ws.close(4001, "as you wish")
                await ws.send(message)
        except ConnectionClosed as error:
            codes.append((error.code, error.reason))

    async def handler(request: Request) -> Response:
        assert ("sec-websocket-extensions" in request.headers) == compression
        return WebSocketResponse(echo, subprotocols=["chat"])

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            server = Server(handler)
            await nursery.start(server.listen)
            done = await trio.run_process(
                [*arguments, f"ws://127.0.0.1:{server.port}/ws", *map(str, SIZES)], capture_stdout=True, check=False
            )
            await server.shutdown(2)

    assert done.stdout == b"ok\n"
    assert codes == [(4000, "bye"), (4001, "as you wish")]
