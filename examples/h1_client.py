"""A client on a plain socket: the core says what to send, and what the received bytes mean.

Run it with a host: ``python examples/h1_client.py example.org``.
"""

from __future__ import annotations

import socket
import sys

from trio_http import h1


def fetch(host: str, port: int = 80, target: str = "/") -> tuple[int, bytes]:
    connection = h1.Connection(h1.CLIENT, strict=True, limits=h1.Limits(header_count=200))
    request = h1.Request(method="GET", target=target, headers=[("Host", f"{host}:{port}"), ("Connection", "close")])
    with socket.create_connection((host, port), timeout=10) as sock:
        sock.sendall(connection.send_message(request))
        status = 0
        body = b""
        while True:
            event = connection.next_event()
            if event is h1.NEED_DATA:
                connection.receive_data(sock.recv(65536))  # b"" at the end tells the core, too
            elif isinstance(event, h1.Response):
                status = event.status_code
            elif isinstance(event, h1.Data):
                body += event.data
            elif isinstance(event, h1.EndOfMessage | h1.ConnectionClosed) or event is h1.PAUSED:
                return status, body


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    code, content = fetch(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 80)
    print(code, len(content), "bytes")
