"""Which handler answers: patterns, first match, methods, mounts, hosts, names."""

from __future__ import annotations

import gc
import sys
import uuid
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.web.routes import ask, matches
from tests.wires import serving
from trio_http import Client, Request, Response, StatusError
from trio_http.web import PathType, Resource, Router, post


def says(text: str) -> Any:
    async def handler(request: Request) -> Response:
        return Response(text)

    return handler


async def route_of(pattern: str, path: str) -> Any:
    """The matches of a router with that one pattern; None for 404."""
    router = Router()
    router.add("GET", pattern, matches)
    response = await ask(router, path)
    return None if response.status == 404 else response.json()


@pytest.mark.covers("S4.3", "S4.4", "S4.5", "S4.6", "S4.7", "S4.15")
@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/abc", "/abc", {}),
        ("/abc", "/abc/", None),
        ("/abc", "/ABC", None),
        ("/abc", "/abcd", None),
        ("/abc/", "/abc/", {}),
        ("/abc/", "/abc", None),
        ("/", "/", {}),
        ("/:a", "/x", {"a": "x"}),
        ("/:a", "/", None),
        ("/:a", "/x/y", None),
        ("/:a", "/x/", None),
        ("/u/:a/e/:b", "/u/1/e/2", {"a": "1", "b": "2"}),
        ("/:a?", "/", {"a": None}),
        ("/:a?", "/x", {"a": "x"}),
        ("/:a?", "/x/y", None),
        ("/u/:a?", "/u", {"a": None}),
        ("/u/:a?", "/u/", {"a": None}),
        ("/u/:a?", "/u/x", {"a": "x"}),
        ("/u/:a?/e", "/u/e", {"a": None}),
        ("/u/:a?/e", "/u/x/e", {"a": "x"}),
        ("/:a?/:b?", "/x", {"a": "x", "b": None}),
        ("/:a?/:b?", "/x/y", {"a": "x", "b": "y"}),
        ("/:a+", "/", None),
        ("/:a+", "/x", {"a": "x"}),
        ("/:a+", "/x/y/z", {"a": "x/y/z"}),
        ("/:a+", "/x/y/", {"a": "x/y/"}),
        ("/:a+", "//etc", None),
        ("/u/:a+/e", "/u/1/2/e", {"a": "1/2"}),
        ("/u/:a+/e", "/u/e", None),
        ("/:a*", "/", {"a": ""}),
        ("/:a*", "/x/y", {"a": "x/y"}),
        ("/u/:a*", "/u", {"a": ""}),
        ("/u/:a*", "/u/", {"a": ""}),
        ("/u/:a*/e", "/u/e", {"a": ""}),
        ("/u/:a*/e", "/u/1/e/e", {"a": "1/e"}),
        ("/:a<int>", "/12", {"a": 12}),
        ("/:a<int>", "/-12", {"a": -12}),
        ("/:a<int>", "/1x", None),
        ("/:a<int>", "/" + "1" * 5000, None),
        ("/:a<int>?", "/", {"a": None}),
        ("/:a<float>", "/1.5", {"a": 1.5}),
        ("/:a<str>", "/1x", {"a": "1x"}),
        ("/f/:a+/:b<int>", "/f/x/y/7", {"a": "x/y", "b": 7}),
        ("/f/:a+/:b<int>", "/f/x/y/z", None),
        # what is encoded is no separator
        ("/:a", "/x%2Fy", {"a": "x/y"}),
        ("/:a/:b", "/x%2Fy", None),
        ("/:a", "/%C3%A9%20", {"a": "é "}),
        ("/a b", "/a%20b", {}),
        ("/:a", "/x?a=b/c", {"a": "x"}),
        ("/:a", "/100%", {"a": "100%"}),
        ("/items:batch", "/items:batch", {}),
    ],
)
async def test_patterns(pattern: str, path: str, expected: dict[str, object] | None) -> None:
    assert await route_of(pattern, path) == expected


