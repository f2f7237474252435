"""Ways to prove who we are: basic, bearer, digest, netrc, and whatever users make up.

Credentials are for the origin they were given for; a redirect to another one does without.
"""

from __future__ import annotations

import netrc as netrc_file
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, Protocol, final, runtime_checkable

from .._errors import LocalProtocolError
from ..messages import Request, Response
from ..semantics import (
    DigestCredentials,
    choose_digest_challenge,
    encode_basic_auth,
    encode_bearer_auth,
    parse_challenges,
)

__all__ = ["AnyAuth", "Auth", "AuthInput", "BasicAuth", "BearerAuth", "DigestAuth", "NetrcAuth", "auth_of"]


@runtime_checkable
class Auth(Protocol):
    """A way to prove who we are. Users may write their own; one object may serve many requests at once."""

    async def authorize(self, request: Request) -> None:
        """Add to the request what proves who we are: ``request.headers["Authorization"] = ...``."""
        ...

    async def challenged(self, request: Request, response: Response) -> bool:
        """Tell whether the request is worth another try after a 401 response.

        If True is returned, :meth:`authorize` is called again and the request is sent once more, at most twice in
        all after the first.
        """
        ...


AuthInput = Auth | tuple[str, str] | Callable[[Request], Awaitable[None]] | Literal["any", "basic", "digest"]
"""An :class:`Auth`; ``(user, password)`` for basic; an async function that adds fields; or the way in which user and
password of the URL are told: ``"basic"`` as without this, ``"digest"``, or ``"any"``, whichever the server asks for."""


@final
class BasicAuth:
    """User name and password, readable for whoever reads the connection (RFC 7617): use it over TLS.

    Args:
        username: Without ``:``.
        password: The password.

    Raises:
        LocalProtocolError: They cannot be sent this way.
    """

    __slots__ = ("_value",)

    def __init__(self, username: str, password: str) -> None:
        self._value = encode_basic_auth(username, password)

    def __repr__(self) -> str:
        return "<BasicAuth>"

    async def authorize(self, request: Request) -> None:
        """Add the field."""
        request.headers["Authorization"] = self._value

    async def challenged(self, request: Request, response: Response) -> bool:
        """Give up: they were wrong."""
        return False


@final
class BearerAuth:
    """A token (RFC 6750).

    Args:
        token: The token.

    Raises:
        LocalProtocolError: It has characters that no token has.
    """

    __slots__ = ("_value",)

    def __init__(self, token: str) -> None:
        self._value = encode_bearer_auth(token)

    def __repr__(self) -> str:
        return "<BearerAuth>"

    async def authorize(self, request: Request) -> None:
        """Add the field."""
        request.headers["Authorization"] = self._value

    async def challenged(self, request: Request, response: Response) -> bool:
        """Give up: it was wrong."""
        return False


@final
class DigestAuth:
    """User name and password, never sent themselves (RFC 7616); asks the server once for each nonce.

    Args:
        username: The user name.
        password: The password.
    """

    __slots__ = ("_credentials", "_password", "_username")

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._credentials: dict[str, DigestCredentials] = {}  # by origin

    def __repr__(self) -> str:
        return "<DigestAuth>"

    async def authorize(self, request: Request) -> None:
        """Add the answer to the last challenge of this origin, if there was one."""
        credentials = self._credentials.get(request.url.origin)
        if credentials is not None:
            body = request.content.data
            if credentials.needs_body and body is None:
                raise LocalProtocolError(
                    f"{request.url.redacted} wants digest authentication that covers the body (auth-int); give it as "
                    "bytes, a streamed one cannot be covered"
                )
            target = request.raw_target.decode("ascii")
            request.headers["Authorization"] = credentials.authorize(request.method, target, body)

    async def challenged(self, request: Request, response: Response) -> bool:
        """Take up the challenge, unless it was just answered with a nonce that is still good."""
        challenge = choose_digest_challenge(parse_challenges(response.headers.get_list("www-authenticate")))
        if challenge is None:
            return False
        answered = "authorization" in request.headers
        if answered and challenge.parameters.get("stale", "").lower() != "true":
            self._credentials.pop(request.url.origin, None)
            return False  # the password was wrong
        self._credentials[request.url.origin] = DigestCredentials(challenge, self._username, self._password)
        return True


