"""What both halves of a connection share: who we are, how far the exchange has come, and what was asked."""

from __future__ import annotations

from ._profile import Profile
from ._sentinels import CLIENT, CLOSED, ERROR, SERVER, Sentinel
from ._state import START, Situation

__all__ = ["CHUNKED", "COUNTED", "UNTIL_CLOSE", "Exchange"]

# How a body is framed (RFC 9112 section 6.3); no body is a counted one of no bytes.
COUNTED = 0
CHUNKED = 1
UNTIL_CLOSE = 2


class Exchange:
    """The state of the running exchange, seen from one side."""

    # Those named `_in_` belong to the receiving half, `_out_` to the sending half. They all stand here because of
    # two classes with slots only one can be inherited along with another.
    __slots__ = (
        "__weakref__",
        "_closed",
        "_data",
        "_extensions",
        "_host",
        "_in_kind",
        "_in_left",
        "_in_length",
        "_is_client",
        "_lines",
        "_now",
        "_out_kind",
        "_out_left",
        "_phase",
        "_pos",
        "_profile",
        "_request_method",
        "_scanned",
        "_skipped_crlf",
        "_stall_size",
        "_stalled",
        "_their_keep_alive",
        "client_is_waiting_for_100_continue",
        "our_role",
        "their_http_version",
        "their_role",
    )

    our_role: type[Sentinel]
    their_role: type[Sentinel]
    their_http_version: bytes | None
    client_is_waiting_for_100_continue: bool

    def __init__(self, our_role: type[Sentinel], profile: Profile) -> None:
        if our_role is not CLIENT and our_role is not SERVER:
            raise ValueError(f"expected CLIENT or SERVER, not {our_role!r}")
        self.our_role = our_role
        self.their_role = SERVER if our_role is CLIENT else CLIENT
        self._is_client = our_role is CLIENT
        self._profile = profile
        self._now: Situation = START
        self._request_method: bytes | None = None
        self.their_http_version = None
        self.client_is_waiting_for_100_continue = False
        self._their_keep_alive = True
        # the receiving half: see _buffer and _bodies
        self._data: bytes | bytearray = b""
        self._pos = 0
        self._closed = False
        self._stalled = False
        self._stall_size: float = 0
        self._scanned = 0
        self._lines = 0
        self._skipped_crlf = False
        self._host: bytes | None = None
        self._in_kind = COUNTED
        self._in_left = 0
        self._in_length: int | None = 0
        self._phase = 0
        self._extensions = 0
        # the sending half: see _sending
        self._out_kind = COUNTED
        self._out_left = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.our_role!r}: {self._now!r}, {len(self._data) - self._pos} B buffered>"

    @property
    def _cstate(self) -> Situation:
        # h11's name for what holds the states; its own tests print it
        return self._now

    @property
    def states(self) -> dict[type[Sentinel], type[Sentinel]]:
        """Both states: ``{CLIENT: ..., SERVER: ...}``."""
        return dict(self._now.states)

    @property
    def our_state(self) -> type[Sentinel]:
        """Our state."""
        return self._now.client if self._is_client else self._now.server

    @property
    def their_state(self) -> type[Sentinel]:
        """The peer's state."""
        return self._now.server if self._is_client else self._now.client

    @property
    def they_are_waiting_for_100_continue(self) -> bool:
        """Whether we are a server whose client waits for ``100 Continue`` before it sends its body."""
        return not self._is_client and self.client_is_waiting_for_100_continue

    def _informed(self, status: int) -> None:
        """Note an informational response: 100 says that the body may come (RFC 9110 section 10.1.1)."""
        if status == 100 or not self._profile.strict:  # h11 takes any of them for it
            self.client_is_waiting_for_100_continue = False

    @property
    def their_keep_alive(self) -> bool:
        """Whether the peer's last head allows another exchange on this connection."""
        return self._their_keep_alive

    @property
    def keep_alive(self) -> bool:
        """Whether nothing that was sent or received forbids another exchange on this connection."""
        now = self._now
        return now.keep_alive and not {now.client, now.server} & {ERROR, CLOSED}
