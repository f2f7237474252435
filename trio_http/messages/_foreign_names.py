"""What other libraries call the parts of a message, for the texts of errors: most people come from one of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import final

__all__ = ["REQUEST_NAMES", "RESPONSE_NAMES", "NoSuchAttribute"]

_MATCHES = "what a route has found in the path is request.matches"
_QUERY = "the query is request.query"
_FORM = "read a form with: await trio_http.web.form(request)"
_PEER = "the client's address is request.ip (behind proxies, with the server's proxy_headers=)"
_TYPE = 'it is headers["content-type"]'

REQUEST_NAMES: Mapping[str, str] = {
    "path_params": _MATCHES,
    "match_info": _MATCHES,
    "view_args": _MATCHES,
    "query_params": _QUERY,
    "args": _QUERY,
    "GET": _QUERY,
    "form": _FORM,
    "files": _FORM,
    "POST": _FORM,
    "post": _FORM,
    "client": _PEER,
    "remote": _PEER,
    "remote_addr": _PEER,
    "remote_ip": _PEER,
    "app": "the server is request.server, and what its lifespan provides is request.state",
    "get_json": "read it with: await request.json()",
    "data": "read it with: await request.read()",
    "stream": "iterate over request.body",
    "user_agent": 'it is headers["user-agent"]',
}
RESPONSE_NAMES: Mapping[str, str] = {
    "status_code": "the status is response.status",
    "ok": "ask response.is_success",
    "reason_phrase": "it is response.reason or response.phrase",
    "content_type": _TYPE,
    "mimetype": _TYPE,
    "media_type": _TYPE,
    "charset": "it is response.encoding",
    "data": "a whole body is response.content",
    "aread": "read it with: await response.read()",
    "iter_content": "iterate over response.body",
    "iter_bytes": "iterate over response.body",
    "aiter_bytes": "iterate over response.body",
    "iter_lines": "iterate over response.lines()",
    "aiter_lines": "iterate over response.lines()",
    "close": "a response ends with its block: async with client.stream(...) as response",
    "aclose": "a response ends with its block: async with client.stream(...) as response",
}


@final
class NoSuchAttribute(AttributeError):
    """A message has no such attribute; the text tells what is meant, as far as can be guessed.

    The guess is made when somebody reads the text: ``hasattr()`` makes such errors, too, and throws them away.

    Args:
        kind: The type of the message.
        what: Its name in texts.
        name: What was asked for.
        known: What is said about names of other libraries.
    """

    def __init__(self, kind: type, what: str, name: str, known: Mapping[str, str]) -> None:
        super().__init__(kind, what, name, known, name=name)

    def __str__(self) -> str:
        kind, what, name, known = self.args
        hint = known.get(name)
        if hint is None:
            public = [one for one in dir(kind) if not one.startswith("_")]
            near = difflib.get_close_matches(name, public, 1)
            hint = f"did you mean {near[0]}?" if near else None
        return f"a {what} has no attribute {name!r}" + (f": {hint}" if hint else "")
