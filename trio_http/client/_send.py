"""One request from call to response: the straight way of the plain ones, and the way through everything there is."""

from __future__ import annotations

import contextlib
import functools
from typing import final

from .._errors import BodyTooLarge
from ..messages import Body, Content, Handler, Request, Response
from ..semantics import URL, CookieJar, Headers
from ._attempt import Attempt, too_large
from ._auth import auth_of
from ._call import Call
from ._compose import Composer, cookie_field
from ._core import Core
from ._decode import decode_whole, decoder_for
from ._journey import Journey, head_response, store_cookies
from ._multipart import close_files
from ._options import ClientMiddleware, RequestOptions, Settings, check_count, check_seconds
from ._retry import retry_of
from ._stream import OpenResponse, StreamedBody

__all__ = ["Sender", "close_unsent"]

# options that the straight way of a request cannot take
_JOURNEY = frozenset({"auth", "retry", "hedge", "cookies", "follow_redirects", "max_redirects"})


@final
class Sender:
    """Sends the requests of one client.

    Args:
        settings: What the user said of the client.
        core: Makes attempts.
        composer: Makes calls.

    Attributes:
        jar: The cookies; None where none are kept.
    """

    __slots__ = ("_auth", "_composer", "_core", "_is_light", "_is_plain", "_may_have_cookies", "_settings", "jar")

    def __init__(self, settings: Settings, core: Core, composer: Composer) -> None:
        self._settings = settings
        self._core = core
        self._composer = composer
        cookies = settings.cookies
        self.jar = None if cookies is False else cookies if isinstance(cookies, CookieJar) else CookieJar()
        self._may_have_cookies = self.jar is cookies
        self._auth = auth_of(settings.auth)
        self._is_light = not (
            settings.auth
            or settings.retry
            or settings.hedge
            or settings.middleware
            or settings.on_request
            or settings.on_response
        )
        self._is_plain = self._is_light and composer.is_plain

    def expect_cookies(self) -> None:
        """Look into the jar from now on: somebody else may have put something there."""
        self._may_have_cookies = self.jar is not None

    async def request(
        self, method: str, url: str | URL, options: RequestOptions, *, asked: Request | None = None
    ) -> Response:
        # Hot: once per request. With nothing set up between the call and its attempt it takes the straight way.
        try:
            call = (
                self._composer.call(method, url, options) if asked is None else self._composer.call_for(asked, options)
            )
            if options:
                check_count("max_body", options.get("max_body"))
        except Exception:
            await close_unsent(options, asked)
            raise
        settings = self._settings
        limit = options.get("max_body", settings.limits.body)
        if not self._is_light or call.to.has_secret or not (not options or _JOURNEY.isdisjoint(options)):
            response = await self._through_everything(call, options, limit)
        else:
            jar = self.jar
            if jar is not None and self._may_have_cookies:
                call.cookie = jar.header_for(call.to.url)
            call.is_plain = not options and asked is None and call.cookie is None and self._is_plain
            history: tuple[Response, ...] = ()
            content = call.content
            try:
                attempt, head = await self._core.attempt(call)
                if 301 <= head.status_code <= 308:
                    store_cookies(jar, call.to.url, head)
                    journey = self._journey(options)
                    self.expect_cookies()
                    attempt, head = await journey.go_on(call, attempt, head)
                    call = attempt.call
                    history = journey.history
                data, trailers = await attempt.read_whole(limit)
            finally:
                if content.data is None:
                    await content.aclose()
            response = head_response(head, data)
            response.asked_by(call)
            response.url = call.to.url
            response.timings = attempt.timings
            response.history = history
            if trailers is not None:
                response.trailers_to_send = trailers
            for item in head.headers.triples:
                if item[1] == b"set-cookie" and jar is not None:
                    self._may_have_cookies = True
                    jar.store(call.to.url, item[2].decode("latin-1"))
                elif item[1] == b"content-encoding" and data and self._decompresses(options):
                    decoder = decoder_for(response.headers, settings.limits, limit)
                    if decoder is not None:
                        decode_whole(response, decoder, data, call)
                    data = b""  # done, all of it
        if response.status >= 400 and options.get("raise_for_status", settings.raise_for_status):
            response.raise_for_status()
        return response

    async def _through_everything(self, call: Call, options: RequestOptions, limit: int | None) -> Response:
        """Send a request like :meth:`open`, and read the whole response."""
        opened = await self.open(call, options, check=False)
        try:
            response = opened.response
            try:
                data = await response.read(limit)
            except BodyTooLarge as error:
                if error.limit is None:
                    raise
                raise too_large(call, error.limit, str(error)) from error
            trailers = response.trailers
            response.replace_content(data)  # it can be read again, as lines for instance
            response.trailers_to_send = trailers
        finally:
            await opened.aclose()
        return response

    async def compose(self, method: str, url: str | URL, options: RequestOptions) -> Call:
        """Make a call; what was given as its body is closed if that fails."""
        try:
            return self._composer.call(method, url, options)
        except Exception:
            await close_unsent(options)
            raise

    async def open(self, call: Call, options: RequestOptions, *, check: bool = True) -> OpenResponse:
        """Send a request through everything there is, and return the response with an open body."""
        opened = OpenResponse(call.content)

        async def handle(request: Request) -> Response:
            following = call if request is asked else self._following(call, request, options)
            opened.contents.append(following.content)
            journey = self._journey(options)
            self.expect_cookies()
            attempt, head = await journey.run(following)
            opened.attempts.append(attempt)
            headers = Headers.from_items(head.headers.triples)
            decoder = None
            if attempt.has_body and self._decompresses(options):
                decoder = decoder_for(headers, self._settings.limits, None)
            elif not attempt.has_body and head.status_code != 101 and not attempt.finish_nowait():
                await attempt.finish()
            response = Response.received(
                head.status_code, "", headers, "HTTP/1.1", Body(StreamedBody(attempt, decoder))
            )
            like = head_response(head)
            response.reason, response.http_version = like.reason, like.http_version
            self._finish(response, attempt, journey.history)
            return response

        asked = call.request()
        handler: Handler = handle
        for each in reversed(self._settings.middleware):
            handler = functools.partial(_through, each, handler)
        try:
            opened.response = response = await handler(asked)
            if response.url is None:  # a middleware has answered by itself
                response.asked_by(call)
                response.url = call.to.url
            if check and options.get("raise_for_status", self._settings.raise_for_status) and response.status >= 400:
                await opened.read_refusal()
                response.raise_for_status()
        except BaseException:
            await opened.aclose()
            raise
        return opened

    def _following(self, call: Call, request: Request, options: RequestOptions) -> Call:
        """Return the call for a request that middleware has made; what was said of the first one holds for it, too."""
        made = self._composer.call_for(request, options)
        to = made.to if call.upgrade is None else self._core.destination(made.to.url, switches=True)
        return call.redirected(made.method, to, made.headers, made.content)

    def _journey(self, options: RequestOptions) -> Journey:
        settings = self._settings
        most = check_count("max_redirects", options.get("max_redirects", settings.max_redirects))
        if most is None:
            most = settings.limits.redirects
        cookies = options.get("cookies")
        retry = options.get("retry", settings.retry)
        hedge = options.get("hedge", settings.hedge)
        return Journey(
            self._core,
            jar=self.jar,
            auth=auth_of(options["auth"]) if "auth" in options else self._auth,
            retry=retry_of(retry),
            redirects=most,
            follow=options.get("follow_redirects", settings.follow_redirects),
            cookies=cookie_field(cookies) if cookies else None,
            hedge=None if hedge is None else check_seconds("hedge", hedge),
            on_request=tuple(settings.on_request),
            on_response=tuple(settings.on_response),
        )

    def _decompresses(self, options: RequestOptions) -> bool:
        return options.get("decompress", self._settings.decompress)

    def _finish(self, response: Response, attempt: Attempt, history: tuple[Response, ...]) -> None:
        call = attempt.call
        response.asked_by(call)
        response.url = call.to.url
        response.timings = attempt.timings
        response.history = history


async def close_unsent(options: RequestOptions, asked: Request | None = None) -> None:
    """Close what was given as a body and is never going to be sent."""
    if asked is not None:
        await asked.content.aclose()
        return
    with contextlib.suppress(TypeError):
        await Content(options.get("content")).aclose()
    await close_files(options.get("files"))


async def _through(middleware: ClientMiddleware, handler: Handler, request: Request) -> Response:
    return await middleware(request, handler)
