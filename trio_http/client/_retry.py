"""When to try again, and when to stop: a policy, and the budget that keeps a sick server from being trampled."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import final

from .. import _clock
from .._entropy import random_unit
from .._errors import (
    ConnectError,
    ConnectTimeout,
    HandshakeTimeout,
    HTTPError,
    IncompleteBody,
    PoolError,
    ProxyError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    WriteError,
)
from ..semantics import Headers, parse_http_date

__all__ = ["Budget", "Retry", "retry_of"]

# nothing of the request can have had an effect
_NOT_ARRIVED = (ConnectError, ConnectTimeout, HandshakeTimeout, ProxyError)
_BROKEN = (ReadError, WriteError, ReadTimeout, RemoteProtocolError)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When a request is sent again.

    A request is only repeated if its body can be; one whose method is not idempotent (POST, PATCH) only where nothing
    of it can have arrived, or if the server answered 429 or 503, or if it has an ``Idempotency-Key`` field.

    Attributes:
        attempts: How often in all, the first time included.
        on: The status codes to try again after.
        errors: Try again after a failed connection and a broken one, too.
        backoff: Seconds before the second attempt; twice as long before each further one.
        max_backoff: The longest wait in seconds; a ``Retry-After`` beyond it ends the trying.
        jitter: How much of each wait is left to chance, 0 to 1; so that clients do not come back all at once.
        budget: Retries allowed for each request, averaged over the client's life, after the first ten; None for any
            number. A server that fails everything is then asked 1.2 times as often as a sound one, not three times.
    """

    attempts: int = 3
    on: AbstractSet[int] = frozenset({429, 502, 503, 504})
    errors: bool = True
    backoff: float = 0.5
    max_backoff: float = 30.0
    jitter: float = 0.5
    budget: float | None = 0.2

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.backoff < 0 or self.max_backoff < 0 or not 0 <= self.jitter <= 1:
            raise ValueError(
                f"{self!r} makes no sense: give at least 1 attempt, waits of at least 0 seconds, and a jitter of 0 to 1"
            )

    def delay_after_error(self, error: HTTPError, attempt: int, *, repeatable: bool) -> float | None:
        """Return how many seconds to wait before trying again, or None not to.

        Args:
            error: What went wrong.
            attempt: How often it has been tried.
            repeatable: Sending it twice does no more than sending it once.
        """
        if not self.errors or attempt >= self.attempts or isinstance(error, PoolError | IncompleteBody):
            return None
        if isinstance(error, _NOT_ARRIVED) or (repeatable and isinstance(error, _BROKEN)):
            return self._pause(attempt)
        return None

    def delay_after_status(self, status: int, headers: Headers, attempt: int, *, repeatable: bool) -> float | None:
        """Return how many seconds to wait before trying again, or None to take the response as it is."""
        if status not in self.on or attempt >= self.attempts or not (repeatable or status in {429, 503}):
            return None
        asked = _retry_after(headers)
        if asked is None:
            return self._pause(attempt)
        return None if asked > self.max_backoff else asked

    def _pause(self, attempt: int) -> float:
        pause = min(self.max_backoff, self.backoff * 2.0 ** min(64, attempt - 1))
        return pause * (1 - self.jitter * random_unit())


def _retry_after(headers: Headers) -> float | None:
    value = headers.get("retry-after")
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parse_http_date(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - _clock.wall())


@final
class Budget:
    """Counts requests against retries, for one client."""

    __slots__ = ("_tokens",)

    RESERVE = 10.0

    def __init__(self) -> None:
        self._tokens = self.RESERVE

    def deposit(self, share: float) -> None:
        """Note a request."""
        self._tokens = min(self._tokens + share, self.RESERVE * 10)

    def withdraw(self) -> bool:
        """Note a retry; False if there have been too many."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def retry_of(given: Retry | int | None) -> Retry | None:
    """Return what a user gave as a :class:`Retry`.

    Raises:
        TypeError: It is something else.
    """
    if given is None or isinstance(given, Retry):
        return given
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"retry= takes a Retry, a number of attempts, or None, not {type(given).__name__}")
    return Retry(attempts=given)
