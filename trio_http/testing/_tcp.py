"""TCP as Linux's loopback shows it to programs: two ends, and the connection they make.

How it works:
1. An :class:`End` is what a kernel keeps for one socket; it outlives the descriptor, as in life (data and FIN still go
   out after close). A :class:`Pipe` carries its segments to the peer.
2. A sender may have capacity = its send buffer + the peer's receive buffer under way or unread; then it waits.
3. Linux's order of checks. recv: buffered bytes, b"" after FIN, the pending error once, b"" after RST. send: the
   pending error once, then EPIPE. RST after FIN is EPIPE, else ECONNRESET. close with unread bytes sends RST.
   Data for a closed end draws RST.
4. State changes are synchronous; waiting is done by the socket above, which this file wakes.
"""

from __future__ import annotations

import errno
import math
import os
from collections import deque
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, final

from ._addresses import Address
from ._medium import Medium
from ._options import is_whole
from ._pipe import DATA, FIN, RST, Owner, Pipe

__all__ = ["Connection", "End", "Side", "os_error"]

Side: TypeAlias = Literal["client", "server"]

_TLS_RECORD: Final = b"\x16\x03"


def os_error(code: int, detail: str = "") -> OSError:
    """Return the OSError for an errno, with the text the system gives it."""
    text = os.strerror(code)
    return OSError(code, f"{text}: {detail}" if detail else text)


