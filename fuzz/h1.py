"""Throw mutated bytes at the core for some seconds: ``python fuzz/h1.py 60 [seed]``.

Three things must hold for every stream: nothing but RemoteProtocolError is raised; how the bytes were cut makes no
difference, in any profile; and the default profile tells the same as h11. A failure prints the seed and the stream.
"""

# ruff: noqa: D103, E402, S311, T201  (a script that prints, and borrows the kit of the tests)

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests" / "h1")]

import h11
from h1_kit import cut, tell
from test_h1_splitting import CLIENTS, SERVERS, outcome

from trio_http import h1

REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"GET http://a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03",
    b"\r\nOPTIONS * HTTP/1.1\r\nHost: [::1]\r\nUpgrade: x\r\nExpect: 100-continue\r\n\r\n",
]
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nX: y\r\n z\r\n\r\nhello",
    b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\nabc",
    b"HTTP/1.1 304 Not\nETag: x\n\n",
]
PARTS = [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b",", b"\x00", b"\x7f", b"\xff", b"0", b"+", b"-", b"_"]
PARTS += [b"chunked", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: a\r\n", b"HTTP/1.1"]
PARTS += [b"\r\n\r\n", b"0\r\n\r\n"]


def mutate(chance: random.Random, stream: bytes) -> bytes:
    for _ in range(chance.randint(0, 4)):
        at = chance.randint(0, len(stream))
        what = chance.randint(0, 3)
        if what == 0:
            stream = stream[:at] + chance.choice(PARTS) + stream[at:]
        elif what == 1:
            stream = stream[:at] + stream[at + chance.randint(1, 4) :]
        elif what == 2:
            stream = stream[:at] + chance.choice(PARTS) + stream[at + 1 :]
        else:
            end = chance.randint(at, len(stream))
            stream += stream[at:end]
    return stream


def attempt(chance: random.Random) -> None:
    for_client = chance.random() < 0.5
    stream = mutate(chance, chance.choice(RESPONSES if for_client else REQUESTS))
    places = [chance.randint(0, len(stream)) for _ in range(chance.randint(0, 6))]
    eof = chance.random() < 0.5
    ask = (chance.choice(["GET", "HEAD", "CONNECT"]), chance.choice(["", "x"])) if for_client else None
    whole = [stream] if stream else []
    try:
        for make in (CLIENTS if for_client else SERVERS).values():
            seen = outcome(tell(h1, make, whole, eof=eof, ask=ask))
            assert seen == outcome(tell(h1, make, cut(stream, places), eof=eof, ask=ask))
        role = "CLIENT" if for_client else "SERVER"
        ours = tell(h1, lambda: h1.Connection(getattr(h1, role)), cut(stream, places), eof=eof, ask=ask)
        theirs = tell(h11, lambda: h11.Connection(getattr(h11, role)), cut(stream, places), eof=eof, ask=ask)
        assert (ours.events, ours.error, ours.states) == (theirs.events, theirs.error, theirs.states)
    except BaseException:
        print(f"stream {stream!r}\ncut at {places}, eof {eof}, ask {ask}", file=sys.stderr)
        raise


def main(seconds: float, seed: int) -> None:
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    count = 0
    print(f"seed {seed}, {seconds:g} s")
    while time.monotonic() < end:
        attempt(chance)
        count += 1
    print(f"{count} streams, no fault")


if __name__ == "__main__":
    main(
        float(sys.argv[1]) if len(sys.argv) > 1 else 60,
        int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32),
    )
