"""Kinds of responses, and reading a body as an object."""

from __future__ import annotations

import dataclasses
import enum
import json
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import pytest

from tests.wires import serving
from trio_http import LocalProtocolError, Request, Response, StatusError
from trio_http.web import JSON, ErrorResponse, JsonResponse, Router, SerializableResponse, redirect, serialize


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


@dataclasses.dataclass
class Shape:
    name: str
    points: list[Point]
    color: Color | None = None
    tags: dict[str, bool] = dataclasses.field(default_factory=dict)
    made: date | None = None
    id: uuid.UUID | None = None


@pytest.mark.covers("S4.26", "A46")
def test_json_response() -> None:
    response = JsonResponse({"a": "é"}, status=201, headers={"x-a": "1"})

    assert isinstance(response, Response)
    assert (response.status, response.content) == (201, '{"a":"é"}'.encode())
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-a"] == "1"
    assert JsonResponse([1], dumps=lambda obj: b"other").content == b"other"
    assert JsonResponse([], headers={"content-type": "application/ld+json"}).headers["content-type"].endswith("ld+json")


@pytest.mark.covers("S4.24")
async def test_a_response_is_made_of_all_its_parts() -> None:
    text = "some text that repeats; " * 100

    async def handler(request: Request) -> Response:
        return Response(text, status=202, headers={"x-a": "1"}, compress=True)

    async with serving(handler) as wires, wires.connect() as peer:
        status, fields, body = await peer.ask(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (status, fields[b"x-a"], body) == (202, b"1", text.encode())
        await peer.send(b"GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
        head = await peer.receive_until(b"\r\n\r\n")
        assert b"content-encoding: gzip" in head.lower()


@pytest.mark.covers("S4.25")
def test_error_response() -> None:
    assert ErrorResponse("no").json() == {"error": "no"}
    assert ErrorResponse("no").status == 400
    error = ValueError("x is wrong")
    response = ErrorResponse(error, status=422)
    assert response.json() == {"error": {"type": "ValueError", "message": "x is wrong"}}
    assert response.exception is error
    assert isinstance(ErrorResponse("no").exception, StatusError)
    with pytest.raises(ValueError, match="400 to 599"):
        ErrorResponse("no", status=200)


@pytest.mark.covers("S4.25")
def test_problem_details() -> None:
    response = ErrorResponse("no credit", status=403, problem=True)

    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "no credit"}
    details = {"type": "https://example.com/credit", "title": "No credit", "balance": 30}
    assert ErrorResponse(details, status=403, problem=True).json() == {**details, "status": 403}


@pytest.mark.covers("S4.27")
def test_serializable_response() -> None:
    @dataclasses.dataclass
    class Everything:
        inner: Point
        when: datetime
        color: Color
        id: uuid.UUID
        path: PurePosixPath
        price: Decimal
        some: frozenset[int]

    obj = Everything(
        Point(1),
        datetime(2024, 1, 2, tzinfo=UTC),
        Color.RED,
        uuid.UUID(int=1),
        PurePosixPath("a/b"),
        Decimal("1.10"),
        frozenset({1}),
    )

    assert SerializableResponse(obj).json() == {
        "inner": {"x": 1, "y": 0.0},
        "when": "2024-01-02T00:00:00+00:00",
        "color": "red",
        "id": str(uuid.UUID(int=1)),
        "path": "a/b",
        "price": "1.10",
        "some": [1],
    }
    with pytest.raises(TypeError, match="bytes"):
        SerializableResponse({"a": b"x"})


class Csv:
    media_type = "text/csv"

    def encode(self, obj: Any, /) -> bytes:
        return ",".join(map(str, obj)).encode()

    def decode(self, data: bytes, /) -> Any:
        return [int(part) for part in data.decode().split(",")]


async def test_the_peer_chooses_the_codec() -> None:
    def ask(accept: str) -> Response:
        return serialize(Request("GET", "/", headers={"accept": accept}), [1, 2], [JSON, Csv()])

    assert ask("text/csv").content == b"1,2"
    assert ask("*/*").content == b"[1,2]"
    assert ask("text/csv").headers["vary"] == "accept"
    with pytest.raises(StatusError, match=r"406.*application/json, text/csv"):
        ask("image/png")
    assert await Request("POST", "/", content=b"1,2").message(list[int], codec=Csv()) == [1, 2]


@pytest.mark.covers("S4.21")
async def test_a_body_is_read_as_an_object() -> None:
    body = {
        "name": "é",
        "points": [{"x": 1, "y": 2}, {"x": 3}],
        "color": "red",
        "tags": {"a": True},
        "made": "2024-02-29",
        "id": str(uuid.UUID(int=7)),
    }

    shape = await Request("POST", "/", json=body).message(Shape)

    assert shape == Shape("é", [Point(1, 2.0), Point(3)], Color.RED, {"a": True}, date(2024, 2, 29), uuid.UUID(int=7))
    assert isinstance(shape.points[0].y, float)


@pytest.mark.covers("S4.21")
async def test_a_class_may_read_itself() -> None:
    class Own:
        def __init__(self, value: object) -> None:
            self.value = value

        @classmethod
        def from_dict(cls, mapping: dict[str, Any]) -> Own:
            return cls(mapping["v"])

    assert (await Request("POST", "/", json={"v": 1}).message(Own)).value == 1


async def test_tuples_are_lists_of_a_kind() -> None:
    async def read(body: object, cls: Any) -> object:
        return await Request("POST", "/", json=body).message(cls)

    assert await read([1, "a", None], tuple[int, str, float | None]) == (1, "a", None)
    assert await read([1, 2, 3], tuple[int, ...]) == (1, 2, 3)
    assert await read([1, "a"], tuple) == (1, "a")
    assert await read([], tuple[()]) == ()
    with pytest.raises(StatusError, match=r"\[1\] is a number; expected a text"):
        await read([1, 2], tuple[int, str])
    with pytest.raises(StatusError, match="the body has 3 elements; expected 2"):
        await read([1, "a", 2], tuple[int, str])


@dataclasses.dataclass
class Tree:
    left: Tree | None = None


async def test_what_is_nested_too_deeply_is_the_peers_fault() -> None:
    depth = 400  # the parser goes deeper than that

    with pytest.raises(StatusError) as caught:
        await Request("POST", "/", content=b'{"left":' * depth + b"null" + b"}" * depth).message(Tree)

    assert caught.value.status == 422
    assert "nested too deeply" in (caught.value.detail or "")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ([], "the body is a list; expected an object"),
        ({"name": "x"}, "the body lacks points"),
        ({"name": 1, "points": []}, ".name is a number; expected a text"),
        ({"name": "x", "points": [{"x": 1}, {"x": "1"}]}, ".points[1].x is a text; expected a whole number"),
        ({"name": "x", "points": [{"x": True}]}, ".points[0].x is a boolean; expected a whole number"),
        ({"name": "x", "points": [{"x": 1.5}]}, ".points[0].x is a number; expected a whole number"),
        ({"name": "x", "points": [{"x": 1, "z": 1}]}, ".points[0].z is not expected here; these are: x, y"),
        ({"name": "x", "points": [], "color": "blue"}, ".color is not valid: 'blue' is not a valid Color"),
        ({"name": "x", "points": [], "tags": {"a": 1}}, ".tags.a is a number; expected true or false"),
        ({"name": "x", "points": [], "made": "soon"}, ".made is not valid"),
        ({"name": "x", "points": [], "id": "1"}, ".id is not valid"),
    ],
)
async def test_what_does_not_fit_is_named(body: object, complaint: str) -> None:
    with pytest.raises(StatusError) as caught:
        await Request("POST", "/", json=body).message(Shape)

    assert caught.value.status == 422
    assert complaint in (caught.value.detail or "")