@final
class End:
    """One side of a connection, as its host's kernel keeps it."""

    __slots__ = (
        "_budget",
        "_budget_action",
        "_taken",
        "address",
        "buffer",
        "closed",
        "connection",
        "dead",
        "eof_seen",
        "error",
        "established",
        "fin",
        "host",
        "label",
        "name",
        "on_handshake",
        "peer",
        "pipe",
        "reads",
        "receive_buffer",
        "received",
        "send_buffer",
        "sent",
        "severed",
        "shut_read",
        "shut_write",
        "side",
        "unread",
        "wake_reader",
        "wake_writer",
    )  # fmt: skip

    peer: End
    pipe: Pipe

    def __init__(self, connection: Connection, side: Side, host: Owner, address: Address) -> None:
        medium = connection.medium
        self.connection: Connection = connection
        self.side: Side = side
        self.host: Owner = host
        self.address: Address = address
        self.label: str = connection.label
        self.name: str = f"{connection.label} {side}"
        self.buffer: deque[bytes] = deque()
        self._taken = 0  # bytes already read of the first chunk
        self.unread: int = 0
        self.sent: int = 0
        self.received: int = 0
        self.reads: int = 0
        self.eof_seen: bool = False
        self.send_buffer: int = medium.send_buffer
        self.receive_buffer: int = medium.receive_buffer
        self.established: bool = False
        self.fin: bool = False
        self.error: int = 0
        self.dead: bool = False
        self.severed: bool = False
        self.closed: bool = False
        self.shut_read: bool = False
        self.shut_write: bool = False
        self._budget: int | None = None
        self._budget_action: Callable[[], None] | None = None
        self.wake_reader: Callable[[], None] | None = None
        self.wake_writer: Callable[[], None] | None = None
        # told once whether the handshake succeeded
        self.on_handshake: Callable[[bool], None] | None = None

    # what the program does

    @property
    def readable(self) -> bool:
        """Whether a read would return at once."""
        return bool(self.unread or self.fin or self.error or self.dead or self.shut_read)

    @property
    def room(self) -> int:
        """How many bytes a send would take now."""
        return self.send_buffer + self.peer.receive_buffer - self.pipe.in_flight - self.peer.unread

    @property
    def writable(self) -> bool:
        """Whether a send would return at once; like Linux, a third of the space has to be free."""
        if self.error or self.dead or self.shut_write:
            return True
        return self.established and self.room >= max(1, (self.send_buffer + self.peer.receive_buffer) // 3)

    def recv(self, most: int, *, peek: bool = False) -> bytes | None:
        """Return bytes, ``b""`` at the end of the stream, or None if it would block.

        Raises:
            OSError: the pending error of the connection, once.
        """
        if not most:
            return b""
        if self.unread:
            size = self._read_size(min(most, self.unread))
            data = self._take(size, peek=peek)
            if not peek:
                # its bytes are those sent: hashing them once is enough
                self._log("recv", len(data))
                if self.peer.wake_writer is not None and self.peer.writable:
                    self.peer.wake_writer()
            return data
        if self.fin:
            if not peek and not self.eof_seen:
                self.eof_seen = True
                self._log("eof")
            return b""
        self.raise_error()
        if self.dead or self.shut_read:
            return b""
        return None

    def _read_size(self, most: int) -> int:
        medium = self.connection.medium
        faults = medium.faults_on(self.peer.pipe.way)
        chunks = medium.chunks
        if chunks is not None and not chunks.is_whole:
            self.reads += 1
            unit = medium.draws.unit("chunk", self.name)
            most = chunks.size(self._take(most, peek=True), n=self.reads - 1, unit=unit)
        if faults is not None and faults.short_read and most > 1:
            size = medium.draws.fault("short_read", self.name, faults.short_read)
            if size is not None:
                return 1 + int(size * (most - 1))
        return most

    def _take(self, size: int, *, peek: bool) -> bytes:
        buffer = self.buffer
        first = buffer[0]
        rest = len(first) - self._taken
        if size < rest or (size == rest and peek):
            data = first[self._taken : self._taken + size]
            if not peek:
                self._taken += size
                self.unread -= size
            return data
        if size == rest:
            buffer.popleft()
            data = first[self._taken :] if self._taken else first
            self._taken = 0
            self.unread -= size
            return data
        if peek:
            return b"".join(buffer)[self._taken : self._taken + size]
        parts = []
        left = size
        while left:
            first = buffer[0]
            part = first[self._taken : self._taken + left] if self._taken or len(first) > left else first
            parts.append(part)
            left -= len(part)
            self._taken += len(part)
            if self._taken == len(first):
                buffer.popleft()
                self._taken = 0
        self.unread -= size
        return b"".join(parts)

    def send(self, data: memoryview) -> int | None:
        """Take bytes for the peer; return how many, or None if it would block.

        Raises:
            OSError: the pending error, once; EPIPE if nothing can be sent any more; ECONNRESET by a fault.
        """
        if self.error or self.dead or self.shut_write:
            self.raise_error()
            raise os_error(errno.EPIPE)
        if not self.established:
            return None
        size = min(len(data), self.room)
        if size <= 0:
            return None if len(data) else 0
        medium = self.connection.medium
        faults = medium.faults_on(self.pipe.way)
        extra = 0.0
        if faults is not None:
            chance = medium.draws.fault
            if faults.reset and chance("reset", self.name, faults.reset) is not None:
                self.connection.reset()
                self.raise_error()
            if faults.cut and chance("cut", self.name, faults.cut) is not None:
                self.connection.cut()
            if faults.stall:
                chosen = chance("stall", self.name, faults.stall)
                if chosen is not None:
                    least, most = faults.stall_seconds
                    self.pipe.stall(medium.timeline.now() + least + chosen * (most - least))
            if faults.delay:
                chosen = chance("delay", self.name, faults.delay)
                if chosen is not None:
                    least, most = faults.delay_seconds
                    extra = least + chosen * (most - least)
            if faults.short_write and size > 1:
                chosen = chance("short_write", self.name, faults.short_write)
                if chosen is not None:
                    size = 1 + int(chosen * (size - 1))
        if self._budget is not None:
            size = min(size, self._budget)
            self._budget -= size
        payload = bytes(data[:size])
        if faults is not None and faults.corrupt:
            chosen = medium.draws.fault("corrupt", self.name, faults.corrupt)
            if chosen is not None:
                bit = int(chosen * size * 8)
                flipped = payload[bit >> 3] ^ 1 << (bit & 7)
                payload = b"%b%c%b" % (payload[: bit >> 3], flipped, payload[(bit >> 3) + 1 :])
        if not self.sent and self.side == "client" and payload.startswith(_TLS_RECORD):
            medium.trace.hide_bytes(self.label)
        self.sent += size
        self._log("send", size, payload)
        if self.severed:
            self.reset_by_peer()
        else:
            self.pipe.push(DATA, payload, extra=extra)
        if self._budget == 0 and self._budget_action is not None:
            action, self._budget_action, self._budget = self._budget_action, None, None
            action()
        return size

    def after(self, count: int, action: Callable[[], None]) -> None:
        """Call ``action`` when this side has sent ``count`` more bytes; the send that crosses the border ends at it."""
        self._budget, self._budget_action = count, action

    def shutdown_write(self) -> None:
        """Send FIN after everything sent so far."""
        if not self.shut_write:
            self.shut_write = True
            if self.wake_writer is not None:
                self.wake_writer()
            if not self.dead and not self.severed:
                self.pipe.push(FIN)

    def close(self, *, abort: bool = False) -> None:
        """Let go of the connection: FIN, or RST if bytes are unread or ``abort`` says so."""
        if self.closed:
            return
        self.closed = True
        self.wake_reader = self.wake_writer = None
        if self.dead or not self.established:
            self._log("close")
            self.dead = True
            return
        if abort or self.unread:
            self._log("rst" if abort else "close-unread", self.unread)
            self._die()
            if not self.severed:
                self.pipe.push(RST)
            return
        self._log("close")
        if not self.shut_write:
            self.shut_write = True
            if not self.severed:
                self.pipe.push(FIN)

    def raise_error(self) -> None:
        """Raise the pending error, if any, and forget it."""
        code, self.error = self.error, 0
        if code:
            raise os_error(code)

    # what the network does

    def arrive(self, kind: str, payload: bytes) -> None:
        """Take in one segment."""
        if kind is RST:
            if not self.dead:
                self._log("rst-received")
                self.reset_by_peer()
            return
        if self.dead:
            if not self.peer.dead:
                self.pipe.push(RST)
            return
        if kind is DATA:
            if self.closed:
                self._die()
                self.pipe.push(RST)
                return
            self.buffer.append(payload)
            self.unread += len(payload)
            self.received += len(payload)
        elif kind is FIN:
            self.fin = True
        else:
            self.established = True
            self._handshake_ended(True)
            if self.wake_writer is not None:
                self.wake_writer()
            return
        if self.wake_reader is not None:
            self.wake_reader()

    def reset_by_peer(self) -> None:
        """An RST has come: nothing more can be sent, what has arrived stays readable."""
        self._fail(errno.EPIPE if self.fin else errno.ECONNRESET)

    def time_out(self) -> None:
        """Nothing got through for very long."""
        if not self.dead:
            self._log("timeout")
            self._fail(errno.ETIMEDOUT)

    def _fail(self, code: int) -> None:
        self.error = code
        self._die()
        if self.wake_reader is not None:
            self.wake_reader()
        if self.wake_writer is not None:
            self.wake_writer()

    def _die(self) -> None:
        self.dead = True
        if self.pipe.way.partitioned:
            self.pipe.purge()  # what is on the wire arrives, but nobody is left to send again what was lost
        self._handshake_ended(False)

    def _handshake_ended(self, success: bool) -> None:
        told, self.on_handshake = self.on_handshake, None
        if told is not None:
            told(success)

    def _log(self, op: str, size: int = 0, payload: bytes | None = None) -> None:
        trace = self.connection.medium.trace
        if trace.enabled:
            connection = self.connection
            peer = connection.server_name if self.side == "client" else connection.client_name
            trace.add(connection.medium.timeline.now(), self.host.name, peer, op, size, payload, self.label)


@final
class Connection:
    """One TCP connection, and what can be done to it from outside.

    Attributes:
        label: its name in traces, ``client host->address:port#n``.
        client: the side that connected.
        server: the side that listened.
        accepted: whether the server's program has taken it.
    """

    __slots__ = ("accepted", "client", "client_name", "label", "medium", "server", "server_name")

    def __init__(
        self, medium: Medium, label: str, *, client: tuple[Owner, Address], server: tuple[Owner, Address]
    ) -> None:
        self.medium: Medium = medium
        self.label: str = label
        self.accepted: bool = False
        self.client_name: str = "{}:{}".format(*client[1])
        self.server_name: str = "{}:{}".format(*server[1])
        self.client: End = End(self, "client", *client)
        self.server: End = End(self, "server", *server)
        self.client.peer, self.server.peer = self.server, self.client
        self.client.pipe = Pipe(medium, medium.ways.between(client[0].name, server[0].name), self.server)
        self.server.pipe = Pipe(medium, medium.ways.between(server[0].name, client[0].name), self.client)
        medium.connections.append(self)

    def __repr__(self) -> str:
        state = "broken" if self.client.dead and self.server.dead else "open"
        if self.client.closed and self.server.closed:
            state = "closed"
        return f"<Connection {self.label} {state} {self.client.sent}B up {self.server.sent}B down>"

    @property
    def bytes_up(self) -> int:
        """Bytes the client has sent."""
        return self.client.sent

    @property
    def bytes_down(self) -> int:
        """Bytes the server has sent."""
        return self.server.sent

    @property
    def is_open(self) -> bool:
        """Whether either side still has it open."""
        return not (self.client.closed and self.server.closed)

    def end(self, side: Side) -> End:
        """Return one side.

        Raises:
            ValueError: ``side`` is neither "client" nor "server".
        """
        if side not in ("client", "server"):
            raise ValueError(f'side={side!r}: say "client" or "server"')
        return self.client if side == "client" else self.server

    def reset(self) -> None:
        """Break the connection now: both sides see ECONNRESET (EPIPE after the other's FIN)."""
        self._note("reset")
        for end in (self.client, self.server):
            if not end.dead:
                end.reset_by_peer()

    def cut(self) -> None:
        """End the connection now as a dying proxy does: both sides read the end of the stream, sends draw RST."""
        self._note("cut")
        for end in (self.client, self.server):
            if not end.severed and not end.dead:
                if not end.shut_write:
                    end.pipe.push(FIN)
                end.severed = True

    def stall(self, seconds: float | None = None, *, side: Side | None = None) -> None:
        """Let nothing that ``side`` sends (default: both) arrive for ``seconds`` (default: for ever)."""
        if seconds is not None and not seconds >= 0:
            raise ValueError(f"stall({seconds!r}): seconds are 0 or more; None is for ever")
        self._note("stall")
        until = math.inf if seconds is None else self.medium.timeline.now() + seconds
        for end in (self.client, self.server) if side is None else (self.end(side),):
            end.pipe.stall(until)

    def reset_after(self, count: int, *, side: Side = "server") -> None:
        """Break the connection when ``side`` has sent ``count`` more bytes; these arrive first."""
        self._after(count, side, self._reset_behind_data)

    def cut_after(self, count: int, *, side: Side = "server") -> None:
        """:meth:`cut` the connection when ``side`` has sent ``count`` more bytes; these arrive first."""
        self._after(count, side, self.cut)

    def stall_after(self, count: int, *, side: Side = "server", seconds: float | None = None) -> None:
        """:meth:`stall` ``side`` when it has sent ``count`` more bytes; these arrive first."""
        end = self.end(side)
        self._after(count, side, lambda: self._stall_behind_data(end, seconds))

    def _after(self, count: int, side: Side, action: Callable[[], None]) -> None:
        if not is_whole(count) or count < 0:
            raise ValueError(f"after {count!r} bytes: give a number of bytes, 0 or more")
        end = self.end(side)
        if count:
            end.after(count, action)
        else:
            action()

    def _reset_behind_data(self) -> None:
        # the bytes sent so far are on the wire: RST goes behind them, both ways
        self._note("reset")
        for end in (self.client, self.server):
            end.pipe.push(RST)

    def _stall_behind_data(self, end: End, seconds: float | None) -> None:
        self._note("stall")
        end.pipe.stalled_until = math.inf if seconds is None else self.medium.timeline.now() + seconds

    def _note(self, op: str) -> None:
        self.medium.trace.add(
            self.medium.timeline.now(), self.client.host.name, self.server_name, op, 0, None, self.label
        )
