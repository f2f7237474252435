"""A load generator: one process, raw sockets, one epoll; as cheap as Python lets it be.

``python benchmarks/_load.py PORT CONNECTIONS SECONDS KIND`` prints ``answers seconds`` for one of :data:`KINDS`. Each
connection sends its next message when the last has been answered whole.
"""

from __future__ import annotations

import itertools
import select
import socket
import sys
import time
from collections.abc import Callable

MIB = 1024 * 1024
BROWSER = (
    b"GET /?n=%d HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\n"
    b"Cookie: session=%d0123456789abcdef; theme=dark\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\n"
    b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\nPriority: u=0, i, n=%d\r\n\r\n"
)
UPLOAD = b"POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % MIB + bytes(MIB)
SHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_numbers = itertools.count(1_000_000)


def _varied() -> bytes:
    number = next(_numbers)
    return BROWSER % (number, number, number)


def _frame(payload: bytes) -> bytes:
    # masked with zeros: the server has to unmask it all the same
    size = bytes([0x80 | len(payload)]) if len(payload) <= 125 else b"\xff" + len(payload).to_bytes(8, "big")
    return b"\x82" + size + bytes(4) + payload


FRAME_64, FRAME_64K = _frame(bytes(64)), _frame(bytes(65536))
GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
KINDS: dict[str, Callable[[], bytes]] = {
    "hello": lambda: GET,
    "varied": _varied,
    "download": lambda: b"GET /1m HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "upload": lambda: UPLOAD,
    "ws64": lambda: FRAME_64,
    "ws64k": lambda: FRAME_64K,
}
_ECHO = {"ws64": 2 + 64, "ws64k": 10 + 65536}  # bytes of an echoed frame


class Connection:
    """One connection and how much of the current answer is still to come."""

    def __init__(self, port: int, kind: str) -> None:
        self.make = KINDS[kind]
        self.echo = _ECHO.get(kind)
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.echo is not None:
            self.sock.sendall(SHAKE)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += self.sock.recv(4096)
            assert answer.startswith(b"HTTP/1.1 101 "), answer
        self.sock.setblocking(False)
        self.left = 0
        self.unsent = memoryview(b"")

    def ask(self) -> None:
        """Send the next message."""
        self.left = 0
        self.unsent = memoryview(self.make())
        self.go_on()

    def go_on(self) -> None:
        """Send what is left of it."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self.sock.send(self.unsent) :]
        except BlockingIOError:
            pass

    def take(self) -> bool:
        """Read; tell whether an answer is complete now."""
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return False
        assert data, "the server closed the connection"
        if self.left == 0:
            if self.echo is not None:
                self.left = self.echo
            else:
                head, _, body = data.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 "), head
                self.left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                data = body
        self.left -= len(data)
        return self.left == 0


def run(port: int, connections: int, seconds: float, kind: str) -> tuple[int, float]:
    """Load a server; return answers and seconds."""
    poll = select.epoll()
    table: dict[int, Connection] = {}
    for _ in range(connections):
        connection = Connection(port, kind)
        table[connection.sock.fileno()] = connection
        poll.register(connection.sock, select.EPOLLIN)

    def ask(fd: int, connection: Connection) -> None:
        connection.ask()
        if connection.unsent:
            poll.modify(fd, select.EPOLLIN | select.EPOLLOUT)

    began = time.perf_counter()
    end = began + seconds
    count = 0
    for fd, connection in table.items():
        ask(fd, connection)
    while time.perf_counter() < end:
        for fd, flags in poll.poll(1):
            connection = table[fd]
            if flags & select.EPOLLOUT:
                connection.go_on()
                if not connection.unsent:
                    poll.modify(fd, select.EPOLLIN)
            if flags & ~select.EPOLLOUT and connection.take():
                count += 1
                ask(fd, connection)
    return count, time.perf_counter() - began


if __name__ == "__main__":
    answers, took = run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
    print(answers, took)
