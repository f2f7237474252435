"""Middleware: what is answered when something went wrong, by exception or by status."""

from __future__ import annotations

import html
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping

from .._errors import StatusError
from ..messages import Handler, Middleware, Request, Response
from ._answers import answer_to, only_leaf

__all__ = ["error_pages"]

log = logging.getLogger("trio_http.web")

ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]


def error_pages(
    pages: Mapping[type[Exception] | int, ErrorHandler] | None = None, *, debug: bool = False
) -> Middleware:
    """Answer errors in your own way.

    Args:
        pages: By class of exception (the nearest base of the one raised is taken), or by status code: of a
            :class:`StatusError` that was raised, and of an answer that was returned, which then comes as a StatusError
            with that answer as its ``response``. What a page raises itself is not caught here.
        debug: Answer all other exceptions with a page that shows the traceback. It shows the program to everybody: it
            is for your own machine. Without it they go on to the server, which logs them and answers 500.
    """
    by_class = {key: page for key, page in (pages or {}).items() if isinstance(key, type)}
    by_status = {key: page for key, page in (pages or {}).items() if isinstance(key, int)}

    def middleware(handler: Handler) -> Handler:
        async def with_pages(request: Request) -> Response:
            caught: Exception
            try:
                response = await handler(request)
            except Exception as error:
                caught = error
            else:
                page = by_status.get(response.status)
                if page is None:
                    return response
                await response.outgoing.aclose()
                return await page(request, StatusError(response.status, response=response))
            leaf = only_leaf(caught)
            if isinstance(leaf, StatusError) and leaf.response is None and leaf.status in by_status:
                return await by_status[leaf.status](request, leaf)
            if isinstance(leaf, Exception):
                for cls in type(leaf).__mro__:
                    if cls in by_class:
                        return await by_class[cls](request, leaf)
            mine = answer_to(caught)
            if mine is not None:
                return mine
            if not debug:
                raise caught
            log.error("%r: handler failed; answered with the debug page", request, exc_info=caught)
            return _debug_page(request, caught)

        return with_pages

    return middleware


def _debug_page(request: Request, error: Exception) -> Response:
    text = html.escape("".join(traceback.format_exception(error)))
    title = html.escape(f"{type(error).__name__}: {error}"[:500])
    asked = html.escape(f"{request.method} {request.path}")
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
        "pre{overflow:auto;padding:1rem;background:#8881;font-size:14px}</style>"
        f"<h1>{title}</h1><p>while answering <code>{asked}</code></p><pre>{text}</pre>"
        "<p>This page is shown because <code>error_pages(debug=True)</code> is in use.</p></html>"
    )
    return Response(page, status=500, headers={"content-type": "text/html; charset=utf-8"})
