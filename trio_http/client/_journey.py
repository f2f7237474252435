"""The way of one request through hooks, cookies, retries, authentication and redirects.

From the inside out: an attempt (:meth:`Journey._once`, with the cookies and hooks that belong to one URL), attempts
until one is good enough (:meth:`Journey._persistent`), with the right credentials (:meth:`Journey._authorized`), at
the right place (:meth:`Journey.run`). At any time at most one attempt is open; whoever leaves it behind, by an
exception or for another, ends it.
"""

from __future__ import annotations

from typing import final

import trio

from .._errors import HTTPError
from ..messages import Content, Response
from ..semantics import URL, CookieJar, Headers, reason_bytes
from ._attempt import Attempt, Head
from ._auth import Auth, BasicAuth
from ._call import Call
from ._core import Core
from ._hedge import SHARE, first_answer
from ._hooks import called
from ._options import RequestHook, ResponseHook
from ._redirect import is_redirect, next_headers, next_method, next_url, replayed, too_many
from ._retry import Retry

__all__ = ["Journey", "head_response", "store_cookies"]

SPARE_BODY = 64 * 1024  # bytes of a response nobody wants that are read over, to keep the connection
AUTH_TRIES = 2  # further requests that a way of authenticating may ask for
_NO_CONTENT = Content()
_VERSIONS = {b"1.1": "HTTP/1.1", b"1.0": "HTTP/1.0"}
_reasons = {reason_bytes(code): reason_bytes(code).decode() for code in range(100, 600)}


def head_response(head: Head, data: bytes = b"") -> Response:
    """Return a response with a body that is in memory."""
    return Response.received(
        head.status_code,
        _reasons.get(head.reason) or head.reason.decode("latin-1"),
        Headers.from_items(head.headers.triples),
        _VERSIONS.get(head.http_version) or "HTTP/" + head.http_version.decode("ascii"),
        None,
        data,
    )


def store_cookies(jar: CookieJar | None, url: URL, head: Head) -> None:
    """Keep the cookies that a response sets."""
    if jar is None:
        return
    for item in head.headers.triples:
        if item[1] == b"set-cookie":
            jar.store(url, item[2].decode("latin-1"))