@pytest.mark.covers("A65")
async def test_parameters_have_the_types_asked_for() -> None:
    router = Router(
        types={"hex": PathType("[0-9a-f]+|(0x)?[0-9A-F]{2}", lambda text: int(text, 16), lambda n: f"{n:x}")}
    )
    seen: list[object] = []

    async def note(request: Request) -> Response:
        seen.append(request.matches["v"])
        return Response("")

    router.add("GET", "/u/:v<uuid>", note)
    router.add("GET", "/h/:v<hex>", note)
    router.add("GET", "/t/:rest+/:v<hex>", note)

    for path in ("/u/12345678-1234-5678-1234-567812345678", "/h/ff", "/t/a/b/0xFF"):
        assert (await ask(router, path)).status == 200

    assert seen == [uuid.UUID("12345678-1234-5678-1234-567812345678"), 255, 255]
    assert router.url_for("note", v=uuid.UUID(int=1)) == "/u/00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("abc", "slash"),
        ("/:", "no parameter"),
        ("/:a<nothing>", "no type 'nothing'"),
        ("/:a/:a", "twice"),
        ("/:a+/x/:b*", "several"),
        ("/:a<int>+", "no type"),
        ("/user/{id}", "would match these very characters only: a parameter is written :id, or :id<int>"),
        ("/user/<id>", "a parameter is written :id"),
        ("/user/<int:id>", "a parameter is written :id"),
        ("/user/{id:int}", "a parameter is written :id"),
        ("/" + "/".join(f":p{n}?" for n in range(9)), "optional"),
    ],
)
def test_a_wrong_pattern_is_refused_when_it_is_registered(pattern: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Router().add("GET", pattern, matches)


def test_a_wrong_method_or_handler_is_refused() -> None:
    with pytest.raises(ValueError, match="no method"):
        Router().add("G T", "/", matches)
    with pytest.raises(TypeError, match="expected async def handler"):
        Router().add("GET", "/", "nothing")  # type: ignore[arg-type]


def test_a_decorator_that_was_not_called_is_told() -> None:
    with pytest.raises(TypeError, match=r"this is matches: say @router\.get\('/path'\)"):
        Router().get(matches)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="this is matches"):
        post(matches)  # type: ignore[arg-type]


def test_a_class_instead_of_a_resource_is_told() -> None:
    with pytest.raises(TypeError, match=r"given a class: make one, Resource\(\.\.\.\)"):
        Router().register_routes(Resource)  # type: ignore[arg-type]


@pytest.mark.covers("S4.8")
@pytest.mark.parametrize(
    ("patterns", "path", "winner"),
    [
        (["/:a", "/x"], "/x", 0),
        (["/x", "/:a"], "/x", 0),
        (["/:a*", "/x/y"], "/x/y", 0),
        (["/x/y", "/:a*"], "/x/y", 0),
        (["/:a/y", "/x/:b"], "/x/y", 0),
        (["/x/:b", "/:a/y"], "/x/y", 0),
        (["/x/z", "/:a/:b", "/x/y"], "/x/y", 1),
        (["/:a<int>", "/:a"], "/1", 0),
        (["/:a", "/:a<int>"], "/1", 0),
        (["/:a<int>", "/:a"], "/x", 1),
        (["/:a<int>/z", "/1/:b+", "/:a+"], "/1/y", 1),
        (["/:a?/:b", "/x"], "/x", 0),
        (["/x/:a+/e", "/x/1/e"], "/x/1/e", 0),
    ],
)
async def test_the_first_match_wins(patterns: list[str], path: str, winner: int) -> None:
    router = Router()
    for number, pattern in enumerate(patterns):
        router.add("GET", pattern, says(str(number)))

    assert (await ask(router, path)).text() == str(winner)
    assert (await ask(router, path)).text() == str(winner)  # now remembered


