"""Authentication values: challenges and credentials (RFC 9110 section 11), Basic (RFC 7617) and Digest (RFC 7616)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple, final

from .._entropy import random_bytes
from .._errors import LocalProtocolError
from ._parameters import encode_extended, quote_value, split_list, unquote_value

__all__ = [
    "Challenge",
    "DigestCredentials",
    "choose_digest_challenge",
    "decode_basic_auth",
    "digest_response",
    "encode_basic_auth",
    "encode_bearer_auth",
    "encode_username_password",
    "parse_challenges",
    "parse_credentials",
]

_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]+(.*))?", re.DOTALL)
_PARAMETER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*([^=].*)?", re.DOTALL)

_DIGESTS: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "SHA-512": lambda data: hashlib.sha512(data).hexdigest(),
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(),
}
# Best first. SHA-512-256 is not in every OpenSSL; SHA-512 is not in RFC 7616, but servers ask for it.
_ALGORITHMS = [
    name
    for digest in ("SHA-512-256", "SHA-512", "SHA-256", "MD5")
    if digest != "SHA-512-256" or "sha512_256" in hashlib.algorithms_available
    for name in (f"{digest}-sess", digest)
]
_CANONICAL = {name.lower(): name for name in _ALGORITHMS}


class Challenge(NamedTuple):
    """What a server asks for, or what a client answers: a scheme and its data."""

    scheme: str
    """In lower case, such as ``"basic"``."""
    token: str | None
    """The token68 form of the data, which Basic, Bearer and Negotiate use; None in the other form."""
    parameters: dict[str, str]
    """The other form; names in lower case."""

    def __repr__(self) -> str:
        """Show no token: it may be a secret."""
        token = None if self.token is None else "[redacted]"
        names = {name: "[redacted]" if name == "response" else value for name, value in self.parameters.items()}
        return f"Challenge(scheme={self.scheme!r}, token={token!r}, parameters={names!r})"


# ---------------------------------------------------------------- challenges and credentials


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Return the challenges of all ``WWW-Authenticate`` (or ``Proxy-Authenticate``) fields, in order.

    Commas separate challenges and also their parameters; a new challenge begins where an element is no parameter.
    """
    challenges: list[Challenge] = []
    for value in values:
        current: Challenge | None = None
        for element in split_list(value):
            parameter = _PARAMETER.fullmatch(element)
            if parameter is not None and current is not None:
                current.parameters.setdefault(parameter[1].lower(), unquote_value((parameter[2] or "").strip(" \t")))
                continue
            scheme = _SCHEME.fullmatch(element)
            current = None if scheme is None or parameter is not None else _begin(scheme[1], scheme[2])
            if current is not None:
                challenges.append(current)
    return challenges


def parse_credentials(value: str | None) -> Challenge | None:
    """Return what an ``Authorization`` (or ``Proxy-Authorization``) field says; None if it is absent or malformed."""
    found = parse_challenges([value or ""])
    return found[0] if len(found) == 1 else None


def _begin(scheme: str, rest: str | None) -> Challenge:
    rest = (rest or "").strip(" \t")
    parameter = _PARAMETER.fullmatch(rest)
    if parameter is not None and not _TOKEN68.fullmatch(rest):  # "a=b" is a parameter, "YQ=" a token
        value = unquote_value((parameter[2] or "").strip(" \t"))
        return Challenge(scheme.lower(), None, {parameter[1].lower(): value})
    return Challenge(scheme.lower(), rest or None, {})


# ---------------------------------------------------------------- Basic and Bearer


def encode_username_password(username: str, password: str) -> bytes:
    """Return ``username:password`` as Basic authentication has it: in NFC (RFC 7617 section 2.1), in UTF-8.

    Raises:
        LocalProtocolError: There is a control character in one of them, or a ``:`` in the user name.
    """
    if ":" in username:
        raise LocalProtocolError("a user name with ':' in it cannot be sent by Basic authentication: it ends there")
    both = unicodedata.normalize("NFC", f"{username}:{password}")
    if _CONTROL.search(both):
        raise LocalProtocolError("there is a control character in the user name or the password; Basic forbids it")
    return both.encode("utf-8", "surrogatepass")


def encode_basic_auth(username: str, password: str) -> str:
    """Return the value of an ``Authorization`` field, ``"Basic dXNlcjpwYXNz"``.

    Raises:
        LocalProtocolError: As :func:`encode_username_password` does.
    """
    return "Basic " + base64.b64encode(encode_username_password(username, password)).decode("ascii")


def decode_basic_auth(value: str | None) -> tuple[str, str] | None:
    """Return user name and password of an ``Authorization`` field; None if it holds none, or not by Basic."""
    credentials = parse_credentials(value)
    if credentials is None or credentials.scheme != "basic" or credentials.token is None:
        return None
    try:
        both = base64.b64decode(credentials.token, validate=True)
    except binascii.Error:
        return None
    try:
        text = both.decode("utf-8")
    except UnicodeDecodeError:
        text = both.decode("latin-1")  # what clients did before RFC 7617
    username, colon, password = text.partition(":")
    return (username, password) if colon else None


def encode_bearer_auth(token: str) -> str:
    """Return the value of an ``Authorization`` field, ``"Bearer mF_9.B5f-4.1JqM"`` (RFC 6750).

    Raises:
        LocalProtocolError: The token has characters that no token has.
    """
    if _TOKEN68.fullmatch(token) is None:
        raise LocalProtocolError("a bearer token holds letters, digits and any of ._~+/- only, and '=' at its end")
    return f"Bearer {token}"


# ---------------------------------------------------------------- Digest


