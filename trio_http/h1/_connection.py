"""One HTTP/1.1 connection, seen from one side: bytes in, events out; events in, bytes out. It does no I/O."""

from __future__ import annotations

from collections.abc import Iterable

from ._exchange import Exchange
from ._profile import QUIRKS, Limits, profile_of
from ._receiving import Receiving
from ._sending import Sending
from ._sentinels import CLIENT, Sentinel

__all__ = ["DEFAULT_MAX_INCOMPLETE_EVENT_SIZE", "Connection"]

# h11's default. Precedents: node.js 80 KiB (now 16), tomcat 8 KiB, IIS 16 KiB, Apache 8 KiB for each line.
DEFAULT_MAX_INCOMPLETE_EVENT_SIZE = 16 * 1024


class Connection(Receiving, Sending):
    """The state of one HTTP/1.1 connection.

    Args:
        our_role: :data:`CLIENT` or :data:`SERVER`.
        max_incomplete_event_size: The most bytes of a head, a chunk size line or a trailer section, where ``limits``
            does not say otherwise.
        strict: Refuse everything that RFC 9112 calls invalid. The default is what h11 takes.
        lenient: Quirks (keys of :data:`QUIRKS`) that a strict client takes all the same.
        limits: Finer limits.

    Raises:
        ValueError: The role is neither, a quirk is unknown, or a server is asked to be lenient.
    """

    __slots__ = ()

    def __init__(
        self,
        our_role: type[Sentinel],
        max_incomplete_event_size: int = DEFAULT_MAX_INCOMPLETE_EVENT_SIZE,
        *,
        strict: bool = False,
        lenient: Iterable[str] = (),
        limits: Limits | None = None,
    ) -> None:
        quirks = frozenset(lenient)
        if quirks:
            if our_role is not CLIENT:
                raise ValueError(
                    "lenient= is for clients: a server that repairs what it receives opens a way to smuggle requests"
                )
            unknown = quirks.difference(QUIRKS)
            if unknown:
                raise ValueError(f"unknown quirks {sorted(unknown)}; known are {sorted(QUIRKS)}")
        Exchange.__init__(self, our_role, profile_of(strict, quirks, limits, max_incomplete_event_size))

    def start_next_cycle(self) -> None:
        """Begin the next exchange on this connection.

        Raises:
            LocalProtocolError: Not both sides are DONE.
        """
        self._now = self._now.next_cycle()
        self._request_method = None