@final
class Journey:
    """One request with all that follows from it.

    Args:
        core: Who makes attempts.
        jar: The cookies; None where none are kept.
        auth: How to prove who we are, at the origin of the first URL.
        retry: When to try again; None for never.
        redirects: How many to follow; None for any number, 0 for returning the first response.
        cookies: A ``Cookie`` field for the origin of the first URL, besides the jar's.
        hedge: Seconds without an answer after which it is sent once more; None for never.
        on_request: Called before each attempt; once for a pair of hedged ones.
        on_response: Called after the head of each response.
    """

    __slots__ = (
        "_auth",
        "_cookies",
        "_core",
        "_has_proved",
        "_hedge",
        "_jar",
        "_on_request",
        "_on_response",
        "_redirects",
        "_retry",
        "history",
    )

    def __init__(
        self,
        core: Core,
        *,
        jar: CookieJar | None,
        auth: Auth | None = None,
        retry: Retry | None = None,
        redirects: int | None = 0,
        follow: bool = True,
        cookies: str | None = None,
        hedge: float | None = None,
        on_request: tuple[RequestHook, ...] = (),
        on_response: tuple[ResponseHook, ...] = (),
    ) -> None:
        self._core = core
        self._jar = jar
        self._auth = auth
        self._retry = retry
        self._redirects = redirects if follow else 0
        self._cookies = cookies
        self._hedge = hedge
        self._on_request = on_request
        self._on_response = on_response
        self._has_proved = False
        self.history: tuple[Response, ...] = ()

    async def run(self, call: Call) -> tuple[Attempt, Head]:
        """Send the request and go where it leads.

        Returns:
            The attempt that brought the final head, and that head; the body is still to be read.

        Raises:
            HTTPError: Whatever went wrong; nothing is open then.
        """
        return await self.go_on(call, *await self._authorized(call))

    async def go_on(self, call: Call, attempt: Attempt, head: Head) -> tuple[Attempt, Head]:
        """Follow redirects from an attempt that has been made."""
        most = self._redirects
        if most == 0:
            return attempt, head
        first, origin = call, call.to.url.origin
        history: list[Response] = []
        while is_redirect(head.status_code, headers := Headers.from_items(head.headers.triples)):
            response = head_response(head, await _spare(attempt))
            response.request, response.url, response.timings = call.request(), call.to.url, attempt.timings
            response.history = tuple(history)
            history.append(response)
            url = next_url(call.to.url, headers, websocket=call.upgrade == b"websocket")
            if most is not None and len(history) > most:
                raise too_many(str(first), most, url)
            if url.origin != origin:
                self._auth = self._cookies = None
            call = self._redirected(call, url, response.status)
            attempt, head = await self._authorized(call)
        self.history = tuple(history)
        return attempt, head

    def _redirected(self, call: Call, url: URL, status: int) -> Call:
        method = next_method(call.method, status)
        drops = method != call.method
        content = _NO_CONTENT if drops else replayed(call.content, call.to.url, status)
        headers = next_headers(call.headers, drops_content=drops, crosses=url.origin != call.to.url.origin)
        if self._has_proved:
            headers.pop("authorization", None)  # ours, for one request: digest covers its target
        return call.redirected(method, self._core.destination(url, switches=call.upgrade is not None), headers, content)

    async def _authorized(self, call: Call) -> tuple[Attempt, Head]:
        auth = self._auth
        url = call.to.url
        if auth is None and url.username is not None:
            auth = BasicAuth(url.username, url.password or "")
        if auth is None or "authorization" in call.headers:
            return await self._persistent(call)
        self._has_proved = True
        request = call.request()
        tries = 0
        while True:
            await auth.authorize(request)
            attempt, head = await self._persistent(call)
            if head.status_code != 401 or tries == AUTH_TRIES or not call.content.replayable:
                return attempt, head
            try:
                response = head_response(head)
                response.request, response.url = request, url
                again = await auth.challenged(request, response)
            except BaseException:
                await attempt.abandon()
                raise
            if not again:
                return attempt, head
            await _spare(attempt)
            request.headers.pop("authorization", None)
            tries += 1

    async def _persistent(self, call: Call) -> tuple[Attempt, Head]:
        retry = self._retry
        if retry is None:
            return await self._once(call)
        budget = self._core.budget
        if retry.budget is not None:
            budget.deposit(retry.budget)
        repeatable = call.may_be_repeated
        number = 0
        while True:
            number += 1
            attempt: Attempt | None = None
            try:
                attempt, head = await self._once(call)
            except HTTPError as error:
                delay = retry.delay_after_error(error, number, repeatable=repeatable)
                if delay is None or not self._may_go_on(call, retry, delay):
                    raise
            else:
                headers = Headers.from_items(head.headers.triples)
                delay = retry.delay_after_status(head.status_code, headers, number, repeatable=repeatable)
                if delay is None or not self._may_go_on(call, retry, delay):
                    return attempt, head
                await _spare(attempt)
            await trio.sleep(delay)

    def _may_go_on(self, call: Call, retry: Retry, delay: float) -> bool:
        """Tell whether there is a body to send again, time to wait, and something left of the budget."""
        latest = min(call.latest, trio.current_effective_deadline())
        if not call.content.replayable or trio.current_time() + delay >= latest:
            return False
        return retry.budget is None or self._core.budget.withdraw()

    async def _once(self, call: Call) -> tuple[Attempt, Head]:
        for hook in self._on_request:
            await called(hook, call.request())
        call.cookie = self._cookie_for(call.to.url)
        hedge = self._hedge
        on_wire = call.to.app is None  # a handler in this process runs in the caller's task, and once
        if hedge is not None and on_wire and call.may_be_repeated and not call.content.is_one_shot:
            core = self._core
            core.hedge_budget.deposit(SHARE)
            attempt, head = await first_answer(lambda: core.attempt(call), hedge, core.hedge_budget.withdraw)
        else:
            attempt, head = await self._core.attempt(call)
        store_cookies(self._jar, call.to.url, head)
        if self._on_response:
            try:
                for seen in self._on_response:
                    response = head_response(head)
                    response.request, response.url, response.timings = call.request(), call.to.url, attempt.timings
                    await called(seen, response)
            except BaseException:
                await attempt.abandon()
                raise
        return attempt, head

    def _cookie_for(self, url: URL) -> str | None:
        kept = None if self._jar is None else self._jar.header_for(url)
        return "; ".join(filter(None, (kept, self._cookies))) or None


async def _spare(attempt: Attempt) -> bytes:
    """Read over a body nobody wants; if it is long, or something is wrong with it, its connection is closed."""
    try:
        data, _ = await attempt.read_whole(SPARE_BODY)
    except HTTPError:
        return b""
    return data
