"""Media types and character sets."""

from __future__ import annotations

import codecs
import encodings
import json

import pytest
from hypothesis import given, strategies as st

from trio_http.semantics import MediaType, text_encoding


def test_a_media_type_is_read_and_written() -> None:
    media_type = MediaType.parse('Text/HTML ; Charset="UTF-8";level=1; charset=x')

    assert (media_type.type, media_type.subtype, media_type.essence) == ("text", "html", "text/html")
    assert media_type.parameters == {"charset": "UTF-8", "level": "1"}
    assert media_type.charset == "UTF-8"
    assert str(MediaType("text", "x", {"a": "b c", "d": "e"})) == 'text/x; a="b c"; d=e'
    assert repr(MediaType("Text", "plain")) == "MediaType('text', 'plain', {})"
    assert MediaType("text", "plain").charset is None


def test_media_types_are_values() -> None:
    one = MediaType.parse("text/html; a=1; b=2")

    assert one == MediaType("TEXT", "HTML", {"B": "2", "a": "1"})
    assert hash(one) == hash(MediaType.parse("text/html;b=2;a=1"))
    assert one != MediaType.parse("text/html; a=1")
    assert one != "text/html; a=1; b=2"


@pytest.mark.parametrize("text", ["", "text", "text/", "/html", "text/html/x", "te xt/html", "text/html,x", "\n/x"])
def test_what_is_no_media_type_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="media type"):
        MediaType.parse(text)


@pytest.mark.parametrize("parts", [("text", ""), ("text", "a; b=c"), ("a/b", "c"), ("text", "a\n")])
def test_what_is_no_media_type_is_not_made(parts: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="media type"):
        MediaType(*parts)


@pytest.mark.parametrize(
    ("text", "is_json", "is_text"),
    [
        ("application/json", True, True),
        ("application/problem+json; charset=utf-8", True, True),
        ("text/plain", False, True),
        ("application/xml", False, True),
        ("image/svg+xml", False, True),
        ("application/javascript", False, True),
        ("image/png", False, False),
        ("application/jsonp", False, False),
    ],
)
def test_json_and_text_are_told(text: str, is_json: bool, is_text: bool) -> None:
    media_type = MediaType.parse(text)

    assert (media_type.is_json, media_type.is_text) == (is_json, is_text)


@given(st.text(max_size=30))
def test_parsing_fails_in_one_way_only(text: str) -> None:
    try:
        media_type = MediaType.parse("text/plain;" + text)
    except ValueError:
        return
    assert media_type.essence == "text/plain"


@pytest.mark.covers("B9")
@pytest.mark.parametrize(
    ("content_type", "beginning", "encoding"),
    [
        (None, b"", "utf-8"),
        ("", b"abc", "utf-8"),
        ("nonsense", b"abc", "utf-8"),
        ("text/plain", b"abc", "utf-8"),
        ("text/plain; charset=ISO-8859-1", b"abc", "iso-8859-1"),
        ('text/plain; charset="windows-1251"', b"abc", "windows-1251"),
        ("application/octet-stream; charset=koi8-r", b"", "koi8-r"),
        ("text/plain; charset=latin1", codecs.BOM_UTF8 + b"x", "utf-8-sig"),
        ("application/json", codecs.BOM_UTF16_LE + b"x\0", "utf-16"),
        ("application/json", codecs.BOM_UTF16_BE + b"\0x", "utf-16"),
        ("application/json", codecs.BOM_UTF32_LE, "utf-32"),
        ("application/json", codecs.BOM_UTF32_BE, "utf-32"),
        ("image/png", codecs.BOM_UTF8, "utf-8"),
        (None, codecs.BOM_UTF8, "utf-8-sig"),
        ("text/plain; charset=unknown", b"", "utf-8"),
        ("text/plain; charset=", b"", "utf-8"),
        ("text/plain; charset=hex", b"", "utf-8"),
        ("text/plain; charset=zip", b"", "utf-8"),
        ("text/plain; charset=rot13", b"", "utf-8"),
        ("text/plain; charset=idna", b"", "utf-8"),
        ("text/plain; charset=unicode-escape", b"", "utf-8"),
        ("text/plain; charset=undefined", b"", "utf-8"),
        ("text/plain; charset=../etc", b"", "utf-8"),
        ("text/plain; charset=" + "a" * 10_000, b"", "utf-8"),
    ],
)
def test_the_encoding_of_a_text(content_type: str | None, beginning: bytes, encoding: str) -> None:
    assert text_encoding(content_type, beginning) == encoding
    assert b"abc".decode(encoding, "replace") is not None


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_with_a_byte_order_mark_is_read(codec: str) -> None:
    content = json.dumps({"a": "\u20ac"}).encode(codec)

    assert json.loads(content.decode(text_encoding("application/json", content[:4]))) == {"a": "\u20ac"}


@given(st.text(max_size=20))
def test_any_charset_gives_a_codec_that_works(charset: str) -> None:
    assert isinstance(b"abc".decode(text_encoding(f'text/plain; charset="{charset}"'), "replace"), str)


def test_python_does_not_get_to_remember_every_charset_that_a_peer_makes_up() -> None:
    before = set(encodings._cache)  # type: ignore[attr-defined]  # what it was asked for, found or not

    for number in range(100):
        assert text_encoding(f"text/plain; charset=made-up-{number}") == "utf-8"

    assert set(encodings._cache) == before  # type: ignore[attr-defined]  # as above


@pytest.mark.parametrize(
    "name", ["ISO-8859-15", "Windows-1252", "latin1", "cp737", "KOI8-U", "Shift_JIS", "gb18030", "mac-roman", "UTF8"]
)
def test_charsets_of_the_world_are_known_by_their_names(name: str) -> None:
    assert text_encoding(f"text/plain; charset={name}") == name.lower()
