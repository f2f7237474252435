"""Error answers that describe an exception, as a client gets them: types by name from a list, texts, nothing else."""

from __future__ import annotations

import json
import pickle

import pytest
import trio
import trio.testing
from hypothesis import given, settings, strategies as st

from trio_http import Client, Request, Response, StatusError
from trio_http.web import ErrorResponse


class NoSuchUser(Exception):
    """An error of an application."""


class Demanding(Exception):
    """One that cannot be made of a text."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


async def answer_of(made: Response) -> Response:
    """What a client has of it, over a connection in memory."""

    async def handler(request: Request) -> Response:
        return made

    async with Client(app=handler, base_url="http://api.test") as client:
        return await client.get("/x")


@pytest.mark.covers("S4.25")
@pytest.mark.parametrize("problem", [False, True])
async def test_a_client_has_the_exception_that_the_server_described(
    problem: bool, autojump_clock: trio.testing.MockClock
) -> None:
    response = await answer_of(ErrorResponse(ValueError("x is wrong"), status=422, problem=problem))

    error = response.exception
    assert type(error) is ValueError
    assert error.args == ("x is wrong",)
    assert isinstance(response.error, StatusError)
    assert response.error.detail is not None
    assert response.error.detail.endswith("http://api.test/x: ValueError: x is wrong")
    with pytest.raises(StatusError) as caught:
        response.raise_for_status()
    assert type(caught.value.__cause__) is ValueError
    assert caught.value.response is response


@pytest.mark.covers("S4.25")
async def test_types_of_an_application_are_known_to_those_who_name_them(
    autojump_clock: trio.testing.MockClock,
) -> None:
    response = await answer_of(ErrorResponse(NoSuchUser("ann"), status=404))

    assert isinstance(response.exception, StatusError)
    assert "NoSuchUser: ann" in str(response.exception)
    error = response.exception_of(KeyError, NoSuchUser)
    assert type(error) is NoSuchUser
    assert str(error) == "ann"
    # one that cannot be made of a text is told, not made
    demanding = await answer_of(ErrorResponse(Demanding("a", 1)))
    assert isinstance(demanding.exception_of(Demanding), StatusError)


@pytest.mark.parametrize("problem", [False, True])
async def test_a_status_error_says_its_detail_only(problem: bool, autojump_clock: trio.testing.MockClock) -> None:
    response = await answer_of(ErrorResponse(StatusError(404, "no such user"), status=404, problem=problem))

    assert isinstance(response.exception, StatusError)
    assert response.exception.detail is not None
    assert response.exception.detail.endswith("no such user")
    assert "404: no such" not in response.text()


async def test_a_key_error_is_not_quoted_twice(autojump_clock: trio.testing.MockClock) -> None:
    response = await answer_of(ErrorResponse(KeyError("ann"), status=404))

    assert response.json() == {"error": {"type": "KeyError", "message": "ann"}}
    assert isinstance(response.exception, KeyError)
    assert response.exception.args == ("ann",)


async def test_an_answer_that_is_no_error_has_none(autojump_clock: trio.testing.MockClock) -> None:
    response = await answer_of(Response(json={"error": {"type": "ValueError", "message": "x"}}))

    assert response.exception is None
    assert response.exception_of(NoSuchUser) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'{"error": {"type": 1, "message": "x"}}',
        b'{"error": {"type": "ValueError"}}',
        b'{"error": 7}',
        b"{}",
        b"[" * 60_000,
        b'{"error": {"type": "ValueError", "message": "' + b"x" * 70_000 + b'"}}',
    ],
)
def test_other_bodies_describe_nothing(body: bytes) -> None:
    response = Response(body, status=500, headers={"content-type": "application/json"})

    assert type(response.exception) is StatusError
    assert response.exception.detail == "Internal Server Error in answer to the request"


def test_only_json_describes() -> None:
    body = b'{"error": {"type": "ValueError", "message": "x"}}'
    for kind in ("text/plain", "?", None):
        response = Response(body, status=400, headers={} if kind is None else {"content-type": kind})
        assert type(response.exception) is StatusError
    assert type(Response(body, status=400, headers={"content-type": "application/json"}).exception) is ValueError


@pytest.mark.parametrize(
    "name",
    [
        "SystemExit",
        "KeyboardInterrupt",
        "StopIteration",
        "MemoryError",
        "UnicodeDecodeError",
        "os.system",
        "eval",
        "trio.Cancelled",
        "Cancelled",
        "GeneratorExit",
        "type",
        "object",
        "__import__",
        "subprocess.Popen",
        "NoSuchUser",
    ],
)
def test_a_peer_cannot_choose_other_types(name: str) -> None:
    body = {"error": {"type": name, "message": "x"}}
    response = Response(json=body, status=500)

    assert type(response.exception) is StatusError
    assert type(response.exception_of(Demanding)) is StatusError


def test_what_a_peer_says_stays_one_line() -> None:
    text = "a\r\nINFO all is well\x1b[2J\0" + "x" * 5000
    response = Response(json={"error": {"type": "Evil\nType", "message": text}}, status=500)

    assert response.error is not None
    assert response.error.detail is not None
    assert response.error.detail.isprintable()
    assert len(response.error.detail) < 700


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["error", "type", "message", "exception", "detail", "title"]) | st.text(), inner
            )
        ),
    )
)
def test_whatever_json_says_an_error_stays_an_error(value: object) -> None:
    response = Response(json.dumps(value).encode(), status=400, headers={"content-type": "application/json"})

    assert isinstance(response.exception, Exception)
    with pytest.raises(StatusError):
        response.raise_for_status()


def test_pickles_are_never_read() -> None:
    body = pickle.dumps({"error": {"type": "ValueError", "message": "x"}})
    response = Response(body, status=400, headers={"content-type": "application/json"})

    assert type(response.exception) is StatusError