def choose_digest_challenge(challenges: Iterable[Challenge]) -> Challenge | None:
    """Return the Digest challenge with the best algorithm that is known here, None if there is none."""
    found = [
        challenge
        for challenge in challenges
        if challenge.scheme == "digest"
        and "nonce" in challenge.parameters
        and "realm" in challenge.parameters
        and challenge.parameters.get("algorithm", "MD5").lower() in _CANONICAL
        and (_qops(challenge) & {"auth", "auth-int"} or "qop" not in challenge.parameters)
    ]
    return min(found, key=lambda challenge: _ALGORITHMS.index(_algorithm(challenge)), default=None)


def _algorithm(challenge: Challenge) -> str:
    return _CANONICAL[challenge.parameters.get("algorithm", "MD5").lower()]


def _qops(challenge: Challenge) -> set[str]:
    return {qop.lower() for qop in split_list(challenge.parameters.get("qop", ""))}


def digest_response(
    algorithm: str,
    username: str,
    password: str,
    *,
    realm: str,
    nonce: str,
    method: str,
    target: str,
    session: tuple[str, str, str] | None = None,
    body: bytes | None = None,
) -> str:
    """Compute the ``response`` of Digest authentication, RFC 7616 section 3.4; servers compare it to what they got.

    Args:
        algorithm: ``"MD5"``, ``"SHA-256"``, ``"SHA-512"``, ``"SHA-512-256"``, each also with ``-sess``; in any case.
        username: The user name, not hashed.
        password: The password.
        realm: Of the challenge.
        nonce: Of the challenge.
        method: Of the request.
        target: The request target as it is sent.
        session: The ``qop``, ``nc`` and ``cnonce`` that are sent with it; None without ``qop`` (RFC 2069).
        body: The whole body, needed where ``qop`` is ``auth-int``.

    Raises:
        ValueError: The algorithm is not known, or what it needs was not given.
    """
    canonical = _CANONICAL.get(algorithm.lower())
    if canonical is None:
        raise ValueError(f"digest algorithm {algorithm[:40]!a} is not known: expected one of {', '.join(_ALGORITHMS)}")
    digest = _DIGESTS[canonical.removesuffix("-sess")]

    def hashed(*parts: str) -> str:
        return digest(":".join(parts).encode("utf-8"))

    secret = hashed(username, realm, password)
    if canonical.endswith("-sess"):
        if session is None:
            raise ValueError(f"digest algorithm {canonical} needs a session: qop, nc and cnonce")
        secret = hashed(secret, nonce, session[2])
    if session is None:
        return hashed(secret, nonce, hashed(method, target))
    qop, count, cnonce = session
    if qop == "auth-int":
        if body is None:
            raise ValueError("digest with qop=auth-int covers the body: give it as bytes")
        request = hashed(method, target, digest(body))
    else:
        request = hashed(method, target)
    return hashed(secret, nonce, count, cnonce, qop, request)


@final
class DigestCredentials:
    """Answers one Digest challenge, for any number of requests: it counts how often the nonce was used.

    Args:
        challenge: What :func:`choose_digest_challenge` chose.
        username: The user name.
        password: The password.
    """

    __slots__ = ("_challenge", "_count", "_password", "_username")

    def __init__(self, challenge: Challenge, username: str, password: str) -> None:
        self._challenge = challenge
        self._username = username
        self._password = password
        self._count = 0

    def __repr__(self) -> str:
        return f"<DigestCredentials realm={self._challenge.parameters.get('realm', '')!r} used {self._count} times>"

    @property
    def needs_body(self) -> bool:
        """Whether the server takes nothing but ``auth-int``, which covers the body."""
        return _qops(self._challenge) & {"auth", "auth-int"} == {"auth-int"}

    def authorize(self, method: str, target: str, body: bytes | None = None) -> str:
        """Return the value of an ``Authorization`` field for the next request.

        Args:
            method: Of the request.
            target: Of the request, as it is sent.
            body: The whole body; looked at only where :attr:`needs_body`.

        Raises:
            ValueError: The body is needed and was not given.
            LocalProtocolError: User name or what the server sent cannot be put into a field.
        """
        asked = self._challenge.parameters
        algorithm = _algorithm(self._challenge)
        realm, nonce = asked["realm"], asked["nonce"]
        session = None
        if "qop" in asked or algorithm.endswith("-sess"):
            qop = "auth-int" if self.needs_body else "auth"
            session = (qop, f"{self._count + 1:08x}", random_bytes(16).hex())
        response = digest_response(
            algorithm,
            self._username,
            self._password,
            realm=realm,
            nonce=nonce,
            method=method,
            target=target,
            session=session,
            body=body,
        )
        self._count += 1
        username = self._username
        hashes_user = asked.get("userhash", "").lower() == "true"
        if hashes_user:
            username = _DIGESTS[algorithm.removesuffix("-sess")](f"{username}:{realm}".encode())
        try:
            parts = [
                f"username={quote_value(username, always=True)}"
                if username.isascii()
                else f"username*={encode_extended(username)}",
                f"realm={quote_value(realm, always=True)}",
                f"nonce={quote_value(nonce, always=True)}",
                f"uri={quote_value(target, always=True)}",
                f'response="{response}"',
            ]
            if "algorithm" in asked:
                parts.append(f"algorithm={algorithm}")
            if "opaque" in asked:
                parts.append(f"opaque={quote_value(asked['opaque'], always=True)}")
        except ValueError as error:
            raise LocalProtocolError(f"no answer to the Digest challenge can be written: {error}") from None
        if session is not None:
            parts += [f"qop={session[0]}", f"nc={session[1]}", f'cnonce="{session[2]}"']
        if hashes_user:
            parts.append("userhash=true")
        return "Digest " + ", ".join(parts)