async def test_a_body_that_is_no_json_or_of_another_type() -> None:
    with pytest.raises(StatusError, match=r"400.*line 1 column 2"):
        await Request("POST", "/", content=b"{").message(Shape)
    with pytest.raises(StatusError, match=r"415.*text/plain; expected application/json"):
        await Request("POST", "/", content="{}").message(Shape)
    with pytest.raises(StatusError, match="415"):
        await Request("POST", "/", content=b"{}", headers={"content-type": "?"}).message(Shape)


@pytest.mark.covers("A50")
def test_redirects() -> None:
    response = redirect("/a b/é?x=%20#f")

    assert (response.status, response.headers["location"]) == (302, "/a%20b/%C3%A9?x=%20#f")
    assert redirect("https://h/", status=308).status == 308
    assert redirect("/\r\nSet-Cookie: a=b").headers["location"] == "/%0D%0ASet-Cookie:%20a=b"
    with pytest.raises(ValueError, match="302"):
        redirect("/", status=200)


@pytest.mark.covers("S4.21")
async def test_the_answers_of_a_router_to_raised_errors_are_texts() -> None:
    router = Router()

    @router.post("/")
    async def take(request: Request) -> Response:
        return JsonResponse((await request.message(Point)).x)

    response = await router(Request("POST", "/", json={"x": "1"}))
    assert (response.status, response.text()) == (
        422,
        "422 Unprocessable Content: .x is a text; expected a whole number\n",
    )
    assert json.loads((await router(Request("POST", "/", json={"x": 1}))).content) == 1


def test_forbidden_header_values_are_refused() -> None:
    with pytest.raises(LocalProtocolError):
        JsonResponse({}, headers={"x": "a\r\nb"})
