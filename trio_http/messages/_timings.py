"""How long the parts of a client's request took."""

from __future__ import annotations

from typing import final

__all__ = ["Timings"]


@final
class Timings:
    """Seconds on trio's clock, of the last attempt of a request; None for what has not happened (yet).

    Attributes:
        began: When the request was begun, an instant on trio's clock; so are the next four.
        acquired: When it had a connection, opened if need be.
        sent: When its head, and a body that was in memory, had been taken by the connection.
        answered: When the head of the final response was there.
        ended: When the body had been read, or given up.
        dns: Seconds spent on resolving the name; 0.0 on a connection that was kept.
        connect: Seconds spent on connecting, names included; 0.0 likewise.
        tls: Seconds spent on TLS handshakes; 0.0 likewise.
    """

    __slots__ = ("acquired", "answered", "began", "connect", "dns", "ended", "sent", "tls")

    def __init__(self, began: float) -> None:
        self.began: float = began
        self.acquired: float | None = None
        self.sent: float | None = None
        self.answered: float | None = None
        self.ended: float | None = None
        self.dns: float = 0.0
        self.connect: float = 0.0
        self.tls: float = 0.0

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={value:.6f}"
            for name in ("queue", "dns", "connect", "tls", "first_byte", "total")
            if (value := getattr(self, name)) is not None
        )
        return f"<Timings {shown}>"

    @property
    def queue(self) -> float | None:
        """Seconds spent on waiting for a connection to come free."""
        return None if self.acquired is None else max(0.0, self.acquired - self.began - self.connect - self.tls)

    @property
    def first_byte(self) -> float | None:
        """Seconds from having a connection to the head of the final response."""
        return None if self.answered is None or self.acquired is None else self.answered - self.acquired

    @property
    def total(self) -> float | None:
        """Seconds from the beginning to the end."""
        return None if self.ended is None else self.ended - self.began
