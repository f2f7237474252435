"""Forms: fields and files from both encodings, limits, malformed input, and nothing left on disk.

Files on disk mean threads, so no clock jumps.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from urllib.parse import urlencode

import pytest
import trio
from hypothesis import given, settings, strategies as st

from tests.web.open_files import open_below
from tests.wires import serving
from trio_http import Request, Response, StatusError, parse_form, parse_multipart
from trio_http.messages import Body
from trio_http.web import FormLimits, MultipartParser, PartData, Router, form

TYPE = "multipart/form-data; boundary=XX"


def part(name: str, value: bytes, filename: str | None = None, kind: str | None = None) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    if kind is not None:
        head += f"\r\nContent-Type: {kind}"
    return b"--XX\r\n" + head.encode() + b"\r\n\r\n" + value + b"\r\n"


END = b"--XX--\r\n"
BODY = (
    part("name", "é\r\nb".encode())
    + part("file", b"\x00\xff\r\n--X", "C:\\dir\\é.png", "image/png")
    + part("name", b"second")
    + part("none", b"", "")
    + END
)


def post(body: bytes, kind: str = TYPE) -> Request:
    return Request("POST", "/", content=body, headers={"content-type": kind})


@pytest.mark.covers("A44", "S2.23", "S2.24")
async def test_fields_and_files() -> None:
    submitted = await form(post(BODY))

    assert submitted["name"] == "é\r\nb"
    assert submitted.get_list("name") == ["é\r\nb", "second"]
    assert list(submitted.files) == ["file"]  # a file that nobody has chosen is none
    upload = submitted.files["file"]
    assert (upload.filename, upload.content_type, upload.size) == ("é.png", "image/png", 7)
    assert upload.headers["content-disposition"].startswith("form-data")
    assert await upload.read(2) == b"\x00\xff"
    assert await upload.read() == b"\r\n--X"
    await upload.seek(0)
    assert await upload.read() == b"\x00\xff\r\n--X"


@pytest.mark.covers("A44")
async def test_urlencoded() -> None:
    request = post(b"a=1&b=x+y%26&a=%C3%A9", "application/x-www-form-urlencoded; charset=utf-8")

    submitted = await form(request)

    assert list(submitted.fields.get_all()) == [("a", "1"), ("b", "x y&"), ("a", "é")]
    assert await form(request) is submitted


@pytest.mark.covers("S1.92")
def test_parse_form() -> None:
    assert dict(parse_form("application/x-www-form-urlencoded", b"a=1")) == {"a": "1"}
    assert parse_form(TYPE, BODY).files["file"].size == 7
    with pytest.raises(StatusError, match=r"415.*'text/plain', no form"):
        parse_form("text/plain", b"")


@pytest.mark.covers("S1.93", "A44")
def test_parse_multipart() -> None:
    assert parse_multipart("XX", BODY)["name"] == "é\r\nb"
    assert parse_multipart(b"XX", BODY).files["file"].in_memory


@pytest.mark.covers("A44")
@settings(deadline=None)
@given(st.lists(st.integers(1, len(BODY) - 1), max_size=8).map(sorted))
def test_where_packets_are_cut_changes_nothing(cuts: list[int]) -> None:
    def events(pieces: list[bytes]) -> list[object]:
        parser = MultipartParser(b"XX")
        found: list[object] = []
        for piece in pieces:
            for event in parser.feed(piece):
                if isinstance(event, PartData) and found and isinstance(found[-1], bytes):
                    found[-1] += event.data
                elif isinstance(event, PartData):
                    found.append(event.data)
                else:
                    found.append(event)
        parser.finish()
        return found

    edges = [0, *cuts, len(BODY)]
    assert events([BODY[a:b] for a, b in itertools.pairwise(edges)]) == events([BODY])


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), max_size=5))
def test_what_is_encoded_is_what_is_read(fields: dict[str, str]) -> None:
    assert dict(parse_form("application/x-www-form-urlencoded", urlencode(fields).encode())) == fields


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=200)
    | st.lists(
        st.sampled_from([b"--XX", b"\r\n", b"--", b":", b"x", b"Content-Disposition: form-data; name=a"]), max_size=12
    ).map(b"".join)
)
def test_any_bytes_are_a_form_or_refused(data: bytes) -> None:
    for kind in (TYPE, "application/x-www-form-urlencoded"):
        status = 200
        try:
            parse_form(kind, data)
        except StatusError as error:
            status = error.status
        assert status in {200, 400, 413}


@pytest.mark.covers("A44")
@pytest.mark.parametrize(
    ("body", "kind", "status", "text"),
    [
        (BODY[:-10], TYPE, 400, "without its closing boundary"),
        (b"", TYPE, 400, "ends after 0 bytes, before the first part"),
        (b"--YY\r\n", TYPE, 400, "malformed at byte"),
        (b"--XX\r\nContent-Disposition form-data\r\n\r\nx\r\n--XX--", TYPE, 400, "malformed at byte"),
        (b"--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n--XX--", TYPE, 400, "without Content-Disposition, in part 1"),
        (b"--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--", TYPE, 400, "not form-data; name="),
        (b"--XX\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--XX--", TYPE, 400, "not form-data; name="),
        (part("a", b"\xff") + END, TYPE, 400, "value of 'a' in the form is not UTF-8: byte 0"),
        (BODY, "multipart/form-data", 400, "boundary"),
        (BODY, "multipart/form-data; boundary=" + "x" * 71, 400, "boundary"),
        (b"\xff", "application/x-www-form-urlencoded", 400, "not UTF-8: byte 0"),
        (b"{}", "application/json", 415, "no form"),
        (b"{}", "?", 415, "no form"),
    ],
)
async def test_malformed_forms(body: bytes, kind: str, status: int, text: str) -> None:
    with pytest.raises(StatusError) as caught:
        await form(post(body, kind))

    assert caught.value.status == status
    assert text in (caught.value.detail or "")


@pytest.mark.covers("A44")
@pytest.mark.parametrize(
    ("limits", "body", "text"),
    [
        (FormLimits(parts=2), BODY, "more than the 2 parts"),
        (FormLimits(files=1), part("a", b"x", "a") + part("b", b"y", "b") + END, "more than the 1 files"),
        (FormLimits(field_size=3), part("ok", b"123") + part("long", b"1234") + END, "field in part 2 ('long')"),
        (FormLimits(file_size=3), part("f", b"1234", "f") + END, "file in part 1 ('f')"),
        (FormLimits(headers_size=90), part("x" * 100, b"") + END, ""),
        (FormLimits(headers_size=100), part("x", b"", "y" * 30, "text/plain" + "z" * 60) + END, "headers"),
    ],
)
async def test_limits_of_multipart(limits: FormLimits, body: bytes, text: str) -> None:
    with pytest.raises(StatusError) as caught:
        await form(post(body), limits=limits)

    assert caught.value.status in {400, 413}
    assert text in (caught.value.detail or "")


@pytest.mark.covers("A44")
async def test_limits_of_urlencoded() -> None:
    kind = "application/x-www-form-urlencoded"
    for limits, body, text in (
        (FormLimits(parts=2), b"a&b&c", "3 fields; at most 2"),
        (FormLimits(field_size=2), b"a=123", "field 'a'"),
        (FormLimits(form_size=2), b"a=1", "3 bytes; at most 2"),
    ):
        with pytest.raises(StatusError, match="413") as caught:
            await form(post(body, kind), limits=limits)
        assert text in (caught.value.detail or "")


@pytest.mark.covers("A44")
async def test_a_large_file_goes_to_disk_and_is_saved(tmp_path: Path) -> None:
    data = os.urandom(300_000)
    spool = tmp_path / "spool"
    spool.mkdir()
    async with form(post(part("f", data, "f") + END), folder=str(spool)) as submitted:
        upload = submitted.files["f"]

        assert not upload.in_memory
        assert list(spool.iterdir()) == []  # it has no name
        await upload.save(tmp_path / "saved")
        assert (tmp_path / "saved").read_bytes() == data
        assert await upload.read() == data
        with pytest.raises(FileExistsError):
            await upload.save(tmp_path / "saved")
        await upload.save(tmp_path / "saved", overwrite=True)
        with pytest.raises(FileNotFoundError):
            await upload.save(tmp_path / "nowhere" / "saved")
    assert names_in(tmp_path) == ["saved", "spool"]
    with pytest.raises(ValueError, match="closed"):
        await upload.read()


@pytest.mark.parametrize("umask", [0o022, 0o077])
async def test_who_may_read_a_saved_file_is_decided_by_the_umask(umask: int, tmp_path: Path) -> None:
    async with form(post(part("f", b"data", "f") + END)) as submitted:
        before = os.umask(umask)
        try:
            await submitted.files["f"].save(tmp_path / "saved")
        finally:
            os.umask(before)

    assert (tmp_path / "saved").stat().st_mode & 0o777 == 0o666 & ~umask


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.covers("A44")
async def test_nothing_stays_on_disk_when_a_form_fails(tmp_path: Path) -> None:
    body = part("f", b"x" * 300_000, "f")

    with pytest.raises(StatusError, match="closing boundary"):
        await form(post(body), folder=str(tmp_path))

    assert names_in(tmp_path) == []
    assert len(open_below(tmp_path)) == 0


@pytest.mark.covers("A44")
async def test_nothing_stays_on_disk_when_reading_is_cancelled(tmp_path: Path) -> None:
    class Endless:
        length = None
        trailers = None
        pieces = 0
        scope = trio.CancelScope()

        async def receive_chunk(self) -> bytes:
            self.pieces += 1
            if self.pieces == 1:
                return part("f", b"", "f")[:-2]
            if self.pieces == 5:
                assert len(open_below(tmp_path)) == 1
                self.scope.cancel()
            await trio.lowlevel.checkpoint()
            return b"x" * 50_000

        async def aclose(self) -> None: ...

    source = Endless()
    request = post(b"")
    request._body = Body(source)
    with source.scope:
        await form(request, folder=str(tmp_path))

    assert source.scope.cancelled_caught
    assert len(open_below(tmp_path)) == 0


async def test_files_go_with_the_request(tmp_path: Path) -> None:
    request = post(part("f", b"x" * 300_000, "f") + END)
    await form(request, folder=str(tmp_path))
    assert len(open_below(tmp_path)) == 1

    del request

    assert len(open_below(tmp_path)) == 0


@pytest.mark.covers("A44", "S1.83", "A39")
async def test_on_the_wire() -> None:
    router = Router()

    @router.post("/")
    async def take(request: Request) -> Response:
        submitted = await form(request)
        return Response(f"{submitted['name']!r} {submitted.files['file'].size}")

    async with serving(router) as wires, wires.connect() as peer:
        head = f"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: {TYPE}\r\n"
        status, _, body = await peer.ask(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
        assert (status, body.decode()) == (200, r"'é\r\nb' 7")
        status, _, body = await peer.ask(f"{head}Content-Length: 10\r\n\r\n".encode() + BODY[:10])
        assert status == 400
        assert b"closing boundary" in body
