"""The state machine of an exchange: tables first, then their compilation into direct look-ups.

How it works:

* Rule 1: whatever decides about states stands in this file, in the tables if it fits there.
* Rule 2: nothing here knows which side we are. Client and server are judged by the same tables.

Four small machines run side by side: the client's state, the server's state, whether the connection may be kept
(True, and once False it stays so), and which ways out of HTTP the client has proposed (Upgrade, CONNECT).

*Events* move them. The client's machine sees what the client sends. The server's sees what the server sends, and
the client's Request, too, written ``(Request, CLIENT)``; a response that accepts a proposal is seen as
``(InformationalResponse, SWITCH_UPGRADE)`` or ``(Response, SWITCH_CONNECT)``. A Response that accepts nothing ends
all proposals.

*Joint states* move them, too, whatever led there: the rules of :func:`_settle` are applied until nothing changes.
Of two that are possible at once, DONE -> MIGHT_SWITCH_PROTOCOL goes before DONE -> MUST_CLOSE: an HTTP/1.0 client
that sends CONNECT either switches, and then closing is no business of ours, or is refused and comes back to DONE.

All combinations together are a few hundred at most, so each is one :class:`Situation`, made when first needed and
kept for ever; its outgoing moves are dictionaries that fill themselves from the tables. A connection holds a
reference to its situation, and a move costs one dictionary look-up.
"""

from __future__ import annotations

from typing import Final, final

from .._errors import LocalProtocolError
from ._events import ConnectionClosed, Data, EndOfMessage, Event, InformationalResponse, Request, Response
from ._sentinels import (
    CLIENT,
    CLOSED,
    DONE,
    ERROR,
    IDLE,
    MIGHT_SWITCH_PROTOCOL,
    MUST_CLOSE,
    SEND_BODY,
    SEND_RESPONSE,
    SERVER,
    SWITCH_CONNECT,
    SWITCH_UPGRADE,
    SWITCHED_PROTOCOL,
    Sentinel,
)

__all__ = ["EVENT_TRIGGERED_TRANSITIONS", "START", "STATE_TRIGGERED_TRANSITIONS", "Situation"]

Mark = type[Sentinel]
EventKey = type[Event] | tuple[type[Event], Mark]

EVENT_TRIGGERED_TRANSITIONS: dict[Mark, dict[Mark, dict[EventKey, Mark]]] = {
    CLIENT: {
        IDLE: {Request: SEND_BODY, ConnectionClosed: CLOSED},
        SEND_BODY: {Data: SEND_BODY, EndOfMessage: DONE},
        DONE: {ConnectionClosed: CLOSED},
        MUST_CLOSE: {ConnectionClosed: CLOSED},
        CLOSED: {ConnectionClosed: CLOSED},
        MIGHT_SWITCH_PROTOCOL: {},
        SWITCHED_PROTOCOL: {},
        ERROR: {},
    },
    SERVER: {
        IDLE: {(Request, CLIENT): SEND_RESPONSE, Response: SEND_BODY, ConnectionClosed: CLOSED},
        SEND_RESPONSE: {
            InformationalResponse: SEND_RESPONSE,
            Response: SEND_BODY,
            (InformationalResponse, SWITCH_UPGRADE): SWITCHED_PROTOCOL,
            (Response, SWITCH_CONNECT): SWITCHED_PROTOCOL,
        },
        SEND_BODY: {Data: SEND_BODY, EndOfMessage: DONE},
        DONE: {ConnectionClosed: CLOSED},
        MUST_CLOSE: {ConnectionClosed: CLOSED},
        CLOSED: {ConnectionClosed: CLOSED},
        SWITCHED_PROTOCOL: {},
        ERROR: {},
    },
}

# (client's state, server's state) -> whose state changes to what; the rules about keeping the connection and about
# proposals are in _settle
STATE_TRIGGERED_TRANSITIONS: dict[tuple[Mark, Mark], dict[Mark, Mark]] = {
    (MIGHT_SWITCH_PROTOCOL, SWITCHED_PROTOCOL): {CLIENT: SWITCHED_PROTOCOL},
    # one side is gone, so the other is not used again
    (CLOSED, DONE): {SERVER: MUST_CLOSE},
    (CLOSED, IDLE): {SERVER: MUST_CLOSE},
    (ERROR, DONE): {SERVER: MUST_CLOSE},
    (DONE, CLOSED): {CLIENT: MUST_CLOSE},
    (IDLE, CLOSED): {CLIENT: MUST_CLOSE},
    (DONE, ERROR): {CLIENT: MUST_CLOSE},
}

NO_PROPOSALS: Final[frozenset[Mark]] = frozenset()


