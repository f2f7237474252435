"""Cassette: recorded conversations, taken at the byte level, so that any client, streams and WebSockets are alike.

How it works:
1. A recording is a list of conversations; each is a list of (side, seconds since its beginning, bytes) in order.
2. Redaction replaces values of header fields and query parameters, in the heads of messages only, before anything is
   kept. The same replacement is made on what a client says at replay, so secrets may differ, and ``ignore`` names
   fields that may differ without being secret.
3. Replay waits until the client has said a whole recorded turn, under any chunking, and then says the recorded answer;
   the first byte that differs is told. Header fields of an HTTP head may come in any order and case of names.
4. TLS bytes cannot be replayed. Record the plain text: ``record_real`` speaks TLS to the far end for you.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, TypeAlias, final

import trio

from ..transport import leave_nursery
from ._hosts import Host
from ._network import VirtualNetwork
from ._peer import first_difference
from ._problems import CassetteError

__all__ = ["Cassette", "Conversation", "Replay", "Turn"]

Side: TypeAlias = Literal["client", "server"]
_VERSION: Final = 1
_HIDDEN: Final = b"<redacted>"
_SECRET_FIELDS: Final = ("Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key")
_TLS: Final = b"\x16\x03"
_REQUEST: Final = re.compile(rb"[!-~]+ [!-~]+ HTTP/1\.[01]\r\n")


@final
@dataclass(frozen=True, slots=True)
class Turn:
    """Bytes that one side sent in one go.

    Attributes:
        side: "client" or "server".
        time: seconds since the conversation began.
        data: the bytes.
    """

    side: Side
    time: float
    data: bytes


@final
@dataclass(slots=True)
class Conversation:
    """One connection.

    Attributes:
        turns: what was said, in order.
    """

    turns: list[Turn] = field(default_factory=list)

    def spoken(self) -> Iterator[tuple[Side, list[Turn]]]:
        """Yield the turns by speaker: what one side said before the other said something."""
        group: list[Turn] = []
        for turn in self.turns:
            if group and group[-1].side != turn.side:
                yield group[0].side, group
                group = []
            group.append(turn)
        if group:
            yield group[0].side, group


@final
class Cassette:
    """A recording, and its replay.

    Attributes:
        conversations: what was recorded, in the order the connections were made.
    """

    def __init__(
        self,
        *,
        redact: Iterable[str] = _SECRET_FIELDS,
        redact_query: Iterable[str] = (),
        ignore: Iterable[str] = (),
    ) -> None:
        """Make an empty cassette.

        Args:
            redact: header fields whose values are never kept.
            redact_query: query parameters whose values are never kept.
            ignore: header fields that may differ at replay, such as ``User-Agent``.

        Raises:
            TypeError: a string in place of a collection.
        """
        for name, value in (("redact", redact), ("redact_query", redact_query), ("ignore", ignore)):
            if isinstance(value, str):
                raise TypeError(f"Cassette({name}={value!r}): give a collection of names")
        self._redact, self._redact_query, self._ignore = tuple(redact), tuple(redact_query), tuple(ignore)
        self._hide_fields = _field_pattern(self._redact)
        self._hide_query = _query_pattern(self._redact_query)
        self._passed_over = frozenset(name.lower().encode("ascii") for name in self._ignore)
        self.conversations: list[Conversation] = []

    # recording

    def _redacted(self, data: bytes) -> bytes:
        head, blank, rest = data.partition(b"\r\n\r\n")
        if self._hide_query is not None:
            first, line, others = head.partition(b"\r\n")
            head = self._hide_query.sub(rb"\1" + _HIDDEN, first) + line + others
        if self._hide_fields is not None:
            head = self._hide_fields.sub(rb"\1: " + _HIDDEN, head)
        return head + blank + rest

    def add(self, conversation: Sequence[Turn]) -> None:
        """Keep one conversation, redacted: a head is looked for at the beginning of each speaker's bytes.

        Raises:
            ValueError: the bytes are TLS.
        """
        kept = Conversation()
        for side, group in Conversation(list(conversation)).spoken():
            if group[0].data.startswith(_TLS):
                raise ValueError("a conversation in TLS cannot be replayed: record its plain text (see record_real)")
            whole = b"".join(turn.data for turn in group)
            hidden = self._redacted(whole)
            if hidden == whole:
                kept.turns.extend(group)
                continue
            # the head may be cut anywhere: it is kept in one piece, what follows keeps its borders
            behind = len(whole) - (whole.index(b"\r\n\r\n") + 4 if b"\r\n\r\n" in whole else len(whole))
            kept.turns.append(Turn(side, group[0].time, hidden[: len(hidden) - behind]))
            tail: list[Turn] = []
            for turn in reversed(group):
                if behind <= 0:
                    break
                tail.append(Turn(side, turn.time, turn.data[-behind:] if behind < len(turn.data) else turn.data))
                behind -= len(turn.data)
            kept.turns.extend(reversed(tail))
        self.conversations.append(kept)

    def record(self, net: VirtualNetwork, *, port: int | None = None) -> None:
        """Keep what was said on a virtual network so far, on all connections or those to one port.

        Raises:
            ValueError: a connection speaks TLS, or the trace has let go of its bytes (past 64 MiB) or is off.
        """
        said: dict[str, list[Turn]] = {}
        sides = {}
        for connection in net.connections:
            if port is None or connection.server.address[1] == port:
                said[connection.label] = []
                sides[connection.label] = (connection.client_name, connection.server_name)
        for index, event in enumerate(net.trace):
            if event.op == "send" and event.label in said:
                data = net.trace.payload(index)
                if data is None:
                    raise ValueError(f"the trace has let go of the bytes of {event.label}: record shorter runs")
                side: Side = "client" if event.peer == sides[event.label][1] else "server"
                turns = said[event.label]
                begun = turns[0].time if turns else 0.0
                turns.append(Turn(side, event.time - begun if turns else event.time, data))
        for turns in said.values():
            if turns:
                first = turns[0]
                self.add([Turn(first.side, 0.0, first.data), *turns[1:]])

    def record_real(
        self, host: str, port: int, *, ssl_context: ssl.SSLContext | None = None
    ) -> AbstractAsyncContextManager[int]:
        """Stand between a client and a real server, and keep what is said. Not inside a simulation.

        Use it as ``async with``, which gives the port on 127.0.0.1 for the client. What is still being said when the
        block ends is kept, too.

        Args:
            host: the real server.
            port: its port.
            ssl_context: speak TLS to it; the client speaks plain text to us.

        Raises:
            OSError: at the end of the block: the real server could not be reached.
            trio.BrokenResourceError: at the end of the block: the TLS handshake with it failed.
        """
        return _Recording(self, (host, port), ssl_context)

    # keeping

    def save(self, path: str | Path) -> None:
        """Write the cassette as JSON lines: a header, then one line a conversation; text stays readable."""
        header = {"cassette": _VERSION, "redact": self._redact, "redact_query": self._redact_query,
                  "ignore": self._ignore}  # fmt: skip
        lines = [json.dumps(header)]
        lines.extend(
            json.dumps([[turn.side, round(turn.time, 6), *_packed(turn.data)] for turn in conversation.turns])
            for conversation in self.conversations
        )
        Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Cassette:
        """Read a cassette.

        Raises:
            ValueError: not a cassette, or of another version.
            OSError: the file cannot be read.
        """
        try:
            first, *lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
            if first["cassette"] != _VERSION:
                raise ValueError(f"{path}: cassette of version {first['cassette']}, this is version {_VERSION}")
            cassette = cls(redact=first["redact"], redact_query=first["redact_query"], ignore=first["ignore"])
            cassette.conversations = [
                Conversation([Turn(side, time, _unpacked(kind, text)) for side, time, kind, text in line])
                for line in lines
            ]
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is not a cassette: {error!r}") from error
        return cassette

    # replaying

    def serve(self, net: VirtualNetwork, host: Host | str, port: int, *, pace: bool = False) -> Replay:
        """Answer connections to a virtual host from this cassette, from now on.

        Args:
            net: the network.
            host: the host, made if there is none of that name.
            port: where to listen.
            pace: wait before answers as long as the recorded server did, in virtual time.

        Returns:
            The replay; a client that says something else fails the run.
        """
        where = net.host(host) if isinstance(host, str) else host
        with where.active():
            sock = net.socket()
            sock.bind_now("0.0.0.0", port)  # noqa: S104
            sock.listen()
        replay = Replay(self, pace=pace)
        where.start_soon(trio.serve_listeners, replay.handle, [trio.SocketListener(sock)])
        return replay

    def compare(self, expected: bytes, said: bytes) -> int | None:
        """Compare what a client said with a recorded turn, as replay does.

        Returns:
            None while it may still become the turn; else how many bytes of ``said`` are the turn.

        Raises:
            CassetteError: it differs.
        """
        hidden = self._redacted(said)
        if not _REQUEST.match(expected):
            _check_prefix(expected, hidden)
            return None if len(said) < len(expected) else len(expected)
        head, blank, body = hidden.partition(b"\r\n\r\n")
        wanted_head, _, wanted_body = self._redacted(expected).partition(b"\r\n\r\n")
        if not blank:
            line, end, _ = head.partition(b"\r\n")
            _check_prefix(wanted_head.partition(b"\r\n")[0] + b"\r\n", line + end)
            return None
        one, two = self._canonical(wanted_head), self._canonical(head)
        if one != two:
            raise CassetteError(first_difference(one, two))
        _check_prefix(wanted_body, body[: len(wanted_body)])
        return None if len(body) < len(wanted_body) else len(said) - len(body) + len(wanted_body)

    def _canonical(self, head: bytes) -> bytes:
        first, *lines = head.split(b"\r\n")
        fields = [(name.lower(), value) for name, _, value in (line.partition(b":") for line in lines)]
        kept = sorted(field for field in fields if field[0] not in self._passed_over)
        return b"\r\n".join([first, *(b":".join(field) for field in kept)])


def _check_prefix(expected: bytes, said: bytes) -> None:
    shorter = min(len(expected), len(said))
    if expected[:shorter] != said[:shorter]:
        raise CassetteError(first_difference(expected, said))


@final
class _Recording:
    """A proxy on loopback that stands before a real server and keeps what is said."""

    def __init__(self, cassette: Cassette, target: tuple[str, int], ssl_context: ssl.SSLContext | None) -> None:
        self._cassette = cassette
        self._target = target
        self._ssl_context = ssl_context
        self._listeners: list[trio.SocketListener] = []
        self._nursery = trio.open_nursery()
        self._failure: Exception | None = None

    async def __aenter__(self) -> int:
        self._listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery = await self._nursery.__aenter__()
        nursery.start_soon(trio.serve_listeners, self._stand_between, self._listeners)
        self._cancel = nursery.cancel_scope.cancel
        return int(self._listeners[0].socket.getsockname()[1])

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for listener in self._listeners:
            listener.socket.close()
        self._cancel()
        await leave_nursery(self._nursery, error)
        if self._failure is not None:
            if error is None:
                raise self._failure
            error.add_note(f"the real server could not be reached: {self._failure!r}")

    async def _connect(self) -> trio.abc.Stream:
        if self._ssl_context is None:
            return await trio.open_tcp_stream(*self._target)
        stream = await trio.open_ssl_over_tcp_stream(*self._target, ssl_context=self._ssl_context)
        await stream.do_handshake()
        return stream

    async def _stand_between(self, near: trio.SocketStream) -> None:
        begun = trio.current_time()
        turns: list[Turn] = []

        async def pump(side: Side, source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
            try:
                async for data in source:
                    turns.append(Turn(side, trio.current_time() - begun, bytes(data)))
                    await sink.send_all(data)
                if isinstance(sink, trio.SocketStream):
                    await sink.send_eof()
            except trio.BrokenResourceError:
                nursery.cancel_scope.cancel()
            if side == "server":
                nursery.cancel_scope.cancel()

        async with near:
            try:
                far = await self._connect()
            except (OSError, trio.BrokenResourceError) as failure:
                self._failure = failure
                return
            try:
                async with far, trio.open_nursery() as nursery:
                    nursery.start_soon(pump, "client", near, far)
                    nursery.start_soon(pump, "server", far, near)
            finally:
                if turns:
                    self._cassette.add(turns)


@final
class Replay:
    """A cassette that answers on a virtual host.

    Attributes:
        used: indexes of the conversations taken so far, in order.
    """

    def __init__(self, cassette: Cassette, *, pace: bool) -> None:
        self._cassette = cassette
        self._pace = pace
        self.used: list[int] = []

    @property
    def left(self) -> list[int]:
        """Indexes of the conversations that no client has begun."""
        return [index for index in range(len(self._cassette.conversations)) if index not in self.used]

    async def handle(self, stream: trio.SocketStream) -> None:
        """Play one conversation.

        Raises:
            CassetteError: the client says something that no unused conversation has.
        """
        # no ``async with``: a Cancelled raised by its checkpoint would take the place of our error
        with stream.socket:
            await self._play(stream)

    async def _play(self, stream: trio.SocketStream) -> None:
        got = b""
        index: int | None = None
        while index is None:
            more = await _more(stream)
            if not more:
                return
            got += more
            index = self._choose(got)
        self.used.append(index)
        clock = 0.0
        for side, group in self._cassette.conversations[index].spoken():
            if side == "client":
                got = await self._listen(stream, b"".join(turn.data for turn in group), got, index)
                clock = group[-1].time
                continue
            for turn in group:
                if self._pace:
                    await trio.sleep(max(0.0, turn.time - clock))
                    clock = max(clock, turn.time)
                try:
                    await stream.send_all(turn.data)
                except trio.BrokenResourceError:
                    return
        if got:
            raise CassetteError(f"conversation {index} is over, but the client went on: {got[:80]!r}")

    def _choose(self, got: bytes) -> int | None:
        """Return the conversation that begins like this; None while more than the beginning is needed."""
        differences: list[tuple[int, str]] = []
        for index in self.left:
            groups = list(self._cassette.conversations[index].spoken())
            if not groups or groups[0][0] != "client":
                continue
            opening = b"".join(turn.data for turn in groups[0][1])
            try:
                if self._cassette.compare(opening, got) is not None:
                    return index
            except CassetteError as error:
                differences.append((index, str(error)))
            else:
                return None
        if not differences:
            raise CassetteError(
                f"all {len(self.used)} conversations are used, and the client begins another: {got!r:.100}"
            )
        index, text = differences[0]
        raise CassetteError(f"no unused conversation begins like this; from number {index} {text}")

    async def _listen(self, stream: trio.SocketStream, wanted: bytes, got: bytes, index: int) -> bytes:
        while True:
            try:
                end = self._cassette.compare(wanted, got)
            except CassetteError as error:
                raise CassetteError(f"conversation {index}: {error}") from None
            if end is not None:
                # what is behind the turn begins the next one
                return got[end:]
            more = await _more(stream)
            if not more:
                raise CassetteError(f"conversation {index}: the client left after {got!r} of {wanted!r}")
            got += more


async def _more(stream: trio.SocketStream) -> bytes:
    """What the client says next; nothing once it has left, in whichever way."""
    try:
        return bytes(await stream.receive_some())
    except trio.BrokenResourceError:
        return b""


def _field_pattern(names: tuple[str, ...]) -> re.Pattern[bytes] | None:
    if not names:
        return None
    either = b"|".join(re.escape(name.encode("ascii")) for name in names)
    return re.compile(rb"(?im)^(" + either + rb"):[^\r\n]*")


def _query_pattern(names: tuple[str, ...]) -> re.Pattern[bytes] | None:
    if not names:
        return None
    either = b"|".join(re.escape(name.encode("ascii")) for name in names)
    return re.compile(rb"([?&](?:" + either + rb")=)[^&\s]*")


def _packed(data: bytes) -> tuple[str, str]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "base64", base64.b64encode(data).decode("ascii")
    return "text", text


def _unpacked(kind: str, text: str) -> bytes:
    return text.encode("utf-8") if kind == "text" else base64.b64decode(text)