@final
class AnyAuth:
    """User name and password, told in the best way that the server asks for: digest, or else basic.

    Nothing is told before the server has asked; that takes one more request for each origin.

    Args:
        username: The user name.
        password: The password.
    """

    __slots__ = ("_chosen", "_password", "_username")

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._chosen: dict[str, BasicAuth | DigestAuth] = {}  # by origin

    def __repr__(self) -> str:
        return "<AnyAuth>"

    async def authorize(self, request: Request) -> None:
        """Add what this origin has asked for, if it has."""
        chosen = self._chosen.get(request.url.origin)
        if chosen is not None:
            await chosen.authorize(request)

    async def challenged(self, request: Request, response: Response) -> bool:
        """Choose a way; a server that has changed its mind is followed once."""
        origin = request.url.origin
        chosen = self._chosen.get(origin)
        if chosen is None:
            challenges = parse_challenges(response.headers.get_list("www-authenticate"))
            if choose_digest_challenge(challenges) is not None:
                chosen = DigestAuth(self._username, self._password)
            elif any(challenge.scheme.lower() == "basic" for challenge in challenges):
                self._chosen[origin] = BasicAuth(self._username, self._password)
                return True
            else:
                return False
        if not await chosen.challenged(request, response):
            self._chosen.pop(origin, None)
            return False
        self._chosen[origin] = chosen
        return True


@final
class _UrlAuth:
    """The user and the password of each URL, told in one way."""

    __slots__ = ("_kind", "_made")

    def __init__(self, kind: type[AnyAuth | BasicAuth | DigestAuth]) -> None:
        self._kind = kind
        self._made: dict[tuple[str, str, str], Auth] = {}

    def _auth(self, request: Request) -> Auth | None:
        url = request.url
        if url.username is None:
            return None
        key = (url.origin, url.username, url.password or "")
        auth = self._made.get(key)
        if auth is None:
            if len(self._made) >= _URLS_MAX:
                self._made.clear()
            auth = self._made[key] = self._kind(key[1], key[2])
        return auth

    async def authorize(self, request: Request) -> None:
        auth = self._auth(request)
        if auth is not None:
            await auth.authorize(request)

    async def challenged(self, request: Request, response: Response) -> bool:
        auth = self._auth(request)
        return auth is not None and await auth.challenged(request, response)


_URLS_MAX = 256
_BY_NAME: dict[str, type[AnyAuth | BasicAuth | DigestAuth]] = {
    "any": AnyAuth,
    "basic": BasicAuth,
    "digest": DigestAuth,
}


@final
class NetrcAuth:
    """User names and passwords from a netrc file, by host; sent as basic authentication.

    Args:
        path: The file; None for ``~/.netrc``. It is read here, once.

    Raises:
        LocalProtocolError: It cannot be read.
    """

    __slots__ = ("_file",)

    def __init__(self, path: str | Path | None = None) -> None:
        path = Path.home() / ".netrc" if path is None else path
        try:
            self._file = netrc_file.netrc(str(path))
        except (OSError, netrc_file.NetrcParseError) as error:
            raise LocalProtocolError(f"cannot read {path} for NetrcAuth: {error}") from error

    def __repr__(self) -> str:
        return "<NetrcAuth>"

    async def authorize(self, request: Request) -> None:
        """Add the field if the file knows the host."""
        found = self._file.authenticators(request.url.raw_host)
        if found is not None:
            request.headers["Authorization"] = encode_basic_auth(found[0], found[2] or "")

    async def challenged(self, request: Request, response: Response) -> bool:
        """Give up: they were wrong."""
        return False


@final
class _FunctionAuth:
    __slots__ = ("_function",)

    def __init__(self, function: Callable[[Request], Awaitable[None]]) -> None:
        self._function = function

    async def authorize(self, request: Request) -> None:
        await self._function(request)

    async def challenged(self, request: Request, response: Response) -> bool:
        return False


def auth_of(given: AuthInput | None) -> Auth | None:
    """Return what a user gave as an :class:`Auth`."""
    if given is None:
        return None
    if isinstance(given, tuple):
        if len(given) != 2:
            raise TypeError(f"auth= was given {len(given)} things: a password is given as (user, password)")
        return BasicAuth(*given)
    if isinstance(given, str):
        if given not in _BY_NAME:  # it may be a secret: it is not shown
            raise TypeError(
                f"auth= was given a string that is none of {', '.join(map(repr, _BY_NAME))}. "
                "A bearer token is given as BearerAuth(token), a password as (user, password)"
            )
        return _UrlAuth(_BY_NAME[given])
    if isinstance(given, Auth):
        return given
    if not callable(given):
        raise TypeError(f"auth= takes (user, password), an Auth or an async function, not {type(given).__name__}")
    return _FunctionAuth(given)
