"""MockHTTP: answers for requests, given by scripted peers on the virtual network, so that timeouts and faults are real.

How it works:
1. Each origin of a route gets a listener on a virtual host; the client under test connects, sends and reads as in life.
2. A request is matched against the routes in order; the first that fits and is not used up answers.
3. Strict: a request that fits no route is answered 599 and fails the test at the end, with the nearest route and how it
   differs; so does a route that was never asked.
"""

from __future__ import annotations

import json as json_module
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Self, TypeAlias, final
from urllib.parse import parse_qsl, unquote, urlsplit

import trio

from ._network import VirtualNetwork
from ._peer import RawPeer
from ._problems import MockError, PeerError

__all__ = ["Call", "MockHTTP", "MockRoute"]

Script: TypeAlias = Callable[[RawPeer, "Call"], Awaitable[object]]
_HEAD: Final = re.compile(rb"([!-~]+) ([!-~]+) HTTP/1\.[01]\r\n((?:[^\r\n]+\r\n)*)\r\n")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r\n")
_REASONS: Final = {200: "OK", 201: "Created", 204: "No Content", 301: "Moved Permanently", 302: "Found",
                   304: "Not Modified", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error",
                   503: "Service Unavailable"}  # fmt: skip


_WITHOUT_BODY: Final = frozenset((*range(100, 200), 204, 304))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that a mock got.

    Attributes:
        method: as sent.
        url: origin and target.
        path: decoded, without the query.
        query: the query's pairs, in order.
        headers: names in lower case; of several with one name the values are joined by ", ".
        body: whole.
        time: virtual seconds since the network began.
        matches: what the ``:names`` of the route's path stand for.
    """

    method: str
    url: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    time: float
    matches: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> object:
        """Parse the body as JSON."""
        value: object = json_module.loads(self.body)
        return value

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


@final
class MockRoute:
    """What answers requests of one kind; made by :class:`MockHTTP`.

    Attributes:
        calls: the requests it got.
    """

    def __init__(
        self, method: str, url: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: object
    ) -> None:
        parts = urlsplit(url)
        self.method: str = method.upper()
        self.origin: str = f"{parts.scheme}://{parts.netloc}"
        self.path: str = parts.path or "/"
        self.query: dict[str, str] = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **query}
        self.headers: dict[str, str] = {name.lower(): value for name, value in headers.items()}
        self.body = body
        self.calls: list[Call] = []
        self._scripts: list[Script] = []
        self._times: int | None = None
        pattern = "".join(
            rf"/(?P<{part[1:]}>[^/]+)" if part.startswith(":") else "/.*" if part == "*" else "/" + re.escape(part)
            for part in self.path.removeprefix("/").split("/")
        )
        self._pattern = re.compile(pattern)

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        return f"{self.method} {self.origin}{self.path}" + (f"?{query}" if query else "")

    def reply(
        self,
        status: int = 200,
        *,
        json: object = None,
        body: bytes | str = b"",
        chunks: Sequence[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        interval: float = 0.0,
        reset_after: int | None = None,
    ) -> Self:
        """Answer; a second ``reply`` answers the second request, and so on, the last one all the rest.

        Args:
            status: of the answer.
            json: sent as the body, with its content type.
            body: bytes, or text as UTF-8.
            chunks: send the body in these chunks (``Transfer-Encoding: chunked``).
            headers: more headers.
            delay: virtual seconds before the answer begins.
            interval: virtual seconds between chunks.
            reset_after: reset the connection after so many bytes of the answer.

        Raises:
            ValueError: more than one kind of body, or a number that makes no sense.
        """
        if (json is not None) + bool(body) + (chunks is not None) > 1:
            raise ValueError(f"{self}: give one of json, body, chunks")
        if not 100 <= status <= 599 or delay < 0 or interval < 0 or (reset_after is not None and reset_after < 0):
            raise ValueError(f"{self}: status={status}, delay={delay}, interval={interval}, reset_after={reset_after}")
        fields = {name.title(): value for name, value in (headers or {}).items()}
        if json is not None:
            body = json_module.dumps(json)
            fields.setdefault("Content-Type", "application/json")
        whole = body.encode() if isinstance(body, str) else body
        if status in _WITHOUT_BODY:
            if whole or chunks is not None:
                raise ValueError(f"{self}: a {status} has no body (RFC 9110 section 6.4.1)")
            pieces = []
        elif chunks is None:
            fields.setdefault("Content-Length", str(len(whole)))
            pieces = [whole]
        else:
            fields["Transfer-Encoding"] = "chunked"
            pieces = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks if chunk] + [b"0\r\n\r\n"]
        head = f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())

        async def answer(peer: RawPeer, call: Call) -> None:
            await trio.sleep(delay)
            out = head.encode("latin-1") + b"\r\n"
            parts = [out, *(() if call.method == "HEAD" else pieces)]
            if not interval:
                parts[:2] = [b"".join(parts[:2])]
            left = reset_after
            for index, piece in enumerate(parts):
                if index and interval:
                    await trio.sleep(interval)
                if left is not None and len(piece) >= left:
                    await peer.send(piece[:left])
                    peer.reset()
                    return
                if left is not None:
                    left -= len(piece)
                if piece:
                    await peer.send(piece)

        self._scripts.append(answer)
        return self

    def hang(self) -> Self:
        """Never answer."""

        async def hang(peer: RawPeer, call: Call) -> None:
            await trio.sleep_forever()

        return self.script(hang)

    def reset(self) -> Self:
        """Reset the connection in place of an answer."""

        async def reset(peer: RawPeer, call: Call) -> None:
            peer.reset()

        return self.script(reset)

    def script(self, fn: Script) -> Self:
        """Answer by ``await fn(peer, call)``, which says exact bytes through a :class:`RawPeer`."""
        self._scripts.append(fn)
        return self

    def times(self, count: int) -> Self:
        """Answer so many requests, then leave them to later routes; the test fails if fewer come.

        Raises:
            ValueError: ``count`` below 1.
        """
        if count < 1:
            raise ValueError(f"times({count!r}): 1 or more")
        self._times = count
        return self

    @property
    def used_up(self) -> bool:
        """Whether it answers no more requests."""
        return self._times is not None and len(self.calls) >= self._times

    @property
    def owed(self) -> int:
        """How many requests still have to come."""
        return max(0, (1 if self._times is None else self._times) - len(self.calls))

    def next_script(self) -> Script:
        """Return what answers the newest call."""
        if not self._scripts:
            self.reply()
        return self._scripts[min(len(self.calls), len(self._scripts)) - 1]

    def _body_fits(self, call: Call) -> bool:
        if isinstance(self.body, bytes):
            return call.body == self.body
        try:
            return call.json() == self.body
        except ValueError:
            return False

    def match(self, call: Call) -> tuple[Mapping[str, str] | None, list[str]]:
        """Return the matches of the path, or None and how the call differs."""
        differences = []
        if self.method not in ("*", call.method):
            differences.append(f"method is {call.method}, not {self.method}")
        if not call.url.startswith(self.origin + "/"):
            differences.append(f"origin is not {self.origin}")
        found = self._pattern.fullmatch(call.path)
        if found is None:
            differences.append(f"path is {call.path!r}, not {self.path!r}")
        got = dict(call.query)
        differences.extend(
            f"query {name} is {got.get(name)!r}, not {value!r}"
            for name, value in self.query.items()
            if got.get(name) != value
        )
        differences.extend(
            f"header {name} is {call.headers.get(name)!r}, not {value!r}"
            for name, value in self.headers.items()
            if call.headers.get(name) != value
        )
        if self.body is not None and not self._body_fits(call):
            differences.append(f"body is {call.body[:60]!r}, not {self.body!r:.60}")
        if self.used_up:
            differences.append(f"it has answered its {self._times} requests")
        return (None if differences or found is None else found.groupdict()), differences


@final
class MockHTTP:
    """Routes and their calls, on one virtual network; use it as ``async with MockHTTP(net) as mock``.

    Args:
        net: the network; hosts for the origins are made on it.
        ssl_contexts: a server context for each name of an ``https`` origin (see :class:`CertificateAuthority`).
        strict: at the end of the block raise :class:`MockError` for requests without a route and unused routes.

    Attributes:
        calls: every request, in order, answered or not.
    """

    def __init__(
        self, net: VirtualNetwork, *, ssl_contexts: Mapping[str, ssl.SSLContext] | None = None, strict: bool = True
    ) -> None:
        self._net = net
        self._contexts = dict(ssl_contexts or {})
        self._strict = strict
        self._routes: list[MockRoute] = []
        self._origins: set[str] = set()
        self._unexpected: list[str] = []
        self.calls: list[Call] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None and self._strict:
            self.check()

    def check(self) -> None:
        """Raise if a request had no route or a route was not asked.

        Raises:
            MockError: says which, and for a request the nearest route and how it differs.
        """
        unused = [f"{route} was never asked" if not route.calls else f"{route} was asked {len(route.calls)} times, "
                  f"not {len(route.calls) + route.owed}" for route in self._routes if route.owed]  # fmt: skip
        if self._unexpected or unused:
            raise MockError("\n".join([*self._unexpected, *unused]))

    def route(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        body: bytes | str | None = None,
    ) -> MockRoute:
        """Expect requests of one kind.

        Args:
            method: or ``"*"`` for any.
            url: absolute; in the path ``:name`` stands for one component and a last ``*`` for the rest.
            query: pairs that the query has to have, others do not matter.
            headers: values that headers have to have.
            json: what the body has to mean as JSON.
            body: what the body has to be; text as UTF-8.

        Raises:
            ValueError: not an absolute http or https URL, or https without a context for its name.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r}: give an absolute http or https URL")
        if json is not None and body is not None:
            raise ValueError(f"{method} {url}: give one of json and body")
        expected = json if body is None else body.encode() if isinstance(body, str) else body
        route = MockRoute(method, url, query=query or {}, headers=headers or {}, body=expected)
        self._routes.append(route)
        if route.origin not in self._origins:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            self._listen(route.origin, parts.scheme, parts.hostname, port)
        return route

    def get(
        self, url: str, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> MockRoute:
        """Expect GET requests; see :meth:`route`."""
        return self.route("GET", url, query=query, headers=headers)

    def post(
        self,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        body: bytes | str | None = None,
    ) -> MockRoute:
        """Expect POST requests; see :meth:`route`."""
        return self.route("POST", url, query=query, headers=headers, json=json, body=body)

    def _listen(self, origin: str, scheme: str, name: str, port: int) -> None:
        context = self._contexts.get(name)
        if scheme == "https" and context is None:
            raise ValueError(f"{origin}: give MockHTTP(ssl_contexts={{{name!r}: ...}}) a context for it")
        host = self._net.host(name)
        with host.active():
            sock = self._net.socket()
            sock.bind_now("0.0.0.0", port)  # noqa: S104
            sock.listen()
        self._origins.add(origin)

        async def handle(stream: trio.abc.Stream) -> None:
            await self._serve(stream, origin)

        listener: trio.abc.Listener[trio.abc.Stream] = trio.SocketListener(sock)
        if context is not None and scheme == "https":
            listener = trio.SSLListener(trio.SocketListener(sock), context)

        async def serve() -> None:
            await trio.serve_listeners(handle, [listener])

        host.start_soon(serve)

    async def _serve(self, stream: trio.abc.Stream, origin: str) -> None:
        async with RawPeer(stream, name=f"mock of {origin}") as peer:
            while True:
                try:
                    call = await self._read(peer, origin)
                    route, call = self._find(call)
                    if route is None:
                        text = self._unexpected[-1].encode()
                        await peer.send(b"HTTP/1.1 599 Unexpected\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
                    else:
                        await route.next_script()(peer, call)
                    # a script may have closed the stream; the next read says so
                    await trio.lowlevel.checkpoint()
                except (PeerError, trio.ClosedResourceError):
                    # the client has left, or the script reset it: both are its right
                    return

    async def _read(self, peer: RawPeer, origin: str) -> Call:
        head = await peer.expect(_HEAD)
        time = self._net.time
        headers: dict[str, str] = {}
        for line in head[3].decode("latin-1").split("\r\n")[:-1]:
            name, _, value = line.partition(":")
            key = name.strip().lower()
            headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
        if "100-continue" in headers.get("expect", "").lower():
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body = b""
            while size := int((await peer.expect(_CHUNK))[1], 16):
                body += await peer.expect(size)
                await peer.expect(b"\r\n")
            await peer.expect(re.compile(rb"(?:[^\r\n]+\r\n)*\r\n"))
        else:
            body = await peer.expect(int(headers.get("content-length", "0")))
        target = head[2].decode("latin-1")
        parts = urlsplit(target)
        return Call(
            method=head[1].decode("ascii"),
            url=origin + target,
            path=unquote(parts.path),
            query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
            headers=headers,
            body=body,
            time=time,
        )

    def _find(self, call: Call) -> tuple[MockRoute | None, Call]:
        misses: list[tuple[int, MockRoute, list[str]]] = []
        for route in self._routes:
            matches, differences = route.match(call)
            if matches is not None:
                call = replace(call, matches=matches)
                route.calls.append(call)
                self.calls.append(call)
                return route, call
            misses.append((len(differences), route, differences))
        self.calls.append(call)
        text = f"{call} at t={call.time:.3f} fits no route"
        if misses:
            _, route, differences = min(misses, key=lambda miss: miss[0])
            text += f"; nearest is {route}, but {'; '.join(differences)}"
        self._unexpected.append(text)
        return None, call
