"""Start lines as text."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trio_http._errors import RemoteProtocolError
from trio_http.semantics import parse_request_start_line, parse_response_start_line


@pytest.mark.covers("S1.95")
def test_a_request_line_is_parsed() -> None:
    line = parse_request_start_line("GET /foo?a=b HTTP/1.1")

    assert line == ("GET", "/foo?a=b", "HTTP/1.1")
    assert (line.method, line.target, line.version) == line
    assert parse_request_start_line("OPTIONS * HTTP/1.0").target == "*"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\n",
        "GET / HTTP/11",
        "GET / http/1.1",
        "GET /a b HTTP/1.1",
        "GET /\u00e9 HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET / HTTP/1.\u0661",
        "x" * 10_000,
    ],
)
def test_another_line_is_no_request_line(line: str) -> None:
    with pytest.raises(RemoteProtocolError, match="request line") as caught:
        parse_request_start_line(line)
    assert len(str(caught.value)) < 200


@pytest.mark.covers("S1.96")
@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("HTTP/1.1 200 OK", ("HTTP/1.1", 200, "OK")),
        ("HTTP/1.0 404 Not Found", ("HTTP/1.0", 404, "Not Found")),
        ("HTTP/1.1 200 ", ("HTTP/1.1", 200, "")),
        ("HTTP/1.1 204", ("HTTP/1.1", 204, "")),
        ("HTTP/1.1 299 \xe9 \t!", ("HTTP/1.1", 299, "\xe9 \t!")),
    ],
)
def test_a_status_line_is_parsed(line: str, parts: tuple[str, int, str]) -> None:
    parsed = parse_response_start_line(line)

    assert parsed == parts
    assert (parsed.version, parsed.status, parsed.reason) == parts


@pytest.mark.parametrize(
    "line",
    [
        "",
        "HTTP/1.1",
        "HTTP/1.1 20",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 x",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 200 O\rK",
        "HTTP/1.1 200 OK\n",
        "HTTP/1.1 200 \0",
        "HTTP/1.1 200 \u20ac",
        "ICY 200 OK",
        "HTTP/1.1 2\u06610 OK",
    ],
)
def test_another_line_is_no_status_line(line: str) -> None:
    with pytest.raises(RemoteProtocolError, match="status line"):
        parse_response_start_line(line)


@given(st.text(st.sampled_from("GET /HTP1.20 OK\r\n\0"), max_size=30))
def test_parsing_fails_in_one_way_only(line: str) -> None:
    for parse in (parse_request_start_line, parse_response_start_line):
        try:
            assert " ".join(map(str, parse(line))).rstrip() == line.rstrip()
        except RemoteProtocolError:
            pass
