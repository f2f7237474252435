"""Sparing a server that fails: after some failures in a row it is not asked for a while (a circuit breaker)."""

from __future__ import annotations

import math
from collections.abc import Set as AbstractSet
from typing import final

import trio

from .._errors import CircuitOpen, HTTPError, HTTPTimeout, PoolTimeout, RemoteProtocolError, TransportError
from ..messages import Handler, Request, Response
from ._options import check_count, check_seconds

__all__ = ["CircuitBreaker"]

ORIGINS_MAX = 1024  # origins with failures that are remembered; then the one that has failed least lately is forgotten


class _Circuit:
    """What is known of an origin whose last request has failed."""

    __slots__ = ("count", "is_trying", "last", "since", "until")

    def __init__(self) -> None:
        self.count = 0  # failures in a row
        self.last = ""
        self.since = -math.inf  # when the last of them was
        self.until = -math.inf  # when it may be asked again
        self.is_trying = False


@final
class CircuitBreaker:
    """Stop asking an origin that keeps failing; a middleware: ``Client(middleware=[CircuitBreaker()])``.

    After so many failed requests in a row those to that origin are refused at once, with :class:`CircuitOpen`. When the
    time is over one is let through: if it succeeds, so are all; if it fails, the time begins anew. It fails fast, so
    that callers do not pile up behind a server that is gone, and gives that server the quiet to come back.

    A failure is a connection that cannot be made or breaks, a deadline of the client (but not the waiting for its own
    pool), an answer that is no HTTP, or one with a status of ``on``. A request that is cancelled says nothing about the
    server. Retries and redirects belong to their request: it counts once, for the origin it was made to. One object may
    serve several clients, which share what it knows then.

    Args:
        failures: How many in a row.
        cooldown: Seconds until the server is tried again.
        on: The statuses that are failures.

    Raises:
        ValueError: A number makes no sense.
    """

    __slots__ = ("_circuits", "_cooldown", "_failures", "_on")

    def __init__(
        self,
        failures: int = 5,
        *,
        cooldown: float = 30.0,
        on: AbstractSet[int] = frozenset({500, 502, 503, 504}),
    ) -> None:
        if not check_count("failures", failures):
            raise ValueError(f"failures={failures!r} makes no sense: give at least 1")
        self._failures = failures
        self._cooldown = check_seconds("cooldown", cooldown)
        self._on = on
        self._circuits: dict[str, _Circuit] = {}  # by origin, the one that has failed last at the end

    async def __call__(self, request: Request, call: Handler) -> Response:
        """Send the request, unless its server is to be spared.

        Raises:
            CircuitOpen: It is; nothing was sent.
            HTTPError: As it goes.
        """
        origin = request.url.origin
        trial = self._admit(request, origin)
        try:
            response = await call(request)
        except HTTPError as error:
            if _is_failure(error):
                self._note_failure(origin, trial, f"{type(error).__name__}: {error}")
            raise
        finally:
            if trial is not None:
                trial.is_trying = False
        if response.status in self._on:
            self._note_failure(origin, trial, f"status {response.status}")
        else:
            self._circuits.pop(origin, None)
        return response

    def _admit(self, request: Request, origin: str) -> _Circuit | None:
        """Let a request pass; return the circuit if it is the one that tries."""
        circuit = self._circuits.get(origin)
        if circuit is None or circuit.count < self._failures:
            return None
        now = trio.current_time()
        left = circuit.until - now
        if left <= 0 and not circuit.is_trying:
            circuit.is_trying = True
            return circuit
        when = f"it is tried again in {left:.1f} s" if left > 0 else "another request is trying it just now"
        raise CircuitOpen(
            f"{request.method} {request.url.redacted}: not sent, {origin} has failed {circuit.count} times in a row, "
            f"the last time {now - circuit.since:.1f} s ago ({circuit.last}); {when} (CircuitBreaker({self._failures}, "
            f"cooldown={self._cooldown:g}))",
            seconds=max(0.0, left),
        )

    def _note_failure(self, origin: str, trial: _Circuit | None, text: str) -> None:
        circuits = self._circuits
        circuit = circuits.pop(origin, None) or _Circuit()
        circuits[origin] = circuit  # at the end
        if len(circuits) > ORIGINS_MAX:
            del circuits[next(iter(circuits))]
        circuit.count += 1
        circuit.last = text
        circuit.since = trio.current_time()
        # those that were under way when it opened do not prolong it
        if circuit is trial or circuit.count == self._failures:
            circuit.until = circuit.since + self._cooldown


def _is_failure(error: HTTPError) -> bool:
    return isinstance(error, TransportError | HTTPTimeout | RemoteProtocolError) and not isinstance(error, PoolTimeout)
