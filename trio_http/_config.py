"""The options that people set: timeouts in seconds, limits in bytes and counts; None means no limit.

All are frozen; :meth:`replace` gives a changed copy. Each default carries its precedent.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Self, TypeVar

__all__ = ["ClientLimits", "ClientTimeouts", "MinRate", "ServerLimits", "ServerTimeouts", "chosen"]

Options = TypeVar("Options")

KIB = 1024
MIB = 1024 * KIB


class _Options:
    """What the option classes share: checks on the values that are not None, and changed copies."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, field.name)
            if value is not None:
                self._check(field.name, value)

    def _check(self, name: str, value: object) -> None:
        raise NotImplementedError

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some options changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]  # as above

    def _check_seconds(self, name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            self._refuse(name, value, "seconds as a positive number, or None for never")

    def _refuse(self, name: str, value: object, wanted: str) -> None:
        raise ValueError(f"{type(self).__name__}({name}={value!r}) makes no sense: give {wanted}")


class _Timeouts(_Options):
    """Options that are all seconds, or None for never."""

    def _check(self, name: str, value: object) -> None:
        self._check_seconds(name, value)


class _Limits(_Options):
    """Options that are whole numbers, seconds where the name ends in ``_timeout``, or None for no limit."""

    def _check(self, name: str, value: object) -> None:
        if name.endswith("_timeout"):
            self._check_seconds(name, value)
        elif name == "min_rate":
            if not isinstance(value, MinRate):
                self._refuse(name, value, "a MinRate(...), or None for no limit")
        elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self._refuse(name, value, "a whole number of at least 0, or None for no limit")


@dataclass(frozen=True, slots=True)
class MinRate:
    """How slow a body may be: fewer than ``rate`` bytes per second, averaged, once ``after`` seconds have passed."""

    rate: int
    after: float = 5.0

    def __post_init__(self) -> None:
        if not self.rate > 0 or not 0 <= self.after < math.inf:
            raise ValueError(
                f"MinRate(rate={self.rate!r}, after={self.after!r}) makes no sense: "
                "give a positive number of bytes per second, and seconds of grace"
            )


@dataclass(frozen=True, kw_only=True)
class ServerTimeouts(_Timeouts):
    """How long a server waits for its peers, in seconds; None means for ever.

    ``read`` and ``write`` mean *no progress* for that long, not the length of a whole transfer.
    """

    handshake: float | None = 10.0  # for TLS; Go's DefaultTransport 10 s, asyncio and hypercorn 60 s
    head: float | None = 30.0  # from the first byte of a request head to its end; hyper and Kestrel 30 s, nginx 60 s
    read: float | None = 30.0  # between two pieces of a request body; nginx client_body_timeout 60 s, Apache 20 s
    write: float | None = 30.0  # until the peer takes a byte; nginx send_timeout 60 s
    idle: float | None = 75.0  # between two requests; nginx 75 s, Kestrel 130 s, uvicorn 5 s
    handler: float | None = None  # the whole exchange; off, as everywhere: only the application can know


@dataclass(frozen=True, kw_only=True)
class ClientTimeouts(_Timeouts):
    """How long a client waits, by phase, in seconds; None means for ever. ``total`` spans all phases."""

    connect: float | None = 10.0  # names and TCP; undici 10 s, aiohttp 30 s, curl 300 s
    handshake: float | None = 10.0  # Go's DefaultTransport: 10 s
    pool: float | None = 30.0  # for a free connection of the pool; aiohttp: no limit, httpx 5 s
    write: float | None = 30.0  # until the peer takes a byte; httpx 5 s
    read: float | None = 30.0  # until a byte arrives; httpx 5 s, undici 300 s
    idle: float | None = 15.0  # how long an unused connection is kept; aiohttp 15 s, httpx 5 s, Go 90 s
    total: float | None = None  # the whole request with redirects, retries and body


@dataclass(frozen=True, kw_only=True)
class ServerLimits(_Limits):
    """How much a server takes from its peers: bytes and counts; None means without limit."""

    connections: int | None = None  # open at once; then accepting pauses; Kestrel: no limit
    concurrency: int | None = None  # requests handled at once; more wait in line, or are answered 503
    queue: int | None = 0  # requests that may wait for one of those places; 0: answered 503 at once
    queue_timeout: float | None = 5.0  # seconds they wait at most; then 503
    requests_per_connection: int | None = None  # no limit, as in Go; nginx and hypercorn 1000
    target: int | None = 8 * KIB  # RFC 9112 section 3 recommends 8000 octets at least; nginx and Kestrel 8 KiB
    head: int | None = 64 * KIB  # request line and all fields; h11 and node 16 KiB, Kestrel 32, tornado 64, Go 1 MiB
    header_count: int | None = 100  # Apache, hyper and Kestrel 100
    trailers: int | None = 16 * KIB  # all trailer fields of a chunked body
    chunk_line: int | None = 256  # chunk size and extensions; Go: 4096, CVE-2023-39326 counts their sum
    body: int | None = 10 * MIB  # nginx 1 MiB, axum 2 MB, Kestrel 30 MB, Tornado 100 MiB; routes may allow more
    decompressed: int | None = 64 * MIB  # of a request body whose content coding we undo
    drain: int | None = 64 * KIB  # of an unread body, to keep the connection; Go 256 KiB
    pipelined: int | None = 16  # requests answered before others get a turn
    min_rate: MinRate | None = MinRate(240)  # ASP.NET's Kestrel: 240 B/s after 5 s, both ways
    buffer: int | None = 64 * KIB  # of a connection, read before anybody asked for them


@dataclass(frozen=True, kw_only=True)
class ClientLimits(_Limits):
    """How much a client uses and takes: bytes and counts; None means without limit."""

    connections: int | None = 100  # of one client, open at once; aiohttp and httpx 100
    per_origin: int | None = None  # of these, to one origin; aiohttp: no limit
    idle: int | None = 20  # kept open unused; httpx 20, Go 100
    max_age: int | None = None  # seconds a connection may be used for; for those who move names about
    head: int | None = 64 * KIB  # status line and all fields of a response
    header_count: int | None = 200  # hyper's client 100
    informational: int | None = 16  # 1xx responses before the final one; Go 5
    body: int | None = 100 * MIB  # of a response that is read whole; Tornado 100 MiB
    ratio: int | None = None  # decompressed bytes for one on the wire
    redirects: int | None = 10  # of one request; Go and aiohttp 10, httpx 20


def chosen(kind: type[Options], given: Options | None, option: str) -> Options:
    """Return the options that were given, or the defaults.

    Raises:
        TypeError: What was given is something else, such as a number.
    """
    if given is None:
        return kind()
    if not isinstance(given, kind):
        raise TypeError(f"{option}={given!r}: expected {kind.__name__}(...), which names what it is about")
    return given
