"""RawPeer: one side of a conversation as a script of exact bytes, on any trio stream."""

from __future__ import annotations

import re
import socket
import struct
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self, final, overload

import trio

from ._problems import PeerError

__all__ = ["RawListener", "RawPeer", "first_difference"]

_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
_AROUND: Final = 24


def first_difference(expected: bytes, got: bytes) -> str:
    """Say where two byte strings part, with what stands around."""
    for index, (one, two) in enumerate(zip(expected, got, strict=False)):  # noqa: B007
        if one != two:
            break
    else:
        index = min(len(expected), len(got))
    low = max(0, index - _AROUND)

    def shown(data: bytes) -> str:
        after = "..." if len(data) > index + _AROUND else ""
        return f"{'...' if low else ''}{data[low : index + _AROUND]!r}{after}"

    return f"they differ at byte {index}:\n  expected {shown(expected)}\n  got      {shown(got)}"


@final
class RawPeer:
    """A scripted peer: says exact bytes, expects exact bytes, and tells the first byte that differs.

    Works on every ``trio.abc.Stream``: virtual, real, TLS, in memory. Waits have no timeout of their own; in a
    simulation a wait that can never end is a deadlock and named as such, elsewhere use ``trio.fail_after``.

    Attributes:
        stream: what it speaks through.
        received: everything the other side has sent so far.
    """

    def __init__(self, stream: trio.abc.Stream, *, name: str = "peer") -> None:
        self.stream = stream
        self.name = name
        self.received: bytes = b""
        self._taken = 0
        self._ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(self.stream, trio.SocketStream):
            # no checkpoint: a Cancelled raised here would take the place of the script's own error
            self.stream.socket.close()
        else:
            await trio.aclose_forcefully(self.stream)

    @property
    def pending(self) -> bytes:
        """Bytes that have arrived and no ``expect`` has taken yet."""
        return self.received[self._taken :]

    async def _more(self, waiting_for: str) -> None:
        try:
            data = await self.stream.receive_some()
        except trio.BrokenResourceError as error:
            raise PeerError(f"{self.name}: the connection broke while waiting for {waiting_for}: {error}") from error
        if not data:
            self._ended = True
            raise PeerError(f"{self.name}: the stream ended while waiting for {waiting_for}; pending: {self.pending!r}")
        self.received += data

    def _take(self, count: int) -> bytes:
        taken = self.received[self._taken : self._taken + count]
        self._taken += count
        return taken

    @overload
    async def expect(self, what: bytes | int) -> bytes: ...

    @overload
    async def expect(self, what: re.Pattern[bytes]) -> re.Match[bytes]: ...

    async def expect(self, what: bytes | int | re.Pattern[bytes]) -> bytes | re.Match[bytes]:
        """Wait for exactly these bytes, so many bytes, or bytes that a pattern matches from their beginning.

        What comes after stays pending for the next call.

        Returns:
            The bytes, or the match.

        Raises:
            PeerError: other bytes came, or the stream ended or broke before.
        """
        if isinstance(what, int):
            while (come := len(self.received) - self._taken) < what:
                await self._more(f"{what} bytes, {come} have come")
            return self._take(what)
        if isinstance(what, re.Pattern):
            while True:
                found = what.match(self.received, self._taken)
                if found is not None:
                    self._taken = found.end()
                    return found
                await self._more(f"bytes that match {what.pattern!r}")
        while True:
            got = self.received[self._taken : self._taken + len(what)]
            if not what.startswith(got):
                raise PeerError(f"{self.name}: unexpected bytes; {first_difference(what, got)}")
            if len(got) == len(what):
                return self._take(len(what))
            await self._more(f"{what[len(got) :]!r}")

    async def expect_eof(self) -> None:
        """Wait for the end of the stream.

        Raises:
            PeerError: bytes are pending or come, or the connection breaks.
        """
        if self.pending:
            raise PeerError(f"{self.name}: expected the end of the stream, but {self.pending!r} is pending")
        if self._ended:
            return
        try:
            data = await self.stream.receive_some()
        except trio.BrokenResourceError as error:
            raise PeerError(f"{self.name}: expected the end of the stream, but it broke: {error}") from error
        if data:
            self.received += data
            raise PeerError(f"{self.name}: expected the end of the stream, but {data!r} came")
        self._ended = True

    async def expect_reset(self) -> None:
        """Wait until the other side resets the connection; pending bytes do not matter.

        Raises:
            PeerError: the stream ends in order, or bytes come.
        """
        try:
            data = await self.stream.receive_some()
        except trio.BrokenResourceError:
            return
        raise PeerError(f"{self.name}: expected a reset, but {f'{data!r} came' if data else 'the stream ended'}")

    async def expect_silence(self, seconds: float) -> None:
        """Let ``seconds`` pass in which nothing comes.

        Raises:
            PeerError: bytes are pending or come, or the stream ends.
        """
        if self.pending:
            raise PeerError(f"{self.name}: expected silence, but {self.pending!r} is pending")
        begun = trio.current_time()
        with trio.move_on_after(seconds):
            try:
                data = await self.stream.receive_some()
            except trio.BrokenResourceError as error:
                raise PeerError(f"{self.name}: expected silence, but the connection broke: {error}") from error
            self.received += data
            after = f"after {trio.current_time() - begun:.3f} s"
            raise PeerError(f"{self.name}: expected silence, but {repr(data) if data else 'the end'} came {after}")

    async def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            PeerError: the connection is broken.
        """
        try:
            await self.stream.send_all(data)
        except trio.BrokenResourceError as error:
            raise PeerError(f"{self.name}: could not send {data[:60]!r}: {error}") from error

    async def send_slowly(self, data: bytes, *, size: int = 1, interval: float = 0.1) -> None:
        """Send bytes in pieces of ``size`` with ``interval`` seconds between them.

        Raises:
            PeerError: the connection is broken.
            ValueError: ``size`` below 1.
        """
        if size < 1:
            raise ValueError(f"size={size!r}: bytes, 1 or more")
        for start in range(0, len(data), size):
            if start:
                await trio.sleep(interval)
            await self.send(data[start : start + size])

    async def send_eof(self) -> None:
        """End the sending side; receiving goes on.

        Raises:
            TypeError: the stream (TLS, say) cannot be half closed.
        """
        if not isinstance(self.stream, trio.abc.HalfCloseableStream):
            raise TypeError(f"{self.stream!r} cannot be half closed")
        await self.stream.send_eof()

    def reset(self) -> None:
        """Reset the connection: the other side sees ECONNRESET.

        Raises:
            TypeError: there is no socket below the stream.
        """
        stream = self.stream
        while isinstance(stream, trio.SSLStream):
            stream = stream.transport_stream
        if not isinstance(stream, trio.SocketStream):
            raise TypeError(f"only a SocketStream can be reset, also below TLS, not {self.stream!r}")
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        stream.socket.close()

    async def aclose(self) -> None:
        """Close the stream."""
        await self.stream.aclose()


@final
class RawListener:
    """Accepts connections as :class:`RawPeer`; made by ``VirtualNetwork.listen_raw``.

    Attributes:
        peers: those accepted so far; they are closed with the listener.
    """

    def __init__(self, listeners: Sequence[trio.SocketListener], *, name: str) -> None:
        self._listeners = listeners
        self._name = name
        self.peers: list[RawPeer] = []
        self._accepted: deque[trio.SocketStream] = deque()

    async def accept(self) -> RawPeer:
        """Wait for the next connection, over IPv4 or IPv6.

        Raises:
            trio.ClosedResourceError: the listener is closed, now or meanwhile.
            trio.BusyResourceError: another task waits already.
            OSError: its host has crashed.
        """
        failures: list[Exception] = []

        async def one(listener: trio.SocketListener) -> None:
            try:
                self._accepted.append(await listener.accept())
            except (OSError, trio.ClosedResourceError, trio.BusyResourceError) as failure:
                failures.append(failure)
            nursery.cancel_scope.cancel()

        # two may come in the same moment; the second waits here for the next call
        if not self._accepted:
            async with trio.open_nursery() as nursery:
                for listener in self._listeners:
                    nursery.start_soon(one, listener)
            if not self._accepted:
                raise failures[0]
        peer = RawPeer(self._accepted.popleft(), name=f"{self._name} peer {len(self.peers)}")
        self.peers.append(peer)
        return peer

    def close(self) -> None:
        """Close the listener and all peers, without a checkpoint."""
        for listener in self._listeners:
            listener.socket.close()
        for stream in self._accepted:
            stream.socket.close()
        for peer in self.peers:
            if isinstance(peer.stream, trio.SocketStream):
                peer.stream.socket.close()
