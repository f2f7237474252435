"""Standing in for h11: programs that ``import h11`` get this core instead, those that reach for its privates, too.

Only what other programs were seen to import is here (uvicorn: ``h11._connection``, wsproto: ``h11._headers``, others:
events, states and errors by their private modules), and what h11's own tests of these need. It is an adapter:
nothing in the core uses it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Final, final

from .._errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from . import _connection, _events, _sentinels, _state
from ._events import Event, Request, Response
from ._head import has_token, survey
from ._headers import Headers, HeadersInput, as_bytes, check_fields, comma_list, with_comma_list
from ._sentinels import CLIENT, SWITCH_CONNECT, SWITCH_UPGRADE, Sentinel

__all__ = ["H11_VERSION", "install_as_h11"]

# the release of h11 whose behaviour the default profile has
H11_VERSION: Final = "0.16.0"

Mark = type[Sentinel]


@final
class ConnectionState:
    """h11's state machine, as a view of ours."""

    def __init__(self) -> None:
        self._now = _state.START

    @property
    def states(self) -> dict[Mark, Mark]:
        return dict(self._now.states)

    @property
    def keep_alive(self) -> bool:
        return self._now.keep_alive

    @property
    def pending_switch_proposals(self) -> set[Mark]:
        return set(self._now.proposals)

    def process_error(self, role: Mark) -> None:
        self._now = self._now.failed(role)

    def process_keep_alive_disabled(self) -> None:
        self._now = self._now.not_kept()

    def process_client_switch_proposal(self, switch_event: Mark) -> None:
        self._now = self._now.proposing(switch_event)

    def process_event(self, role: Mark, event_type: type[Event], server_switch_event: Mark | None = None) -> None:
        moves = self._now.on_client if role is CLIENT else self._now.on_server
        self._now = moves[event_type if server_switch_event is None else (event_type, server_switch_event)]

    def start_next_cycle(self) -> None:
        self._now = self._now.next_cycle()


def _keep_alive(event: Request | Response) -> bool:
    return event.http_version >= b"1.1" and b"close" not in comma_list(event.headers, b"connection")


def _body_framing(request_method: bytes, event: Request | Response) -> tuple[str, tuple[()] | tuple[int]]:
    found = survey(event.headers.triples)
    if isinstance(event, Response) and (
        event.status_code in (204, 304)
        or request_method == b"HEAD"
        or (request_method == b"CONNECT" and event.status_code < 300)
    ):
        return ("content-length", (0,))
    if b"transfer-encoding" in found:
        return ("chunked", ())
    if b"content-length" in found:
        return ("content-length", (int(found[b"content-length"]),))
    return ("content-length", (0,)) if isinstance(event, Request) else ("http/1.0", ())


def _normalize_and_validate(headers: HeadersInput, _parsed: bool = False) -> Headers:
    return headers if isinstance(headers, Headers) else check_fields(headers)


def _has_expect_100_continue(request: Request) -> bool:
    expected = survey(request.headers.triples).get(b"expect", b"")
    return request.http_version >= b"1.1" and has_token(expected, b"100-continue")


def _validate(
    regex: re.Pattern[bytes], data: bytes, msg: str = "malformed data", *format_args: object
) -> dict[str, bytes]:
    match = regex.fullmatch(data)
    if match is None:
        raise LocalProtocolError(msg.format(*format_args) if format_args else msg)
    return match.groupdict()


def _public(module: ModuleType, names: Iterable[str]) -> dict[str, object]:
    return {name: getattr(module, name) for name in names}


_STATES = set(_sentinels.__all__) - {"NEED_DATA", "PAUSED", "SWITCH_CONNECT", "SWITCH_UPGRADE", "Sentinel"}
_ERRORS: dict[str, object] = {
    "LocalProtocolError": LocalProtocolError,
    "ProtocolError": ProtocolError,
    "RemoteProtocolError": RemoteProtocolError,
}
_WAITS = _public(_sentinels, ["NEED_DATA", "PAUSED"])

_FACADES: dict[str, dict[str, object]] = {
    "_connection": {
        **_public(_connection, ["Connection", "DEFAULT_MAX_INCOMPLETE_EVENT_SIZE"]),
        **_WAITS,
        "_body_framing": _body_framing,
        "_keep_alive": _keep_alive,
    },
    "_events": _public(_events, _events.__all__),
    "_headers": {
        "Headers": Headers,
        "get_comma_header": comma_list,
        "has_expect_100_continue": _has_expect_100_continue,
        "normalize_and_validate": _normalize_and_validate,
        "set_comma_header": with_comma_list,
    },
    "_state": {
        **_public(_sentinels, _STATES),
        **_public(_state, ["EVENT_TRIGGERED_TRANSITIONS", "STATE_TRIGGERED_TRANSITIONS"]),
        "ConnectionState": ConnectionState,
        "_SWITCH_CONNECT": SWITCH_CONNECT,
        "_SWITCH_UPGRADE": SWITCH_UPGRADE,
    },
    "_util": {**_ERRORS, "Sentinel": Sentinel, "bytesify": as_bytes, "validate": _validate},
    "_version": {"__version__": H11_VERSION},
}


def install_as_h11(*, force: bool = False) -> ModuleType:
    """Make ``import h11`` give this core, for the rest of the process.

    Call it before anything imports h11. ``h11.__version__`` is then the release whose behaviour the core has, for
    programs that compare it.

    Args:
        force: Go on even if the real h11 has been imported. Modules that hold names of it keep them, and the two do
            not know each other's events and errors.

    Returns:
        The module that stands in for h11.

    Raises:
        RuntimeError: The real h11 has been imported already.
    """
    present = sys.modules.get("h11")
    if getattr(present, "_stands_in", False):
        assert present is not None
        return present
    if present is not None and not force:
        raise RuntimeError(
            "h11 has been imported already: call install_as_h11() before anything imports it, "
            "or give force=True and know that what was imported before keeps the real one"
        )
    for name in [name for name in sys.modules if name == "h11" or name.startswith("h11.")]:
        del sys.modules[name]
    stand_in = ModuleType("h11", "trio_http.h1, standing in for h11.")
    stand_in.__path__ = []  # a package without files: nothing but what is registered here can be imported from it
    names: dict[str, object] = {
        **_public(_sentinels, _STATES),
        **_public(_events, _events.__all__),
        **_ERRORS,
        **_WAITS,
        "Connection": _connection.Connection,
        "__all__": (),
        "__version__": H11_VERSION,
        "PRODUCT_ID": f"python-h11/{H11_VERSION}",
        "_stands_in": True,
    }
    names["__all__"] = tuple(sorted(name for name in names if not name.startswith("_")))
    vars(stand_in).update(names)
    sys.modules["h11"] = stand_in
    for name, contents in _FACADES.items():
        facade = ModuleType(f"h11.{name}")
        vars(facade).update(contents)
        setattr(stand_in, name, facade)
        sys.modules[facade.__name__] = facade
    return stand_in
