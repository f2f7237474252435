"""What applications send, looked at before it is believed: each mistake is told in the line that makes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn, final

from ..semantics import HeaderItem, Headers
from ._types import Message

__all__ = ["ASGIError", "ClientDisconnected", "body_of", "headers_of", "status_of", "text_of", "unexpected"]

_KNOWN_MAX = 512
_LENGTH_MAX = 128
_known: dict[tuple[bytes, bytes], HeaderItem] = {}  # fields that were checked before


@final
class ASGIError(RuntimeError):
    """An application does not keep to ASGI: the text says what it did and what was expected."""


@final
class ClientDisconnected(OSError):
    """Raised by ``send()`` when nobody is there any more to send to (ASGI HTTP specification 2.4)."""


def unexpected(message: Message, expected: str, after: str) -> NoReturn:
    """Refuse a message that is out of order.

    Raises:
        ASGIError: Always.
    """
    raise ASGIError(f"the application sent {message.get('type')!r} {after}; expected {expected}")


def status_of(message: Message) -> int:
    """Return the status of a message that starts a response.

    Raises:
        ASGIError: It has none that can be sent.
    """
    status = message.get("status")
    if not isinstance(status, int) or not 200 <= status <= 999:
        raise ASGIError(f"{message['type']!r} has status={status!r}; expected an int from 200 to 999")
    return int(status)


def headers_of(message: Message) -> list[HeaderItem]:
    """Return the fields of a message.

    Raises:
        ASGIError: They are no pairs of bytes.
        LocalProtocolError: One cannot be put on the wire.
    """
    # Hot: once per response. Most fields were seen before, and checked then.
    given: Iterable[Any] = message.get("headers") or ()
    items: list[HeaderItem] = []
    for pair in given:
        try:
            if type(pair) is not tuple:
                pair = tuple(pair)
            item = _known.get(pair)
        except TypeError:  # not iterable, or not hashable
            item = None
        items.append(_checked(message, pair) if item is None else item)
    return items


def _checked(message: Message, pair: Any) -> HeaderItem:
    if not (isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(part, bytes) for part in pair)):
        raise ASGIError(
            f"{message['type']!r} has {pair!r:.200} among its headers; expected pairs of bytes: (name, value)"
        )
    headers = Headers()
    headers.add_bytes(*pair)
    item = headers.items_list[0]
    if len(pair[1]) <= _LENGTH_MAX:
        if len(_known) >= _KNOWN_MAX:
            _known.clear()
        _known[pair] = item
    return item


def body_of(message: Message, key: str = "body") -> bytes:
    """Return the bytes of a message.

    Raises:
        ASGIError: They are no bytes.
    """
    data = message.get(key, b"")
    if type(data) is bytes:
        return data
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise ASGIError(f"{message['type']!r} has {key}={data!r:.60} of type {type(data).__name__}; expected bytes")


def text_of(message: Message, key: str) -> str | None:
    """Return a text of a message; None where there is none.

    Raises:
        ASGIError: It is no text.
    """
    text = message.get(key)
    if text is None or isinstance(text, str):
        return text
    raise ASGIError(f"{message['type']!r} has {key}={text!r:.60} of type {type(text).__name__}; expected str or None")
