"""The marks of the protocol: roles, states, and the two answers that are no events.

A sentinel is its own type, so that ``type(connection.next_event())`` can be looked up in one table together with the
classes of events. It compares by identity and prints as its name.
"""

# ruff: noqa: N801  (marks are constants that happen to be classes)

from __future__ import annotations

from typing import Any

__all__ = [
    "CLIENT",
    "CLOSED",
    "DONE",
    "ERROR",
    "IDLE",
    "MIGHT_SWITCH_PROTOCOL",
    "MUST_CLOSE",
    "NEED_DATA",
    "PAUSED",
    "SEND_BODY",
    "SEND_RESPONSE",
    "SERVER",
    "SWITCHED_PROTOCOL",
    "SWITCH_CONNECT",
    "SWITCH_UPGRADE",
    "Sentinel",
]


class Sentinel(type):
    """The type of all marks; write ``class NAME(Sentinel, metaclass=Sentinel)`` to make one."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Sentinel:
        """Make a mark, and make it its own type."""
        mark = super().__new__(mcs, name, bases, namespace)
        mark.__class__ = mark  # type: ignore[assignment]  # the point of the class: type(MARK) is MARK
        return mark

    def __repr__(cls) -> str:
        return cls.__name__


# ---------------------------------------------------------------- roles


class CLIENT(Sentinel, metaclass=Sentinel):
    """The side that sends requests."""


class SERVER(Sentinel, metaclass=Sentinel):
    """The side that sends responses."""


# ---------------------------------------------------------------- states


class IDLE(Sentinel, metaclass=Sentinel):
    """Nothing of the current exchange has been sent."""


class SEND_RESPONSE(Sentinel, metaclass=Sentinel):
    """A request has begun; the server owes the head of its response."""


class SEND_BODY(Sentinel, metaclass=Sentinel):
    """The head is out; the body, perhaps empty, is not complete."""


class DONE(Sentinel, metaclass=Sentinel):
    """The message is complete, and the connection may be used again."""


class MUST_CLOSE(Sentinel, metaclass=Sentinel):
    """The message is complete, or will never be sent; all that is left is to close."""


class CLOSED(Sentinel, metaclass=Sentinel):
    """This side has closed."""


class ERROR(Sentinel, metaclass=Sentinel):
    """This side broke the protocol; nothing more can come from it."""


class MIGHT_SWITCH_PROTOCOL(Sentinel, metaclass=Sentinel):
    """The client asked for another protocol, sent all it had to, and waits for the answer."""


class SWITCHED_PROTOCOL(Sentinel, metaclass=Sentinel):
    """What follows is no HTTP."""


# ---------------------------------------------------------------- ways out of HTTP


class SWITCH_UPGRADE(Sentinel, metaclass=Sentinel):
    """By a 101 response to an Upgrade field."""


class SWITCH_CONNECT(Sentinel, metaclass=Sentinel):
    """By a 2xx response to CONNECT."""


# ---------------------------------------------------------------- answers that are no events


class NEED_DATA(Sentinel, metaclass=Sentinel):
    """No event is complete: receive more bytes first."""


class PAUSED(Sentinel, metaclass=Sentinel):
    """There may be more bytes, but they belong to the next exchange, or to another protocol."""
