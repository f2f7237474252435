"""Paths of routes: made of values they lead back to them, and any bytes of a path are answered."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import assume, given, settings, strategies as st

from tests.web.routes import ask, matches
from trio_http import Request, Response
from trio_http.web import Router


@pytest.mark.covers("A66")
def test_paths_of_routes() -> None:
    router = Router()
    router.get("/user/:name/:tab?", name="user")(matches)
    router.get("/n/:n<int>")(matches)
    router.get("/f/:path*", name="file")(matches)

    assert router.url_for("user", name="a b") == "/user/a%20b"
    assert router.url_for("user", name="x", tab="y") == "/user/x/y"
    assert router.url_for("matches", n=5) == "/n/5"
    assert router.url_for("file", path="a/b c") == "/f/a/b%20c"
    assert router.url_for("file") == "/f"
    for name, params in (
        ("matches", {"n": "x"}),
        ("user", {}),
        ("user", {"name": ".."}),
        ("user", {"name": "x", "z": 1}),
    ):
        with pytest.raises(ValueError, match="no route"):
            router.url_for(name, **params)
    with pytest.raises(LookupError, match="nobody"):
        router.url_for("nobody")


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."}))
async def test_a_path_made_of_a_value_leads_back_to_it(value: str) -> None:
    router = Router()
    router.get("/u/:name")(matches)
    try:
        path = router.url_for("matches", name=value)
    except UnicodeEncodeError:
        return  # half of a surrogate pair is no text

    assert (await ask(router, path)).json() == {"name": value}


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=6).filter(
    lambda text: text not in {".", ".."}
)
WHOLE = TEXTS.filter(lambda text: "/" not in text)
PARTS = st.one_of(
    st.builds(lambda text: (text, ""), st.sampled_from(["a", "b c", "é", "x.y", "%41", "a:b"])),
    st.builds(lambda kind: (":{}", kind), st.sampled_from(["", "?", "<int>", "<int>?", "<float>", "<uuid>"])),
)


@pytest.mark.parametrize("pattern", ["/:a<int>?/:b", "/:a<int>?/:b?", "/:a<int>?/:b/:rest*", "/:a<int>?/:b?/:rest+"])
async def test_a_parameter_that_may_be_left_out_takes_its_place_if_it_can(pattern: str) -> None:
    router = Router()
    router.get(pattern)(matches)

    found = (await ask(router, "/1/2/3" if "rest" in pattern else "/1/2")).json()

    assert (found["a"], found["b"]) == (1, "2")


@settings(deadline=None)
@given(st.lists(PARTS, min_size=1, max_size=4), st.sampled_from([None, "+", "*"]), st.data())
async def test_a_path_made_of_values_gives_them_back(
    parts: list[tuple[str, str]], tail: str | None, data: st.DataObject
) -> None:
    """``url_for`` and the router are each other's inverse, for all kinds of parameters."""
    pattern = ""
    values: dict[str, object] = {}
    expected: dict[str, object] = {}
    kinds = {
        "": TEXTS,
        "?": st.none() | TEXTS,
        "<int>": st.integers(-(10**17), 10**17),
        "<int>?": st.none() | st.integers(0, 9),
        "<float>": st.floats(-(10**9), 10**9).map(lambda number: round(number, 3)),
        "<uuid>": st.uuids(),
    }
    skipped = False
    for number, (text, kind) in enumerate(parts):
        if text != ":{}":
            pattern += "/" + text
            skipped = True
            continue
        name = f"p{number}"
        pattern += f"/:{name}{kind}"
        value = data.draw(kinds[kind])
        expected[name] = value
        if value is not None:
            values[name] = value
    if tail is not None:
        pattern += f"/:rest{tail}"
        values["rest"] = expected["rest"] = "/".join(data.draw(st.lists(WHOLE, min_size=1, max_size=3)))
    assume(not (skipped and "%" in pattern))  # a pattern is text; a percent sign in it stands for itself
    found: list[dict[str, object]] = []

    async def note(request: Request) -> Response:
        found.append(request.matches)
        return Response("")

    router = Router()
    router.get(pattern, name="it")(note)
    path = router.url_for("it", **values)

    assert path.isascii()
    response = await router(Request("GET", path))
    assert response.status == 200, (pattern, path)
    # where one of several is left out, the value of another may stand in its place
    if len(expected) == 1 or None not in expected.values():
        assert found[0] == expected


@settings(deadline=None)
@given(st.binary(max_size=12))
async def test_any_bytes_of_a_path_are_answered(raw: bytes) -> None:
    """Whatever a peer sends, the parameter is what the path says, percent-decoded as UTF-8, and nothing breaks."""
    target = b"/v/" + bytes(byte for byte in raw if 0x21 <= byte <= 0x7E and byte not in b"?#")
    router = Router()
    router.get("/v/:a")(matches)

    response = await router(Request("GET", target))

    component = target[3:]
    if not component or b"/" in component:
        assert response.status == 404
    else:
        assert response.json() == {"a": unquote_to_bytes(component).decode("utf-8", "replace")}
