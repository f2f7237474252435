"""Content-Disposition: RFC 6266."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trio_http.semantics import Headers, format_content_disposition, parse_content_disposition


@pytest.mark.parametrize(
    ("value", "kind", "filename"),
    [
        ("inline", "inline", None),
        ("", "", None),
        ('Attachment; filename="a b.txt"', "attachment", "a b.txt"),
        ("attachment; filename=a.txt", "attachment", "a.txt"),
        ("attachment; filename=x; filename*=UTF-8''%e2%82%ac.txt", "attachment", "\u20ac.txt"),
        ("attachment; filename=x; filename*=nonsense", "attachment", "x"),
        ('attachment; filename="../../etc/passwd"', "attachment", "passwd"),
        ("attachment; filename*=UTF-8''..%5c..%5cx%00.exe", "attachment", "x.exe"),
        ('attachment; filename="a/.."', "attachment", None),
        ('attachment; filename=""', "attachment", None),
    ],
)
def test_dispositions_are_read(value: str, kind: str, filename: str | None) -> None:
    assert parse_content_disposition(value) == (kind, filename)


@pytest.mark.parametrize(
    ("filename", "value"),
    [
        (None, "attachment"),
        ("a.txt", 'attachment; filename="a.txt"'),
        ('a "b".txt', 'attachment; filename="a \\"b\\".txt"'),
        ("\u20ac.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%E2%82%AC.txt"),
        ("50%.txt", "attachment; filename=\"50%.txt\"; filename*=UTF-8''50%25.txt"),
        ("a\r\nb", 'attachment; filename="a__b"'),
    ],
)
def test_dispositions_are_written(filename: str | None, value: str) -> None:
    assert format_content_disposition("attachment", filename) == value


@given(st.text(max_size=20))
def test_any_name_can_be_written_and_printable_ones_come_back(filename: str) -> None:
    value = format_content_disposition("attachment", filename)

    assert Headers({"content-disposition": value})["content-disposition"] == value
    if filename.isprintable() and not set(filename) & set("/\\") and filename not in {"", ".", ".."}:
        assert parse_content_disposition(value).filename == filename
