"""Header fields: an ordered multi-dictionary with case-insensitive names, RFC 9110 section 5.

A :class:`Headers` is one list of triples ``(raw name, lower-case name, value)`` of bytes: the triples that the
HTTP/1.1 core makes from the wire and writes back to it. So a received block becomes a mapping, and a mapping a sent
block, without a copy; bytes become str (latin-1) only where somebody asks for str.

Rules:

1. What is in a Headers is fit for the wire. Names and values are checked on entry, never again later.
2. A list is lent and borrowed freely, because the first change of a Headers that shares its list copies the list.
3. Nothing here knows what a field means, but for the three joins and secrets named below.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, MutableMapping, ValuesView
from typing import Any, Never, Self, TypeAlias, TypeVar, final, overload

from .._errors import LocalProtocolError, RemoteProtocolError
from .._grammar import FORBIDDEN_IN_VALUE, is_field_value, lower_name

__all__ = ["SECRET_NAMES", "HeaderItem", "Headers", "HeadersInput", "HeadersLike"]

_T = TypeVar("_T")

HeaderItem: TypeAlias = tuple[bytes, bytes, bytes]
"""One field: its name as spelled, its name in lower case, its value."""

# Never shown by repr()
SECRET_NAMES = frozenset({b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"})

# Names as people write them, with what goes on the wire. Bounded like the one of the grammar, and for its reasons.
_NAMES_MAX = 1024
_NAME_LENGTH_MAX = 64
_names: dict[str, tuple[bytes, bytes]] = {}


@final
class Headers(MutableMapping[str, str]):
    """Header fields in their order, found by name without regard to case.

    As a mapping its names are in lower case and the values of repeated fields are joined by ``", "`` (``"; "`` for
    ``cookie``, RFC 9113 section 8.2.3). A joined ``set-cookie`` cannot be taken apart again (RFC 9110 section 5.3):
    use :meth:`get_list` for it. :meth:`get_all` and :attr:`raw` give every field, in the spelling of the wire.

    Spaces and tabs around a value are no part of it and are removed. A name that is no token, or a value with a
    control character or one beyond latin-1, is refused with a text that never holds the value.

    Args:
        fields: Another Headers, a mapping (a value may be a list of values), or pairs; str, or bytes.
        more: Further fields as keywords, where ``_`` stands for ``-``.

    Raises:
        LocalProtocolError: A name or value cannot be put on the wire.
        TypeError: A name or value is neither str nor bytes.

    Example:
        >>> headers = Headers({"Content-Type": "text/plain"}, cache_control="no-store")
        >>> headers["content-type"]
        'text/plain'
    """

    __slots__ = ("_items", "_shared")

    _items: list[HeaderItem]
    _shared: bool  # the list is also in somebody else's hands: copy it before the first change

    def __init__(self, fields: HeadersInput | None = None, /, **more: str) -> None:
        self._items = []
        self._shared = False
        if fields is not None:
            if isinstance(fields, dict):
                # Hot: every answer of a server comes through here, mostly with fields that were seen before.
                items = self._items
                pair: tuple[Any, Any]
                for pair in fields.items():
                    if not isinstance(pair[0], str) or not isinstance(pair[1], str):
                        self._add_any(*pair)
                    elif (item := _known_fields.get(pair)) is not None:
                        items.append(item)
                    else:
                        self.add(*pair)
                        _learn_field(pair, items[-1])
            else:
                self._fill(fields)
        for name, value in more.items():
            self.add(name.replace("_", "-"), value)

    # ------------------------------------------------------------ bytes: what the floors above pass on

    @classmethod
    def from_items(cls, items: list[HeaderItem]) -> Self:
        """Wrap triples of the HTTP/1.1 core: nothing is copied, nothing is checked.

        Args:
            items: The triples; from now on nobody may change this list (the new Headers copies it before it would).
        """
        self = cls.__new__(cls)
        self._items = items
        self._shared = True
        return self

    @property
    def items_list(self) -> list[HeaderItem]:
        """The triples themselves, as the HTTP/1.1 core takes them: a loan, to be read and passed on but not changed.

        Changing the Headers later does not change a list that was lent.
        """
        self._shared = True
        return self._items

    def get_bytes(self, lower: bytes) -> bytes | None:
        """Return the value of the field, joined where it is repeated, or None.

        Args:
            lower: The name in lower case.
        """
        found = [value for _, name, value in self._items if name == lower]
        if not found:
            return None
        if len(found) == 1:
            return found[0]
        return (b"; " if lower == b"cookie" else b", ").join(found)

    def add_bytes(self, name: bytes, value: bytes) -> None:
        """Append a field given as bytes, checked like any other.

        Raises:
            LocalProtocolError: The name is no token, or the value holds a control character.
        """
        lower = lower_name(name)
        if lower is None:
            _refuse_name(name.decode("latin-1"))
        if not is_field_value(value):
            value = value.strip(b" \t")
            if not is_field_value(value):
                _refuse_value(name.decode("latin-1"), value.decode("latin-1"))
        self._own().append((name, lower, value))

    def add_item(self, item: HeaderItem) -> None:
        """Append one triple, unchecked: only for constants, and for what the HTTP/1.1 core has made."""
        self._own().append(item)

    def _own(self) -> list[HeaderItem]:
        if self._shared:
            self._items = self._items.copy()
            self._shared = False
        return self._items

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """Every field as ``(name, value)`` in bytes, in order, names in the spelling of the wire."""
        return [(raw, value) for raw, _, value in self._items]

    def raw_dict(self) -> dict[bytes, list[bytes]]:
        """Return the values of each name as bytes, names in lower case."""
        fields: dict[bytes, list[bytes]] = {}
        for _, name, value in self._items:
            fields.setdefault(name, []).append(value)
        return fields

    # ------------------------------------------------------------ str: what users ask for

    def add(self, name: str, value: str) -> None:
        """Append a field, whether or not there is one of that name.

        Raises:
            LocalProtocolError: The name or value cannot be put on the wire.
            TypeError: The name or value is not a str.
        """
        pair = _names.get(name)
        if pair is None:
            pair = _learn_name(name)
        if self._shared:
            self._own()
        # printable ASCII, as nearly every value is: three C calls; anything else takes the careful path
        if value.__class__ is str and value.isascii() and value.isprintable():
            self._items.append((pair[0], pair[1], value.strip().encode()))
        else:
            self._items.append((pair[0], pair[1], _encode_value(name, value)))

    def get_list(self, name: str) -> list[str]:
        """Return the values of the field one by one, in order; an empty list if there is none."""
        lower = _lower(name)
        return [value.decode("latin-1") for _, key, value in self._items if key == lower]

    def get_all(self) -> Iterator[tuple[str, str]]:
        """Yield every field as ``(name, value)``, in order, names in the spelling of the wire."""
        return iter([(raw.decode("latin-1"), value.decode("latin-1")) for raw, _, value in self._items])

    @overload
    def get(self, name: str, /, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str) -> str: ...
    @overload
    def get(self, name: str, /, default: _T) -> str | _T: ...

    def get(self, name: str, /, default: object = None) -> object:
        """Return the value of the field, joined where it is repeated, or ``default``."""
        value = self.get_bytes(_lower(name))
        return default if value is None else value.decode("latin-1")

    def __getitem__(self, name: str) -> str:
        value = self.get_bytes(_lower(name))
        if value is None:
            raise KeyError(name)
        return value.decode("latin-1")

    def __setitem__(self, name: str, value: str) -> None:
        lower = _lower(name)
        if lower not in [item[1] for item in self._items]:
            self.add(name, value)
            return
        new = Headers()
        new.add(name, value)
        items: list[HeaderItem] = []
        for item in self._items:
            if item[1] != lower:
                items.append(item)
            elif new._items:
                items.append(new._items.pop())  # in the place of the first of that name; the others go
        self._items = items + new._items
        self._shared = False

    def __delitem__(self, name: str) -> None:
        lower = _lower(name)
        kept = [item for item in self._items if item[1] != lower]
        if len(kept) == len(self._items):
            raise KeyError(name)
        self._items = kept
        self._shared = False

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        lower = _lower(name)
        return lower in [item[1] for item in self._items]

    def __iter__(self) -> Iterator[str]:
        return iter([name.decode("latin-1") for name in dict.fromkeys([item[1] for item in self._items])])

    def __len__(self) -> int:
        """Return the number of different names."""
        return len({item[1] for item in self._items})

    def items(self) -> ItemsView[str, str]:
        """Return ``(name, value)`` for each different name, as a mapping has it; a snapshot, no live view."""
        return self._joined().items()

    def values(self) -> ValuesView[str]:
        """Return the values of :meth:`items`."""
        return self._joined().values()

    def __bool__(self) -> bool:
        return bool(self._items)

    def setdefault(self, name: str, default: str, /) -> str:
        """Return the value of the field; if there is none, add it with ``default`` first."""
        lower = _lower(name)
        value = self.get_bytes(lower)
        if value is None:
            self.add(name, default)
            value = self._items[-1][2]
        return value.decode("latin-1")

    def update(self, fields: HeadersInput = (), /, **more: str) -> None:  # type: ignore[override]  # bytes, too
        """Replace the fields of every name that is given; a name given several times keeps all its new values.

        Raises:
            LocalProtocolError: A name or value cannot be put on the wire; then nothing has been changed.
        """
        new = Headers(fields, **more)
        names = {item[1] for item in new._items}
        self._items = [item for item in self._items if item[1] not in names] + new._items
        self._shared = False

    def clear(self) -> None:
        """Remove all fields."""
        self._items = []
        self._shared = False

    def copy(self) -> Headers:
        """Return an independent copy; costs nothing until one of the two is changed."""
        return Headers.from_items(self.items_list)

    __copy__ = copy

    def __eq__(self, other: object) -> bool:
        """Same names, and for each the same values in the same order; the order of different names does not count."""
        if not isinstance(other, Headers):
            if not isinstance(other, Mapping):
                return NotImplemented
            try:
                other = Headers(other)
            except (LocalProtocolError, TypeError):
                return False
        return self.raw_dict() == other.raw_dict()

    __hash__ = None  # type: ignore[assignment]  # mutable, hence unhashable

    def __repr__(self) -> str:
        shown = [
            (raw.decode("latin-1"), "[redacted]" if name in SECRET_NAMES else value.decode("latin-1"))
            for raw, name, value in self._items
        ]
        return f"Headers({shown!r})"

    # ------------------------------------------------------------ text

    @classmethod
    def parse(cls, text: str) -> Headers:
        r"""Return the fields of a header block, lines ended by ``\r\n`` or ``\n``; an empty line ends nothing.

        Lines are read as :meth:`parse_line` reads them.

        Raises:
            RemoteProtocolError: A line is no field.
        """
        headers = Headers()
        # A folded line is first joined, in one go: appending to a value again and again would cost its square.
        pending: list[str] = []
        for line in text.split("\n"):
            line = line.removesuffix("\r")
            if not line:
                continue
            if line[0] in " \t" and pending:
                pending.append(line.strip(" \t"))
                continue
            if pending:
                headers.parse_line(" ".join(pending))
            pending = [line]
        if pending:
            headers.parse_line(" ".join(pending))
        return headers

    def parse_line(self, line: str) -> None:
        r"""Append the field of one line, with or without its line end; an empty line adds nothing.

        A line that begins with a space or tab continues the field that was added last: its text is appended to the
        value after one space (the obsolete folding of RFC 9112 section 5.2). There is no space between name and colon.

        Raises:
            RemoteProtocolError: The line has no colon, its name is no token, its value holds a control character,
                or it continues a field that is not there.
        """
        line = line.removesuffix("\n").removesuffix("\r")
        if not line:
            return
        if line[0] in " \t":
            if not self._items:
                raise RemoteProtocolError(
                    "the first header line begins with white space, which continues a field, but there is none yet"
                )
            raw, lower, value = self._items[-1]
            try:
                more = _encode_value(raw.decode("latin-1"), line)
            except LocalProtocolError as error:
                raise RemoteProtocolError(str(error)) from None  # here the text is the peer's, hence so is the fault
            self._own()[-1] = (raw, lower, value + b" " + more if value and more else value + more)
            return
        name, colon, text = line.partition(":")
        if not colon:
            raise RemoteProtocolError(f"a header line of {len(line)} characters has no colon; expected 'name: value'")
        try:
            self.add(name, text)
        except LocalProtocolError as error:
            raise RemoteProtocolError(str(error)) from None

    # ------------------------------------------------------------ inside

    def _fill(self, fields: object) -> None:
        """Take over all of ``fields``, whatever form they have."""
        if isinstance(fields, Headers):
            self._items = fields.items_list
            self._shared = True
            return
        if isinstance(fields, str | bytes) or not isinstance(fields, Iterable):
            raise TypeError(f"Headers takes a mapping or pairs of name and value, not {type(fields).__name__}")
        for pair in fields.items() if isinstance(fields, Mapping) else fields:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise TypeError(f"Headers takes pairs of name and value, but was given {type(pair).__name__}")
            self._add_any(pair[0], pair[1])

    def _add_any(self, name: object, value: object) -> None:
        if isinstance(value, list | tuple):
            for one in value:
                self._add_any(name, one)
        elif isinstance(name, bytes) and isinstance(value, bytes):
            self.add_bytes(name, value)
        elif isinstance(name, bytes):
            self.add(name.decode("latin-1"), value)  # type: ignore[arg-type]  # add() refuses what is no str
        elif isinstance(value, bytes):
            self.add(name, value.decode("latin-1"))  # type: ignore[arg-type]  # as above
        else:
            self.add(name, value)  # type: ignore[arg-type]  # as above

    def _joined(self) -> dict[str, str]:
        return {
            name.decode("latin-1"): (b"; " if name == b"cookie" else b", ").join(values).decode("latin-1")
            for name, values in self.raw_dict().items()
        }


def _lower(name: str) -> bytes:
    """The key under which a field of that name would be found; names that cannot exist are found nowhere."""
    pair = _names.get(name)
    if pair is not None:
        return pair[1]
    try:
        return _learn_name(name)[1]
    except LocalProtocolError:
        return b""


# Whole fields as people write them again and again, such as a content type. Bounded in number and size; when it is
# full it begins anew. Credentials are never kept.
_FIELDS_MAX = 512
_VALUE_LENGTH_MAX = 64
_known_fields: dict[tuple[str, str], HeaderItem] = {}


def _learn_field(pair: tuple[str, str], item: HeaderItem) -> None:
    if len(pair[0]) + len(pair[1]) <= _NAME_LENGTH_MAX + _VALUE_LENGTH_MAX and item[1] not in SECRET_NAMES:
        if len(_known_fields) >= _FIELDS_MAX:
            _known_fields.clear()
        _known_fields[pair] = item


def _learn_name(name: str) -> tuple[bytes, bytes]:
    if not isinstance(name, str):
        raise TypeError(f"a header name must be a str, not {type(name).__name__}")
    try:
        raw = name.encode("ascii")
    except UnicodeEncodeError:
        _refuse_name(name)
    lower = lower_name(raw)
    if lower is None:
        _refuse_name(name)
    pair = (raw, lower)
    if len(_names) < _NAMES_MAX and len(name) <= _NAME_LENGTH_MAX:
        _names[name] = pair
    return pair


def _encode_value(name: str, value: str) -> bytes:
    """The careful path: the value as bytes, or an error that says which character is wrong."""
    if not isinstance(value, str):
        raise TypeError(f"the value of header {name!r} must be a str, not {type(value).__name__}")
    value = value.strip(" \t")
    try:
        encoded = value.encode("latin-1")
    except UnicodeEncodeError:
        _refuse_value(name, value)
    if not is_field_value(encoded):
        _refuse_value(name, value)
    return encoded


def _refuse_name(name: str) -> Never:
    shown = name if len(name) <= _NAME_LENGTH_MAX else name[:_NAME_LENGTH_MAX] + "..."
    raise LocalProtocolError(
        f"{shown!r} is no header name: expected one or more letters, digits or any of !#$%&'*+-.^_`|~"
    )


def _refuse_value(name: str, value: str) -> Never:
    index, character = next(
        (index, character)
        for index, character in enumerate(value)
        if ord(character) > 255 or ord(character) in FORBIDDEN_IN_VALUE
    )
    wanted = (
        "encode it (RFC 8187, or percent-encoding) or leave it out"
        if ord(character) > 255
        else "control characters (but tab) must not be in a header; remove it"
    )
    raise LocalProtocolError(
        f"the value of header {name!r} holds {character!a} (U+{ord(character):04X}) at position {index}: {wanted}"
    )


HeadersInput: TypeAlias = (
    Headers
    | Mapping[str, str | list[str] | tuple[str, ...]]
    | Mapping[bytes, bytes | list[bytes] | tuple[bytes, ...]]
    | Iterable[tuple[str, str]]
    | Iterable[tuple[bytes, bytes]]
)
"""What fields can be made from: another Headers, a mapping (a value may be several), or pairs; all str or all bytes."""

HeadersLike: TypeAlias = HeadersInput
"""The same by the name that users' signatures should have: what may be given as ``headers=``."""
