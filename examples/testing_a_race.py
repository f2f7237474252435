"""Find a race in a small program, shrink it to its cause, replay it.

Run it as a script to see the report, or by pytest to see the tests pass: ``python examples/testing_a_race.py``.
"""

from __future__ import annotations

import pytest
import trio

from trio_http.testing import Faults, VirtualNetwork, explore_seeds, simulate


class Store:
    """A server that keeps one value: ``GET`` reads it, ``SET value`` changes it."""

    def __init__(self) -> None:
        self.value = b"old"

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer one line."""
        async with stream:
            line = b""
            while not line.endswith(b"\n"):
                line += await stream.receive_some()
            if line.startswith(b"SET "):
                self.value = line[4:-1]
            await stream.send_all(self.value + b"\n")


async def ask(line: bytes) -> bytes:
    async with await trio.open_tcp_stream("store", 7000) as stream:
        await stream.send_all(line)
        answer = b""
        while not answer.endswith(b"\n"):
            answer += await stream.receive_some()
        return answer[:-1]


class Cache:
    """Keeps what the store said, until somebody changes it."""

    def __init__(self) -> None:
        self.kept: bytes | None = None
        self.changes = 0

    async def get(self) -> bytes:
        """Return the value, from memory if it is there."""
        if self.kept is None:
            self.kept = await ask(b"GET\n")  # the race: it may be stale when it arrives
        return self.kept

    async def set(self, value: bytes) -> None:
        """Change the value, and forget what was kept."""
        await ask(b"SET " + value + b"\n")
        self.kept = None


class CarefulCache(Cache):
    """The cure: what was asked for before a change is not kept after it."""

    async def get(self) -> bytes:
        """Return the value, from memory if it is there."""
        if self.kept is not None:
            return self.kept
        changes = self.changes
        value = await ask(b"GET\n")
        if changes == self.changes:
            self.kept = value
        return value

    async def set(self, value: bytes) -> None:
        """Change the value, and forget what was kept."""
        self.changes += 1
        await super().set(value)
        self.changes += 1


async def read_while_writing(net: VirtualNetwork, cache: Cache) -> None:
    store = Store()
    await net.host("store").start(trio.serve_tcp, store.serve, 7000)
    with net.host("app").active():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cache.get)
            nursery.start_soon(cache.set, b"new")
        assert await cache.get() == store.value, "the cache is stale"


async def program(net: VirtualNetwork) -> None:
    await read_while_writing(net, Cache())


async def cured(net: VirtualNetwork) -> None:
    await read_while_writing(net, CarefulCache())


FAULTS = Faults(delay=0.3, short_read=0.3, short_write=0.2)


def test_the_race_is_found_and_replayed() -> None:
    found = explore_seeds(program, seeds=1000, faults=FAULTS).failure
    assert found is not None
    keys = [event.key for event in found.needed]
    with pytest.raises(AssertionError, match="the cache is stale"):
        simulate(program, seed=found.seed, faults=found.run.faults, only=keys, world=found.run.world)


def test_the_cure_holds() -> None:
    done = explore_seeds(cured, seeds=300, faults=FAULTS)
    assert done.failure is None, done.failure.report


if __name__ == "__main__":
    exploration = explore_seeds(program, seeds=1000, faults=FAULTS)
    print(exploration)
    print(exploration.failure.report if exploration.failure else "no failure found")
