"""What cannot be a handler is refused where it is given, and what a handler returned wrongly is explained."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from trio_http import Client, Request, Response, Server
from trio_http.asgi import ASGIHandler
from trio_http.messages import check_handler, no_response
from trio_http.web import Resource, Router, get


async def hello(request: Request) -> Response:
    return Response("hello")


async def nothing() -> Response:
    return Response()


async def asgi(scope: object, receive: object, send: object) -> None: ...


async def named(request: Request, name: str) -> Response:
    return Response(name)


async def yields(request: Request) -> Any:
    yield b"x"


class Users(Resource):
    @get("/users")
    async def show(self, request: Request) -> Response:
        return Response()


def plain(request: Request) -> Any:
    return hello(request)


class Callable:
    async def __call__(self, request: Request, *, verbose: bool = False) -> Response:
        return Response()


@pytest.mark.parametrize("handler", [hello, plain, Callable(), Router(), functools.partial(named, name="x")])
def test_what_takes_a_request_is_a_handler(handler: Any) -> None:
    check_handler(handler, "the handler")


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        (nothing, r"the handler is nothing\(\) -> .*, which does not take a request alone; expected async def handler"),
        (named, r"named\(request: .*, name: .*\) -> .*, which does not take a request alone"),
        (asgi, r"An ASGI application is served by trio_http\.serve_asgi\(\)"),
        (yields, r"the handler yields: <function yields .*; expected async def handler\(request\) that returns"),
        (Users(), r"register_routes"),
        ("app:handler", r"the handler is 'app:handler'; expected async def handler\(request\)$"),
    ],
    ids=["no request", "one more", "asgi", "generator", "resource", "text"],
)
def test_what_does_not_is_refused(handler: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        check_handler(handler, "the handler")


def test_it_is_refused_wherever_handlers_are_given() -> None:
    router = Router()

    with pytest.raises(TypeError, match="the handler is nothing"):
        Server(nothing)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the handler for GET /user/:name is named"):
        router.get("/user/:name")(named)
    with pytest.raises(TypeError, match="app= is asgi"):
        Client(app=asgi)  # type: ignore[arg-type]


def test_what_is_no_asgi_application_is_told_where_it_belongs() -> None:
    def wsgi(environ: object, start_response: object) -> list[bytes]:
        return []

    for app, hint in ((hello, "A handler is served by trio_http.serve"), (wsgi, "A WSGI .* is served by serve_wsgi")):
        with pytest.raises(TypeError, match=f"is no ASGI application: .*{hint}"):
            ASGIHandler(app)  # type: ignore[arg-type]
    ASGIHandler(asgi)


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (None, "returned None (a forgotten return?), not a Response"),
        ({"a": 1}, "returned a dict, not a Response; say return Response(json=...)"),
        ("x", "returned a str, not a Response; say return Response(...)"),
        (5, "returned an object of type int, not a Response"),
    ],
)
def test_what_is_no_response_is_explained(returned: object, text: str) -> None:
    assert no_response(returned) == text


def test_what_was_not_awaited_is_explained() -> None:
    forgotten = hello(Request("GET", "/"))

    assert no_response(forgotten) == "returned a coroutine (a forgotten await?), not a Response"
    forgotten.close()