components = st.sampled_from(["a", "b", ":p", ":p?", ":p+", ":p*", ":p<int>", "1"])
patterns_strategy = st.lists(components, min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(p.replace("p", f"p{n}", 1) if p[0] == ":" else p for n, p in enumerate(parts))
)


@pytest.mark.covers("S4.8")
@settings(deadline=None, max_examples=150)
@given(
    st.lists(patterns_strategy.filter(lambda p: p.count("+") + p.count("*") < 2), min_size=1, max_size=8),
    st.lists(st.sampled_from(["a", "b", "1", "zz", ""]), min_size=1, max_size=5),
)
async def test_many_routes_answer_as_one_after_the_other_would(patterns: list[str], parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    router = Router()
    for number, pattern in enumerate(patterns):
        router.add("GET", pattern, says(str(number)))
    expected = "404"
    for number, pattern in enumerate(patterns):
        if await route_of(pattern, path) is not None:
            expected = str(number)
            break

    response = await ask(router, path)

    assert (response.text() if response.status == 200 else "404") == expected


@pytest.mark.covers("A65", "S4.8")
async def test_methods() -> None:
    router = Router()
    router.add("GET", "/x", says("got"))
    router.add("PUT", "/x", says("put"))
    router.add("PURGE", "/p", says("purged"))

    assert (await ask(router, "/x", "PUT")).text() == "put"
    assert (await ask(router, "/x", "HEAD")).text() == "got"
    assert (await ask(router, "/p", "PURGE")).text() == "purged"
    refused = await ask(router, "/x", "DELETE")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS, PUT")
    refused = await ask(router, "/p", "GET")
    assert (refused.status, refused.headers["allow"]) == (405, "OPTIONS, PURGE")
    assert (await ask(router, "/y", "DELETE")).status == 404
    options = await ask(router, "/x", "OPTIONS")
    assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, PUT")
    everything = await ask(router, "*", "OPTIONS")
    assert (everything.status, everything.headers["allow"]) == (204, "GET, HEAD, OPTIONS, PURGE, PUT")
    assert (await ask(router, "host:1", "CONNECT")).status == 404


async def test_routes_of_their_own_for_head_and_options() -> None:
    router = Router()
    router.get("/x")(says("got"))
    router.head("/x")(says("head"))
    router.options("/x")(says("options"))
    router.route("/:any*")(says("any"))
    router.get("/y")(says("never"))
    router.head("/y")(says("never"))

    assert (await ask(router, "/x", "HEAD")).text() == "head"
    assert (await ask(router, "/x", "OPTIONS")).text() == "options"
    assert (await ask(router, "/y", "HEAD")).text() == "any"
    assert (await ask(router, "/y")).text() == "any"
    assert (await ask(router, "/x", "BREW")).text() == "any"


async def test_a_route_for_several_methods() -> None:
    router = Router()
    router.route("/x", ["POST", "PUT"])(says("x"))

    assert [(await ask(router, "/x", method)).status for method in ("POST", "PUT", "GET")] == [200, 200, 405]


@pytest.mark.covers("S4.22")
async def test_dispatch_answers_like_the_router_itself() -> None:
    router = Router()
    router.get("/x")(says("x"))

    assert (await router.dispatch(Request("GET", "/x"))).text() == "x"


@pytest.mark.covers("A50")
async def test_a_status_error_is_the_answer() -> None:
    router = Router()

    @router.get("/mine")
    async def mine(request: Request) -> Response:
        raise StatusError(404, "no such user", headers={"x-why": "gone", "Content-Type": "text/x-mine"})

    @router.get("/grouped")
    async def grouped(request: Request) -> Response:
        raise ExceptionGroup("nursery", [StatusError(409, "taken")])

    @router.get("/upstream")
    async def upstream(request: Request) -> Response:
        raise StatusError(404, response=Response(status=404))

    response = await ask(router, "/mine")
    assert (response.status, response.text(), response.headers["x-why"]) == (
        404,
        "404 Not Found: no such user\n",
        "gone",
    )
    assert response.headers.get_list("content-type") == ["text/x-mine"]
    assert (await ask(router, "/grouped")).status == 409
    with pytest.raises(StatusError):
        await ask(router, "/upstream")


@pytest.mark.covers("A46")
async def test_json_that_is_none_is_answered_with_400() -> None:
    router = Router()

    @router.post("/")
    async def take(request: Request) -> Response:
        return Response(json=await request.json())

    for content in (b'{"a": ', b"\xff", b"[" * 100_000):
        response = await router(Request("POST", "/", content=content))
        assert response.status == 400
        assert "not JSON" in response.text()
    response = await router(Request("POST", "/", content=b'{"a":\n}'))
    assert "line 2 column 1" in response.text()


async def test_not_found_may_be_answered_otherwise() -> None:
    router = Router(not_found=says("mine"))
    router.get("/x")(says("x"))

    assert (await ask(router, "/y")).text() == "mine"
    assert (await ask(router, "/x", "PUT")).status == 405


@pytest.mark.covers("A67")
async def test_a_mounted_router_goes_on_with_the_rest() -> None:
    inner = Router()
    inner.get("/")(says("root"))
    inner.get("/user/:name")(matches)
    outer = Router()
    outer.mount("/api/:version", inner, name="api")
    outer.get("/api/1/late")(says("late"))
    outer.get("/other")(says("other"))

    assert (await ask(outer, "/api/1")).text() == "root"
    assert (await ask(outer, "/api/1/")).text() == "root"
    assert (await ask(outer, "/api/1/user/a%2Fb")).json() == {"version": "1", "name": "a/b"}
    assert (await ask(outer, "/api/1/late")).status == 404  # the mount came first
    assert (await ask(outer, "/api/1/user/x", "POST")).headers["allow"] == "GET, HEAD, OPTIONS"
    assert (await ask(outer, "/other")).text() == "other"
    assert outer.url_for("api:matches", version=1, name="é/ x") == "/api/1/user/%C3%A9%2F%20x"


@pytest.mark.covers("A67")
async def test_a_mounted_handler_sees_the_request_as_it_came() -> None:
    async def tell(request: Request) -> Response:
        return Response(f"{request.method} {request.path} {request.matches['path']}")

    router = Router()
    router.mount("/s", tell)

    assert (await ask(router, "/s/a/b", "BREW")).text() == "BREW /s/a/b a/b"
    assert (await ask(router, "/sx")).status == 404


@pytest.mark.covers("A67")
async def test_hosts() -> None:
    api = Router()
    api.get("/")(matches)
    router = Router()
    router.host("api.example.com", says("api"))
    router.host(":tenant.example.com", api)
    router.host(":deep+.example.org", matches)
    router.get("/")(says("default"))

    assert (await ask(router, "/", host="API.example.com:8080")).text() == "api"
    assert (await ask(router, "/", host="acme.example.com.")).json() == {"tenant": "acme"}
    assert (await ask(router, "/", host="a.b.example.org")).json() == {"deep": "a.b"}
    assert (await ask(router, "/", host="example.com")).text() == "default"
    assert (await ask(router, "/")).text() == "default"
    with pytest.raises(ValueError, match="no pattern of hosts"):
        router.host("example.com:80", api)


async def test_a_trailing_slash_is_another_path() -> None:
    router = Router()
    router.get("/a")(says("a"))
    router.get("/b/")(says("b/"))
    router.get("/c/:x?")(matches)

    assert (await ask(router, "/a/")).status == 404
    assert (await ask(router, "/b")).status == 404
    assert (await ask(router, "/b/")).text() == "b/"
    for path in ("/c", "/c/"):
        assert (await ask(router, path)).json() == {"x": None}
    assert (await ask(router, "/c//")).status == 404


async def test_a_fragment_is_no_part_of_the_path() -> None:
    router = Router()
    router.get("/u/:a")(matches)

    assert (await ask(router, "/u/x#y")).json() == {"a": "x"}
    assert (await ask(router, "/u/x#y?z")).json() == {"a": "x"}


async def test_the_work_does_not_grow_with_the_routes() -> None:
    def steps(count: int) -> int:
        """How many lines of Python are run to find the last route."""
        router = Router()
        for number in range(count):
            router.get(f"/service{number}/item/:id")(says(str(number)))
        target = f"/service{count - 1}/item/7"
        asking = router(Request("GET", target))
        lines = 0

        def trace(frame: FrameType, event: str, arg: object) -> Any:
            nonlocal lines
            lines += event == "line"
            return trace

        before = sys.gettrace()
        gc.disable()  # what it finalizes would be counted, too
        sys.settrace(trace)
        try:
            asking.send(None)
        except StopIteration:
            pass
        finally:
            sys.settrace(before)
            gc.enable()
        return lines

    one = steps(1)
    assert one > 20
    assert steps(10_000) == one


def test_a_router_describes_its_routes() -> None:
    async def documented(request: Request) -> Response:
        """Show a user.

        At length.
        """
        return Response("")

    inner = Router()
    inner.post("/user", max_content_length=7)(documented)
    router = Router()
    router.get("/")(says("x"))
    router.mount("/api", inner, name="api")

    first, second = router.describe()

    assert (first.method, first.pattern, first.name, first.max_content_length) == ("GET", "/", "handler", None)
    assert (second.method, second.pattern, second.name) == ("POST", "/api/user", "api:documented")
    assert (second.summary, second.description, second.max_content_length) == ("Show a user.", "At length.", 7)
    assert router.routes()[1] == ("POST", "/api/user", documented)


async def test_ten_thousand_routes_are_found_among() -> None:
    router = Router()
    for number in range(10_000):
        router.get(f"/r{number}/:a")(says(str(number)))

    assert (await ask(router, "/r9999/x")).text() == "9999"


async def test_on_the_wire() -> None:
    router = Router()
    router.get("/u/:name")(matches)
    async with serving(router) as wires, wires.connect() as peer:
        status, fields, body = await peer.ask(b"GET /u/x HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (status, body) == (200, b'{"name":"x"}')
        await peer.send(b"HEAD /u/x HTTP/1.1\r\nHost: h\r\n\r\n")
        head = await peer.receive_until(b"\r\n\r\n")
        assert b"content-length: 12" in head.lower()
        status, fields, body = await peer.ask(b"POST /u/x HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (status, fields[b"allow"]) == (405, b"GET, HEAD, OPTIONS")
        status, fields, body = await peer.ask(b"GET http://h/u/y?q HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (status, body) == (200, b'{"name":"y"}')


@pytest.mark.covers("S4.22")
async def test_in_process() -> None:
    router = Router()
    router.get("/u/:name")(matches)

    async with Client(app=router) as client:
        assert (await client.get("http://h/u/x?y=z")).json() == {"name": "x"}
        assert (await client.post("http://h/u/x")).status == 405


async def test_a_request_knows_the_pattern_of_its_route() -> None:
    async def route(request: Request) -> Response:
        return Response(json=request.route)

    inner, router = Router(), Router()
    inner.add("GET", "/user/:name", route)
    router.add("GET", "/plain/:a", route)
    router.add("POST", "/plain/:a", route, max_content_length=10)
    router.mount("/api/:version", inner)
    router.mount("/files", route)

    assert (await ask(router, "/plain/1")).json() == "/plain/:a"
    assert (await ask(router, "/plain/%20")).json() == "/plain/:a"
    assert (await ask(router, "/plain/1", "POST")).json() == "/plain/:a"
    assert (await ask(router, "/api/v1/user/ann")).json() == "/api/:version/user/:name"
    assert (await ask(router, "/files/x/y")).json() == "/files/:path*"
    lost = Request("GET", "/nowhere")
    await router(lost)
    assert lost.route is None
