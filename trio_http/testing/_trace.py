"""The trace: everything the network did, in order, with virtual times.

How it works:
1. Recording is one append of a tuple. Payloads are kept by reference and hashed when somebody asks.
2. Kept payloads are bounded: past ``_KEPT_BYTES`` the oldest are hashed and let go, so a bulk transfer costs no memory.
3. Bytes of a TLS connection are random by design (OpenSSL draws them); of those the trace knows lengths and order only.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, final

__all__ = ["Trace", "TraceEvent"]

MODEL = "1"
"""The version of the network's rules; a seed means something only within one version."""
_KEPT_BYTES = 64 << 20
_SHOWN = 20
_Row = tuple[float, str, str, str, int, bytes | None, str]


class TraceEvent(NamedTuple):
    """One thing that happened.

    Attributes:
        time: seconds since the network began.
        host: whose socket or resolver it was.
        peer: the other side, as ``address:port``, or what was asked for.
        op: dns, listen, syn, established, refused, accept, send, recv, shutdown, eof, rst, close, partition, ...
        size: bytes moved, or 0.
        digest: hash of those bytes, 16 hex digits; empty where there are none or TLS hides them.
        label: the connection, such as ``app->10.0.0.2:80#1``.
    """

    time: float
    host: str
    peer: str
    op: str
    size: int
    digest: str
    label: str

    def __str__(self) -> str:
        moved = f" {self.size}B" if self.size else ""
        hashed = f" {self.digest}" if self.digest else ""
        return f"{self.time:.6f} {self.host} {self.op} {self.peer}{moved}{hashed} [{self.label}]"


def _hash(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=8).digest()


@final
class Trace:
    """The ordered record of one simulation. Iterating it gives :class:`TraceEvent`."""

    __slots__ = ("_folded", "_kept", "_opaque", "_rows", "enabled")

    def __init__(self, *, enabled: bool = True) -> None:
        self.enabled: bool = enabled
        self._rows: list[_Row] = []
        self._kept = 0
        # rows below this index hold hashes in place of payloads
        self._folded = 0
        self._opaque: set[str] = set()

    def add(  # one call a socket operation: positional on purpose
        self, time: float, host: str, peer: str, op: str, size: int, payload: bytes | None, label: str
    ) -> None:
        """Record one event; ``payload`` is kept by reference and must not change."""
        if not self.enabled:
            return
        self._rows.append((time, host, peer, op, size, payload, label))
        if payload is not None:
            self._kept += size
            if self._kept > _KEPT_BYTES:
                self._fold()

    def hide_bytes(self, label: str) -> None:
        """Count only lengths and order for the connection ``label``, because its bytes are TLS."""
        self._opaque.add(label)

    def _fold(self) -> None:
        rows = self._rows
        for index in range(self._folded, len(rows)):
            row = rows[index]
            if row[5] is not None:
                rows[index] = (*row[:5], _hash(row[5]), row[6])
        self._folded = len(rows)
        self._kept = 0

    def _hash_of(self, index: int) -> bytes:
        row = self._rows[index]
        payload = row[5]
        if payload is None or row[6] in self._opaque:
            return b""
        return payload if index < self._folded else _hash(payload)

    def payload(self, index: int) -> bytes | None:
        """Return the bytes of event ``index``, or None where there are none or they have been let go."""
        return None if index < self._folded else self._rows[index][5]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> TraceEvent:
        index = range(len(self._rows))[index]
        time, host, peer, op, size, _, label = self._rows[index]
        return TraceEvent(time, host, peer, op, size, self._hash_of(index).hex(), label)

    def __iter__(self) -> Iterator[TraceEvent]:
        return (self[index] for index in range(len(self._rows)))

    def last(self, count: int) -> list[TraceEvent]:
        """Return the last ``count`` events."""
        return [self[index] for index in range(max(0, len(self._rows) - count), len(self._rows))]

    def lines(self) -> list[str]:
        """Return one line of text for each event."""
        return [str(event) for event in self]

    def digest(self) -> str:
        """Return a hash over all events; equal digests mean equal simulations."""
        whole = blake2b(f"trio_http.testing model {MODEL}".encode(), digest_size=16)
        for index, (time, host, peer, op, size, _, label) in enumerate(self._rows):
            whole.update(f"{time!r}|{host}|{peer}|{op}|{size}|{label}|".encode())
            whole.update(self._hash_of(index))
        return whole.hexdigest()

    def shape(self) -> int:
        """Return a number for the order of operations alone, without times, sizes and bytes."""
        crc = 0
        for row in self._rows:
            crc = zlib.crc32(f"{row[6]}|{row[1]}|{row[3]};".encode(), crc)
        return crc

    def diff(self, other: Trace) -> str | None:
        """Return the first difference from another trace in words, or None if they are equal."""
        for index, (mine, theirs) in enumerate(zip(self, other, strict=False)):
            if mine != theirs:
                before = "".join(f"    {self[i]}\n" for i in range(max(0, index - 3), index))
                return f"event {index} differs:\n{before}  - {mine}\n  + {theirs}"
        if len(self) != len(other):
            longer, sign = (self, "-") if len(self) > len(other) else (other, "+")
            index = min(len(self), len(other))
            return f"one trace ends after {index} events, the other goes on:\n  {sign} {longer[index]}"
        return None

    def to_json(self) -> Iterable[str]:
        """Yield the trace as JSON lines: a header with the version of the model, then one object an event."""
        yield json.dumps({"trio_http.testing": MODEL, "events": len(self), "digest": self.digest()})
        for event in self:
            yield json.dumps(event._asdict())

    def save(self, path: str | Path) -> None:
        """Write the trace to a file: JSON lines if its name ends in ``.jsonl``, else lines of text."""
        path = Path(path)
        lines = self.to_json() if path.suffix == ".jsonl" else self.lines()
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def __str__(self) -> str:
        shown = self.last(_SHOWN)
        left = len(self) - len(shown)
        return (f"... {left} events before\n" if left else "") + "\n".join(map(str, shown))
