"""Believing what trusted proxies say about the client: Forwarded (RFC 7239) and X-Forwarded-*."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from ..messages import Address, Via
from ..semantics import ForwardedElement, ForwardedNode, Headers, parse_forwarded, parse_x_forwarded_for

__all__ = ["ProxyHeaders"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@final
@dataclass(frozen=True, slots=True)
class ProxyHeaders:
    """Which proxies are believed.

    The fields are read from the right, because each proxy appends what it has seen: as long as the party that wrote
    an entry is trusted, the entry is believed. So what a client invents is never taken for its address.

    Args:
        trusted: Networks or addresses of proxies, such as ``"10.0.0.0/8"``; ``"unix"`` for peers on unix sockets.
        forwarded: Which fields they write: ``"x-forwarded"`` for X-Forwarded-For, -Proto and -Host, ``"forwarded"``
            for Forwarded. Not both: a proxy that writes one passes the other on as the client invented it.

    Raises:
        ValueError: An entry of ``trusted`` is neither a network nor an address.
    """

    trusted: Sequence[str]
    forwarded: str = "x-forwarded"
    _networks: Sequence[_Network] = field(init=False, repr=False, compare=False, default=())
    _unix: bool = field(init=False, repr=False, compare=False, default=False)

    def __post_init__(self) -> None:
        if isinstance(self.trusted, str):
            raise ValueError(f"ProxyHeaders(trusted={self.trusted!r}): give a list of networks")
        if self.forwarded not in {"x-forwarded", "forwarded"}:
            raise ValueError(f"ProxyHeaders(forwarded={self.forwarded!r}): give 'x-forwarded' or 'forwarded'")
        networks = [ipaddress.ip_network(one) for one in self.trusted if one != "unix"]
        object.__setattr__(self, "_networks", networks)
        object.__setattr__(self, "_unix", "unix" in self.trusted)

    def trusts(self, peer: Address) -> bool:
        """Tell whether a peer is a trusted proxy."""
        if not isinstance(peer, tuple):
            return self._unix and peer is not None
        return self._trusts_address(peer[0])

    def _trusts_address(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any(address in network or (mapped is not None and mapped in network) for network in self._networks)

    def via(self, peer: Address, scheme: str, headers: Headers) -> Via:
        """Tell whom a request comes from, given the facts of its connection."""
        facts = Via(peer[0] if isinstance(peer, tuple) else "", scheme, headers.get("host") or "")
        if not self.trusts(peer):
            return facts
        elements = self._elements(headers)
        believed = facts
        for element in reversed(elements):
            node = element.for_
            believed = Via(
                node.host if node is not None else believed.ip,
                element.proto if element.proto in {"http", "https"} else believed.scheme,
                element.host or believed.host,
            )
            if node is None or not self._trusts_address(node.host):
                break
        return believed

    def _elements(self, headers: Headers) -> Sequence[ForwardedElement]:
        if self.forwarded == "forwarded":
            return parse_forwarded(headers.get("forwarded"))
        nodes: Sequence[ForwardedNode | None] = parse_x_forwarded_for(headers.get("x-forwarded-for")) or [None]
        protos = _column(headers.get("x-forwarded-proto"), len(nodes))
        hosts = _column(headers.get("x-forwarded-host"), len(nodes))
        return [
            ForwardedElement(node, None, host, proto.lower() if proto else None)
            for node, host, proto in zip(nodes, hosts, protos, strict=True)
        ]


def _column(value: str | None, count: int) -> Sequence[str | None]:
    """One value for each hop: as many as are given, counted from the nearest; further ones say nothing."""
    given: list[str | None] = [text.strip() or None for text in (value or "").split(",")]
    return ([None] * count + given)[-count:]
