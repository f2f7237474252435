"""What proxies say of the client: ``Forwarded`` (RFC 7239) and ``X-Forwarded-For``; read, not believed.

Anybody can send these fields. Which of their elements to believe is for those to say who know their proxies.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

from ._parameters import parse_parameters, quote_value, split_list

__all__ = [
    "ForwardedElement",
    "ForwardedNode",
    "format_forwarded",
    "parse_forwarded",
    "parse_forwarded_node",
    "parse_x_forwarded_for",
]

_PORT = re.compile(r"[0-9]{1,5}|_[A-Za-z0-9._-]+")


class ForwardedNode(NamedTuple):
    """One party on the way of a request."""

    host: str
    """An IP address in its short form without brackets, ``"unknown"``, or a made-up name such as ``"_hidden"``."""
    port: int | None
    """None where none is given, or a made-up one."""

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address."""
        return self.host[:1] != "_" and self.host != "unknown"


class ForwardedElement(NamedTuple):
    """What one proxy has said."""

    for_: ForwardedNode | None
    """Who asked it."""
    by: ForwardedNode | None
    """Where it was asked."""
    host: str | None
    """The ``Host`` field as it came."""
    proto: str | None
    """The scheme, in lower case."""


def parse_forwarded(value: str | None) -> list[ForwardedElement]:
    """Return the elements of a ``Forwarded`` field; the first is of the proxy nearest to the client.

    A parameter that is malformed counts as not given, so that elements keep their places.
    """
    elements: list[ForwardedElement] = []
    for text in split_list(value or ""):
        parameters = dict(reversed(parse_parameters(text)))
        elements.append(
            ForwardedElement(
                parse_forwarded_node(parameters.get("for", "")),
                parse_forwarded_node(parameters.get("by", "")),
                parameters.get("host") or None,
                parameters.get("proto", "").lower() or None,
            )
        )
    return elements


def parse_x_forwarded_for(value: str | None) -> list[ForwardedNode | None]:
    """Return the addresses of an ``X-Forwarded-For`` field, the client's first; None in the place of what is none."""
    return [parse_forwarded_node(text) for text in (value or "").split(",") if text.strip(" \t")]


def parse_forwarded_node(text: str) -> ForwardedNode | None:
    """Read an address with or without a port, in brackets or not, ``unknown``, or ``_name``; None if it is none."""
    text = text.strip(" \t")
    if text.startswith("["):
        host, closing, rest = text[1:].partition("]")
        if not closing or ":" not in host or (rest and not rest.startswith(":")):
            return None
        port = rest[1:] if rest else None
    elif text.count(":") > 1:  # a bare IPv6 address, as X-Forwarded-For has it
        host, port = text, None
    else:
        host, colon, rest = text.partition(":")
        port = rest if colon else None
    if port is not None and (_PORT.fullmatch(port) is None or (port[0] != "_" and int(port) > 65535)):
        return None
    number = int(port) if port is not None and port[0] != "_" else None
    if host.lower() == "unknown":
        return ForwardedNode("unknown", number)
    if _PORT.fullmatch(host) and host[0] == "_":
        return ForwardedNode(host, number)
    try:
        address = str(IPv6Address(host)) if ":" in host else str(IPv4Address(host))
    except AddressValueError:
        return None
    return ForwardedNode(address, number)


def format_forwarded(element: ForwardedElement) -> str:
    """Return what a proxy appends to a ``Forwarded`` field.

    Raises:
        ValueError: A value cannot be written.
    """
    pairs = [("for", element.for_), ("by", element.by)]
    texts = [f"{name}={quote_value(_format_node(node))}" for name, node in pairs if node is not None]
    texts += [
        f"{name}={quote_value(text)}" for name, text in (("host", element.host), ("proto", element.proto)) if text
    ]
    return ";".join(texts)


def _format_node(node: ForwardedNode) -> str:
    host = f"[{node.host}]" if ":" in node.host else node.host
    return host if node.port is None else f"{host}:{node.port}"