@final
class _Moves(dict[EventKey, "Situation"]):
    """Where each event of one side leads from one situation; a missing one is worked out when first asked for."""

    __slots__ = ("role", "situation")

    def __init__(self, situation: Situation, role: Mark) -> None:
        super().__init__()
        self.situation = situation
        self.role = role

    def __missing__(self, event: EventKey) -> Situation:
        after = _after(self.situation, self.role, event)
        self[event] = after
        return after


@final
class Situation:
    """One combination of everything the machine knows. There is one object for each, so compare by identity.

    Attributes:
        client: The client's state.
        server: The server's state.
        keep_alive: Whether nobody has said yet that the connection ends with this exchange.
        proposals: The ways out of HTTP that the client proposed and the server has not refused.
        states: Both states by role.
        on_client: The situation after an event of the client; asking for one that is not allowed raises.
        on_server: Likewise of the server.
    """

    __slots__ = ("_not_kept", "client", "keep_alive", "on_client", "on_server", "proposals", "server", "states")

    def __init__(self, client: Mark, server: Mark, keep_alive: bool, proposals: frozenset[Mark]) -> None:
        self.client = client
        self.server = server
        self.keep_alive = keep_alive
        self.proposals = proposals
        self.states: dict[Mark, Mark] = {CLIENT: client, SERVER: server}
        self.on_client = _Moves(self, CLIENT)
        self.on_server = _Moves(self, SERVER)
        self._not_kept: Situation | None = None

    def __repr__(self) -> str:
        kept = "kept" if self.keep_alive else "not kept"
        return f"<client {self.client!r}, server {self.server!r}, {kept}>"

    def failed(self, role: Mark) -> Situation:
        """Return the situation after ``role`` broke the protocol."""
        client, server = (ERROR, self.server) if role is CLIENT else (self.client, ERROR)
        return _settle(client, server, self.keep_alive, self.proposals)

    def not_kept(self) -> Situation:
        """Return the situation after somebody said that the connection will not be kept."""
        if self._not_kept is None:
            self._not_kept = _settle(self.client, self.server, False, self.proposals)
        return self._not_kept

    def proposing(self, way: Mark) -> Situation:
        """Return the situation after the client proposed ``way`` out of HTTP."""
        return _settle(self.client, self.server, self.keep_alive, self.proposals | {way})

    def next_cycle(self) -> Situation:
        """Return the situation in which the next exchange begins.

        Raises:
            LocalProtocolError: This one is not over, or the connection cannot be used again.
        """
        if self.client is not DONE or self.server is not DONE:
            raise LocalProtocolError(
                f"the next exchange cannot begin: client is {self.client!r} and server is {self.server!r}; "
                "both must be DONE"
            )
        return START


_situations: dict[tuple[Mark, Mark, bool, frozenset[Mark]], Situation] = {}


def _after(now: Situation, role: Mark, event: EventKey) -> Situation:
    client, server, proposals = now.client, now.server, now.proposals
    if role is SERVER and isinstance(event, tuple) and event[1] not in proposals:
        raise LocalProtocolError(f"the server cannot do {event[1]!r}: the client has not proposed it")
    if role is SERVER and event is Response:
        proposals = NO_PROPOSALS
    if role is CLIENT:
        client = _move(CLIENT, client, event)
        if event is Request:
            server = _move(SERVER, server, (Request, CLIENT))
    else:
        server = _move(SERVER, server, event)
    return _settle(client, server, now.keep_alive, proposals)


def _move(role: Mark, state: Mark, event: EventKey) -> Mark:
    after = EVENT_TRIGGERED_TRANSITIONS[role][state].get(event)
    if after is None:
        name = getattr(event[0] if isinstance(event, tuple) else event, "__name__", event)
        raise LocalProtocolError(f"can't handle event type {name} when role={role!r} and state={state!r}")
    return after


def _settle(client: Mark, server: Mark, keep_alive: bool, proposals: frozenset[Mark]) -> Situation:
    """Apply the rules about joint states until nothing changes."""
    while True:
        before = (client, server)
        if client is DONE and proposals:
            client = MIGHT_SWITCH_PROTOCOL
        elif client is MIGHT_SWITCH_PROTOCOL and not proposals:
            client = DONE
        if not keep_alive:
            client = MUST_CLOSE if client is DONE else client
            server = MUST_CLOSE if server is DONE else server
        changes = STATE_TRIGGERED_TRANSITIONS.get((client, server), {})
        client = changes.get(CLIENT, client)
        server = changes.get(SERVER, server)
        if before == (client, server):
            break
    key = (client, server, keep_alive, proposals)
    situation = _situations.get(key)
    if situation is None:
        situation = _situations[key] = Situation(*key)
    return situation


START: Final = _settle(IDLE, IDLE, True, NO_PROPOSALS)
