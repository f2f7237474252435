"""Errors are values: they can be told in other words, copied and sent to another process, and lose nothing by it."""

from __future__ import annotations

import copy
import pickle

import pytest

import trio_http
from trio_http import HTTPError

TIMEOUTS = [
    trio_http.ConnectTimeout,
    trio_http.HandshakeTimeout,
    trio_http.PoolTimeout,
    trio_http.WriteTimeout,
    trio_http.ReadTimeout,
    trio_http.IdleTimeout,
    trio_http.TotalTimeout,
]
TRANSPORT = [
    trio_http.TransportError,
    trio_http.ConnectError,
    trio_http.ReadError,
    trio_http.WriteError,
    trio_http.TLSError,
    trio_http.ProxyError,
]
EXAMPLES: list[HTTPError] = [
    *(kind("text", limit=2.5) for kind in TIMEOUTS),
    *(kind("text") for kind in TRANSPORT),
    trio_http.LocalProtocolError("text", 431),
    trio_http.RemoteProtocolError("text", 501),
    trio_http.IncompleteBody("text", 408),
    trio_http.BodyTooLarge("text", limit=7),
    trio_http.BodyConsumed("text"),
    trio_http.BodyScopeEnded("text"),
    trio_http.DecodingError("text"),
    trio_http.StatusError(404, "text", headers={"A": "b"}, response="the response"),
    trio_http.TooManyRedirects("text"),
    trio_http.InvalidURL("text"),
    trio_http.PoolError("text"),
    trio_http.CircuitOpen("text", seconds=2.5),
    trio_http.WebSocketError("text"),
    trio_http.ConnectionClosed(1001, "text"),
    trio_http.HandshakeRejected("text", "the response"),
]


def every_kind(kind: type[HTTPError]) -> set[type[HTTPError]]:
    return {kind}.union(*map(every_kind, kind.__subclasses__()))


def test_examples_are_all_there_are() -> None:
    public = {kind for kind in every_kind(HTTPError) if kind.__module__ == "trio_http._errors"}
    roots = {HTTPError, trio_http.ProtocolError, trio_http.HTTPTimeout, trio_http.BodyError}

    assert {type(error) for error in EXAMPLES} == public - roots


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_in_other_words_keeps_what_it_knows(error: HTTPError) -> None:
    other = error.with_text("other words")

    assert type(other) is type(error)
    assert str(other) == "other words"
    assert vars(other) == vars(error)
    assert getattr(other, "phase", None) == getattr(error, "phase", None)


def test_notes_are_not_told_twice() -> None:
    error = trio_http.ReadTimeout("text", limit=1)
    error.add_note("a note")

    assert not hasattr(error.with_text("other words"), "__notes__")


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_is_copied_and_pickled(error: HTTPError) -> None:
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is type(error)
        assert str(other) == str(error) != ""
        assert vars(other) == vars(error)
