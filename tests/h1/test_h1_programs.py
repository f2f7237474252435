"""Programs that import h11 run on this core: each in a process of its own that never sees the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The real h11 is made impossible to import, so that nothing can reach it past the stand-in.
PRELUDE = """
import sys
import trio_http.h1

h11 = trio_http.h1.install_as_h11()

def check():
    import h11 as seen
    assert seen is h11 and seen.Connection is trio_http.h1.Connection
    strangers = [name for name, module in sys.modules.items() if getattr(module, "__file__", None) and
                 name.split(".")[0] == "h11"]
    assert not strangers, strangers
"""

ASK = """
import http.client, threading

def ask(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for number in range(3):
        connection.request("POST", f"/x?{number}", body=b"hello", headers={"X-Number": str(number)})
        response = connection.getresponse()
        body = response.read()
        assert (response.status, body) == (200, b"POST /x hello"), (response.status, body)
    connection.request("PUT", "/x", body=iter([b"ab", b"cd"]), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})
    response = connection.getresponse()
    body = response.read()
    assert (response.status, body) == (200, b"PUT /x abcd"), (response.status, body)
    connection.close()

async def app(scope, receive, send):
    assert scope["type"] == "http", scope
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
    start = f"{scope['method']} {scope['path']} ".encode()
    await send({"type": "http.response.body", "body": start, "more_body": True})
    await send({"type": "http.response.body", "body": body})
"""

UVICORN = """
import uvicorn, uvicorn.protocols.http.h11_impl as impl
assert impl.h11 is h11
config = uvicorn.Config(app, port=0, http="h11", ws="none", lifespan="off", log_level="warning", loop="asyncio")
server = uvicorn.Server(config)
thread = threading.Thread(target=server.run)
thread.start()
import time
while not server.started:
    time.sleep(0.01)
try:
    ask(server.servers[0].sockets[0].getsockname()[1])
finally:
    server.should_exit = True
    thread.join()
check()
print("served")
"""

HYPERCORN = """
import socket, trio, hypercorn.protocol.h11 as impl
from hypercorn.config import Config
from hypercorn.trio import serve
assert impl.h11 is h11

async def main():
    config = Config()
    config.errorlog = config.accesslog = None
    config.bind = ["127.0.0.1:0"]
    async with trio.open_nursery() as nursery:
        binds = await nursery.start(serve, app, config)
        await trio.to_thread.run_sync(ask, int(binds[0].rpartition(":")[2]))
        nursery.cancel_scope.cancel()

trio.run(main)
check()
print("served")
"""

HTTPCORE = """
import http.server, httpcore, httpcore._sync.http11 as impl
assert impl.h11 is h11

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\\r\\n%b\\r\\n0\\r\\n\\r\\n" % (len(body), body))

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
with httpcore.ConnectionPool() as pool:
    for number in range(3):
        response = pool.request("POST", f"http://127.0.0.1:{server.server_address[1]}/", content=b"hello")
        assert (response.status, response.content) == (200, b"hello"), response
server.shutdown()
server.server_close()
check()
print("served")
"""

WSPROTO = """
import wsproto, wsproto.handshake as impl
from wsproto.events import AcceptConnection, Request, TextMessage
assert impl.h11 is h11
client = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
server = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
server.receive_data(client.send(Request(host="a", target="/chat", subprotocols=["x"])))
(request,) = server.events()
assert request.target == "/chat" and request.subprotocols == ["x"]
client.receive_data(server.send(AcceptConnection(subprotocol="x")) + server.send(TextMessage(data="early")))
accepted, message = client.events()
assert type(accepted) is AcceptConnection and message.data == "early"
check()
print("served")
"""


@pytest.mark.parametrize(
    "program", [UVICORN, HYPERCORN, HTTPCORE, WSPROTO], ids=["uvicorn", "hypercorn", "httpcore", "wsproto"]
)
def test_a_program_runs_on_the_stand_in(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + ASK + program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "served\n"


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_refuses_when_the_real_one_is_there() -> None:
    done = run("import h11, trio_http.h1; trio_http.h1.install_as_h11()")

    assert "RuntimeError: h11 has been imported already: call install_as_h11() before" in done.stderr


def test_it_can_be_forced_and_is_done_once() -> None:
    done = run(
        "import h11 as real, trio_http.h1 as ours\n"
        "stand_in = ours.install_as_h11(force=True)\n"
        "import h11, h11._state\n"
        "assert h11 is stand_in is ours.install_as_h11() and h11 is not real\n"
        "assert h11.Connection is ours.Connection and h11.__version__ == ours.H11_VERSION\n"
        "from h11 import *\n"
        "assert CLIENT is ours.CLIENT and h11._state.DONE is ours.DONE\n"
        "try:\n    import h11._readers\nexcept ModuleNotFoundError:\n    print('done')\n"
    )

    assert done.stdout == "done\n", done.stderr
