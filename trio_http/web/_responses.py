"""Kinds of responses that differ in how they are made: JSON, errors, serialized objects, redirects."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, final
from urllib.parse import quote

from .._errors import StatusError
from ..messages import JSON, Codec, Request, Response, describe
from ..semantics import HeadersInput, choose_media_type, phrases
from ._vary import vary

__all__ = [
    "ErrorResponse",
    "JsonResponse",
    "SerializableResponse",
    "redirect",
    "serialize",
]

_REDIRECTS = {301, 302, 303, 307, 308}
# what may stand in a URL as it is, RFC 3986; the percent sign, too, because the URL may be encoded already
_URL_SAFE = "%!#$&'()*+,/:;=?@[]~"


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@final
class JsonResponse(Response):
    """An object as JSON.

    Args:
        obj: What ``dumps`` takes.
        status: The status code.
        headers: Further fields; a ``content-type`` among them replaces ``application/json``.
        dumps: Makes text or bytes of the object; the standard library's, written compactly, unless given.
    """

    __slots__ = ()

    def __init__(
        self,
        obj: object,
        *,
        status: int = 200,
        headers: HeadersInput | None = None,
        dumps: Callable[[Any], str | bytes] = _dumps,
    ) -> None:
        text = dumps(obj)
        super().__init__(text.encode() if isinstance(text, str) else text, status=status, headers=headers)
        self.headers.setdefault("content-type", "application/json")


@final
class ErrorResponse(Response):
    """An error that a program can read.

    Without ``problem`` the body is ``{"error": obj}``; with it, problem details by RFC 9457. An exception becomes its
    type's name and its text (no traceback): give only such exceptions as the peer may know of. A client of ours has it
    as ``response.exception``, and as the cause of what ``raise_for_status()`` raises.

    Args:
        obj: A text, an exception, or anything that is JSON (a mapping has the members of the problem details).
        status: The status code, 400 to 599.
        headers: Further fields.
        problem: Answer with ``application/problem+json``.
    """

    __slots__ = ("_given",)

    def __init__(
        self, obj: object, *, status: int = 400, headers: HeadersInput | None = None, problem: bool = False
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"ErrorResponse(status={status!r}): errors are 400 to 599")
        text = str(obj)
        shown: object = obj
        members: dict[str, Any] = obj if isinstance(obj, dict) else {"detail": text}
        if isinstance(obj, StatusError):
            text = obj.detail or phrases.get(obj.status, "")
            shown = {"type": "StatusError", "message": text}
            members = {"detail": text}
        elif isinstance(obj, Exception):
            told = describe(obj)
            shown = {"type": told.name, "message": told.text}
            members = {"detail": told.text, "exception": told.name}
        if problem:
            details: dict[str, Any] = {"type": "about:blank", "title": phrases.get(status, ""), "status": status}
            details.update(members)
            body, kind = _dumps(details), "application/problem+json"
        else:
            body, kind = _dumps({"error": shown}), "application/json"
        super().__init__(body.encode(), status=status, headers=headers)
        self.headers.setdefault("content-type", kind)
        self._given = obj if isinstance(obj, Exception) else StatusError(status, text)

    @property
    def exception(self) -> Exception:
        """The exception that was given, else a :class:`StatusError` that says the same."""
        return self._given


@final
class SerializableResponse(Response):
    """An object, written by a codec.

    Args:
        obj: What the codec takes.
        status: The status code.
        headers: Further fields.
        codec: How to write it; JSON with dataclasses, dates and the like unless given.

    Raises:
        TypeError: The codec cannot write it.
    """

    __slots__ = ()

    def __init__(
        self, obj: object, *, status: int = 200, headers: HeadersInput | None = None, codec: Codec = JSON
    ) -> None:
        super().__init__(codec.encode(obj), status=status, headers=headers)
        self.headers.setdefault("content-type", codec.media_type)


def serialize(
    request: Request, obj: object, codecs: Sequence[Codec], *, status: int = 200, headers: HeadersInput | None = None
) -> SerializableResponse:
    """Return an object in the form that the peer likes best.

    Args:
        request: Whose ``Accept`` field decides.
        obj: What all codecs take.
        codecs: Those there are, the best first.
        status: The status code.
        headers: Further fields.

    Raises:
        StatusError: 406, the peer accepts none of them.
    """
    offers = {codec.media_type: codec for codec in reversed(codecs)}
    names = [codec.media_type for codec in codecs]
    chosen = choose_media_type(request.headers.get("accept"), names)
    if chosen is None:
        raise StatusError(406, f"this can be had as {', '.join(names)}")
    response = SerializableResponse(obj, status=status, headers=headers, codec=offers[chosen])
    vary(response, "accept")
    return response


def redirect(url: str, *, status: int = 302, headers: HeadersInput | None = None) -> Response:
    """Return a response that sends the peer elsewhere.

    Args:
        url: Where to, absolute or relative; what must not stand in a URL is percent-encoded. Do not take it from the
            peer unchecked: this would send people wherever a link says.
        status: 301, 302, 303, 307 or 308; the last two keep method and body.
        headers: Further fields.

    Raises:
        ValueError: The status is no redirect.
    """
    if status not in _REDIRECTS:
        raise ValueError(f"redirect(status={status!r}): give one of {sorted(_REDIRECTS)}")
    response = Response(b"", status=status, headers=headers)
    response.headers["location"] = quote(url, safe=_URL_SAFE)
    return response
