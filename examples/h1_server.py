"""A server on plain sockets, one connection at a time: keep-alive, pipelining, errors answered and the end of it.

Run it: ``python examples/h1_server.py 8080``.
"""

from __future__ import annotations

import socket
import sys

from trio_http import h1


def serve_connection(sock: socket.socket) -> None:
    connection = h1.Connection(h1.SERVER, strict=True, limits=h1.Limits())
    try:
        while True:
            head = connection.receive_head()
            if head is h1.NEED_DATA:
                connection.receive_data(sock.recv(65536))
                continue
            if not isinstance(head, h1.Request):
                return  # the client has closed
            body = read_body(sock, connection)
            text = b"%b %b, %d bytes\n" % (head.method, head.target, len(body))
            headers = [("Content-Type", "text/plain")]
            sock.sendall(connection.send_message(h1.Response(status_code=200, reason="OK", headers=headers), text))
            if connection.our_state is h1.MUST_CLOSE:
                return
            connection.start_next_cycle()
    except h1.RemoteProtocolError as error:
        if connection.our_state in {h1.IDLE, h1.SEND_RESPONSE}:
            answer = h1.Response(status_code=error.error_status_hint, reason="Refused")
            sock.sendall(connection.send_message(answer, f"{error}\n".encode()))


def read_body(sock: socket.socket, connection: h1.Connection) -> bytes:
    body = b""
    while connection.their_state is h1.SEND_BODY:
        event = connection.next_event()
        if event is h1.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                sock.sendall(connection.send(h1.InformationalResponse(status_code=100, reason="Continue")))
            connection.receive_data(sock.recv(65536))
        elif isinstance(event, h1.Data):
            body += event.data
    return body


def serve(listener: socket.socket, connections: int | None = None) -> None:
    while connections is None or connections > 0:
        sock, _ = listener.accept()
        with sock:
            sock.settimeout(10)
            serve_connection(sock)
        if connections is not None:
            connections -= 1


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8080)) as server:
        print(f"http://127.0.0.1:{server.getsockname()[1]}/")
        serve(server)
