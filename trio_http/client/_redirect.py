"""What the next request of a redirect is: RFC 9110 section 15.4, and what browsers have made of it."""

from __future__ import annotations

from .._errors import BodyConsumed, InvalidURL, RemoteProtocolError, TooManyRedirects
from ..messages import Content
from ..semantics import URL, Headers
from ..websocket import http_url

__all__ = ["is_redirect", "next_headers", "next_method", "next_url", "too_many"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# about the body that is not sent again
_CONTENT_FIELDS = (
    "content-length",
    "content-type",
    "content-encoding",
    "content-language",
    "content-location",
    "expect",
)
# secrets for one origin, and its name
_ORIGIN_FIELDS = ("authorization", "cookie", "proxy-authorization", "host", "origin")


def is_redirect(status: int, headers: Headers) -> bool:
    """Tell whether a client is to go elsewhere."""
    return status in _REDIRECTS and "location" in headers


def next_url(url: URL, headers: Headers, *, websocket: bool = False) -> URL:
    """Return where a redirect leads; it inherits the fragment (RFC 9110 section 10.2.2).

    Raises:
        RemoteProtocolError: Location is no http or https URL.
    """
    location = headers["location"]
    try:
        # servers that send UTF-8 in the field are many; it was decoded as latin-1
        target = url.join(location.encode("latin-1").decode("utf-8", "replace"))
    except InvalidURL as error:
        raise RemoteProtocolError(f"{url.redacted} redirects to an invalid Location: {error}") from error
    if websocket:
        target = http_url(target)  # of a handshake; any other request cannot go there
    if target.scheme not in {"http", "https"}:
        raise RemoteProtocolError(
            f"{url.redacted} redirects to {target.redacted}, which is neither http nor https; not followed"
        )
    if target.username is None and target.origin == url.origin and url.username is not None:
        target = target.replace(username=url.username, password=url.password)
    if url.fragment and not target.fragment:
        target = target.replace(fragment=url.fragment)
    return target


def next_method(method: str, status: int) -> str:
    """Return the method of the next request."""
    if status == 303 and method != "HEAD":
        return "GET"
    if status in {301, 302} and method == "POST":
        return "GET"  # RFC 9110 allows it "for historical reasons", and everybody does it
    return method


def next_headers(headers: Headers, *, drops_content: bool, crosses: bool) -> Headers:
    """Return the fields of the next request.

    Args:
        headers: Those of this one.
        drops_content: The next one has no body.
        crosses: It goes to another origin, which must not see secrets.
    """
    kept = headers.copy()
    for name in (_CONTENT_FIELDS if drops_content else ()) + (_ORIGIN_FIELDS if crosses else ()):
        kept.pop(name, None)
    return kept


def replayed(content: Content, url: URL, status: int) -> Content:
    """Return the body again, for a redirect that keeps it.

    Raises:
        BodyConsumed: It came from an iterator and is gone.
    """
    if not content.replayable:
        raise BodyConsumed(
            f"{url.redacted} answered {status}, which asks for the same body again, but it came from an iterator and "
            "has been sent. Give bytes or a function async def producer(send), or follow_redirects=False"
        )
    return content


def too_many(first: str, most: int, last: URL) -> TooManyRedirects:
    """Say that a chain is too long."""
    return TooManyRedirects(
        f"{first}: redirected more than {most} times (max_redirects), the last time to {last.redacted}"
    )
