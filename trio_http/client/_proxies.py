"""Which proxy for which URL: what the user said, or the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Literal, cast, final
from urllib.parse import unquote, urlsplit

from .._errors import InvalidURL
from ..transport import Origin, Proxy

__all__ = ["ProxyChoice", "proxy_of"]

_SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_of(given: str | Proxy) -> Proxy:
    """Return the proxy that a URL such as ``"http://user:password@host:3128"`` names.

    Raises:
        InvalidURL: It names none.
    """
    if isinstance(given, Proxy):
        return given
    text = given if "://" in given else f"http://{given}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidURL(f"the URL of a proxy is not valid: {error}") from error
    scheme = "socks5h" if parts.scheme == "socks" else parts.scheme
    if scheme not in _SCHEMES or not host:
        raise InvalidURL(
            f"a proxy is given as scheme://host:port with one of the schemes {', '.join(_SCHEMES)}; "
            f"this one has the scheme {parts.scheme!r} and the host {host!r}"
        )
    return Proxy(
        host=host,
        port=port,
        scheme=cast("Literal['http', 'https', 'socks5', 'socks5h']", scheme),  # it is one of them
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


@final
class ProxyChoice:
    """The rules, read once.

    Args:
        given: The user's proxy for everything; None for none.
        environment: ``os.environ`` where the user lets it count; empty where not.
    """

    __slots__ = ("_by_scheme", "_given", "_no_hosts", "_no_networks", "_none_at_all")

    def __init__(self, given: str | Proxy | None, environment: Mapping[str, str]) -> None:
        self._given = None if given is None else proxy_of(given)
        self._by_scheme: dict[str, Proxy] = {}
        self._no_hosts: list[tuple[str, int | None]] = []
        self._no_networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._none_at_all = False
        if given is None and environment:
            self._read(environment)

    def _read(self, environment: Mapping[str, str]) -> None:
        def value(name: str) -> str:
            # in a CGI program HTTP_PROXY is the Proxy field of the request (CVE-2016-5385)
            upper = (
                "" if name == "http_proxy" and "REQUEST_METHOD" in environment else environment.get(name.upper(), "")
            )
            return (environment.get(name) or upper).strip()

        for scheme in ("http", "https"):
            url = value(f"{scheme}_proxy") or value("all_proxy")
            if url:
                self._by_scheme[scheme] = proxy_of(url)
        for entry in value("no_proxy").split(","):
            self._read_exception(entry.strip().lower())

    def _read_exception(self, entry: str) -> None:
        if entry == "*":
            self._none_at_all = True
            return
        try:
            self._no_networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            return
        except ValueError:
            pass
        host, colon, port = entry.rpartition(":")
        if colon and port.isdigit():
            self._no_hosts.append((host.lstrip("*").lstrip(".").strip("[]"), int(port)))
        elif entry:
            self._no_hosts.append((entry.lstrip("*").lstrip("."), None))

    def choose(self, origin: Origin) -> Proxy | None:
        """Return the proxy for an origin, or None for the straight way."""
        if self._given is not None:
            return self._given
        proxy = self._by_scheme.get("https" if origin.is_tls else "http")
        if proxy is None or self._none_at_all or self._is_exempt(origin.host.partition("%")[0], origin.port):
            return None
        return proxy

    def _is_exempt(self, host: str, port: int) -> bool:
        if host == "localhost" or host.endswith(".localhost"):
            return True  # as in Go: the environment speaks of other machines
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            address = None
        if address is not None and (address.is_loopback or any(address in network for network in self._no_networks)):
            return True
        return any(
            (wanted is None or wanted == port) and (host == name or host.endswith(f".{name}"))
            for name, wanted in self._no_hosts
        )
