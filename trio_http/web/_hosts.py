"""Middleware: for which hosts requests are answered, and that they come by https."""

from __future__ import annotations

from collections.abc import Collection

from ..messages import Handler, Middleware, Request, Response
from ..semantics import split_host_port
from ._answers import answer
from ._responses import redirect

__all__ = ["https_only", "trusted_hosts"]


def trusted_hosts(hosts: Collection[str]) -> Middleware:
    """Answer 421 unless the request is for one of these hosts.

    A handler that makes links of ``request.host`` needs this: otherwise a peer chooses where they lead.

    Args:
        hosts: Names without ports; ``"*.example.com"`` for all below (not ``example.com`` itself).
    """
    if isinstance(hosts, str):
        raise TypeError(f"trusted_hosts({hosts!r}): give a list of hosts")
    names = {host.lower() for host in hosts if not host.startswith("*.")}
    endings = tuple([host[1:].lower() for host in hosts if host.startswith("*.")])

    def middleware(handler: Handler) -> Handler:
        async def trusted(request: Request) -> Response:
            try:
                name = split_host_port(request.host)[0].lower().rstrip(".")
            except ValueError:
                name = ""
            if name in names or (endings and name.endswith(endings)):
                return await handler(request)
            return answer(421, "this server does not answer for the host that was asked for")

        return trusted

    return middleware


def https_only(
    *, port: int | None = None, hsts: int | None = 31_536_000, subdomains: bool = False, preload: bool = False
) -> Middleware:
    """Send http requests to https, and say that browsers should come that way by themselves (RFC 6797).

    They are sent to the host that they ask for: put :func:`trusted_hosts` outside of it where caches stand before you.

    Args:
        port: The port of https; None for 443.
        hsts: Seconds for which browsers should remember, a year unless given; None to say nothing.
        subdomains: That this holds for all hosts below as well.
        preload: That browsers may ship with it.
    """
    policy = None
    if hsts is not None:
        policy = f"max-age={hsts}" + "; includeSubDomains" * subdomains + "; preload" * preload

    def middleware(handler: Handler) -> Handler:
        async def secure(request: Request) -> Response:
            if request.scheme == "https":
                response = await handler(request)
                if policy is not None:
                    response.headers.setdefault("strict-transport-security", policy)
                return response
            try:
                host = split_host_port(request.host)[0]
            except ValueError:
                return answer(400, "the request has no host to be sent to by https")
            authority = f"[{host}]" if ":" in host else host
            if port is not None and port != 443:
                authority += f":{port}"
            # 308 keeps method and body; those that only read get what old clients know, too
            status = 301 if request.method in {"GET", "HEAD"} else 308
            target = request.target
            if not target.startswith("/"):  # absolute-form, RFC 9112 section 3.2.2, or "*"
                question = f"?{request.query_string}" if request.query_string else ""
                target = (request.raw_path or "/") + question
            return redirect(f"https://{authority}{target}", status=status)

        return secure

    return middleware
