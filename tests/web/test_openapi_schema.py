"""The OpenAPI document against the official schema of OpenAPI 3.1, whatever routes there are."""

from __future__ import annotations

import dataclasses
import enum
import json
import uuid
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings, strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.examples import example
from trio_http import Request, Response
from trio_http.web import (
    JsonCodec,
    JsonResponse,
    Resource,
    Router,
    add_docs,
    delete,
    get,
    header,
    openapi,
    param,
    post,
    route,
    websocket,
)


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


@dataclasses.dataclass
class Leaf:
    name: str
    sizes: list[float]
    color: Color | None = None
    seen: datetime | None = None
    day: date = date(2026, 1, 1)
    id: uuid.UUID | None = None
    tags: dict[str, bool] = dataclasses.field(default_factory=dict)
    parents: Sequence[Leaf] = ()
    flag: bool = False
    data: object = None


class Leaves(Resource):
    @get("/leaf/:id<uuid>/:part?")
    @header("X-Token", "who asks", required=True)
    @param("depth", "how <far>", value_type=int)
    @param("flag", value_type=bool)
    async def show(self, request: Request) -> JsonResponse:
        """Show a leaf.

        With **all** of it.
        """
        return JsonResponse({})

    @post("/leaf")
    async def add(self, request: Request) -> Response:
        return JsonResponse({})

    @delete("/leaf/:path+")
    async def remove(self, request: Request) -> Response:
        return Response(status=204)

    @route("/any/:a?/:b<float>?/:rest*")
    async def whatever(self, request: Request) -> Response:
        return Response("")

    @websocket("/live")
    async def live(self, request: Request, ws: object) -> None: ...


def validate(document: dict[str, object]) -> None:
    OpenAPIV31SpecValidator(json.loads(json.dumps(document))).validate()  # type: ignore[arg-type]


def test_the_validator_finds_what_is_wrong() -> None:
    document = openapi(Router(), title="x", version="1")
    validate(document)
    with pytest.raises(Exception, match="'title' is a required property"):
        validate({**document, "info": {"version": "1"}})


def test_a_document_of_everything_is_valid() -> None:
    leaves = Leaves()
    inner, outer = Router(), Router()
    inner.register_routes(leaves)
    inner.register_routes([("TRACE", "/trace", leaves.show), ("BREW", "/coffee", leaves.show)])
    outer.mount("/api/:version", inner, name="api")
    outer.host("other.test", inner)
    outer.get("/with space/é/a{brace}")(leaves.show)
    outer.get("/leaf/:other")(leaves.show)  # another name in the same place
    add_docs(outer, title="Leaves", bodies={leaves.add: Leaf})

    document = openapi(
        outer,
        title="Leaves & <trees>",
        version="1.0",
        description="All *of* them.",
        servers=["https://h/api"],
        bodies={leaves.add: Leaf},
    )

    validate(document)
    paths = document["paths"]
    assert "/api/{version}/leaf" in paths
    assert "/with space/é/a%7Bbrace%7D" in paths
    # names of parameters make no difference between paths
    assert [path for path in paths if path.startswith("/leaf/")] == ["/leaf/{other}", "/leaf/{id}/{part}"]
    assert [one["name"] for one in paths["/leaf/{other}"]["delete"]["parameters"]] == ["other"]


def test_types_of_one_name_have_schemas_of_their_own() -> None:
    def made() -> type:
        @dataclasses.dataclass
        class Leaf:
            other: int

        return Leaf

    leaves = Leaves()
    router = Router()
    router.register_routes(leaves)

    document = openapi(router, title="x", version="1", bodies={leaves.add: Leaf, leaves.whatever: made()})

    validate(document)
    assert list(document["components"]["schemas"]) == ["Leaf", "Leaf2"]
    assert list(document["components"]["schemas"]["Leaf2"]["properties"]) == ["other"]


async def test_the_document_that_is_served_is_valid() -> None:
    router = Router()
    leaves = Leaves()
    router.register_routes(leaves)
    add_docs(router, title="Leaves", bodies={leaves.add: Leaf})

    response = await router(Request("GET", "/docs/openapi.json"))

    validate(response.json())


async def test_the_document_of_the_example_is_valid(tmp_path: Path) -> None:
    api = example("web_json_api")
    async with api.open_database(str(tmp_path / "notes.db")) as database:
        response = await api.make_app(database)(Request("GET", "/docs/openapi.json"))

    validate(response.json())


def test_the_schema_of_a_type_takes_what_the_codec_writes() -> None:
    """What ``JsonCodec`` writes fits the schema, and what does not fit is refused by both."""
    leaves = Leaves()
    router = Router()
    router.register_routes(leaves)
    document = openapi(router, title="x", version="1", bodies={leaves.add: Leaf})
    schema = {"$ref": "#/components/schemas/Leaf", "components": document["components"]}
    leaf = Leaf("a", [1.5], Color.BLUE, datetime(2026, 1, 1), parents=[Leaf("b", [])], tags={"x": True})

    jsonschema.Draft202012Validator(schema).validate(json.loads(JsonCodec().encode(leaf)))

    for wrong in ({}, {"name": 1, "sizes": []}, {"name": "a", "sizes": ["b"]}, {"name": "a", "sizes": [], "x": 1}):
        assert not jsonschema.Draft202012Validator(schema).is_valid(wrong)


COMPONENTS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/:"), max_size=5),
    st.sampled_from([":a", ":b", ":c?", ":d<int>", ":e<uuid>?", ":f<float>"]),
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["GET", "POST", "*", "BREW"]),
            st.lists(COMPONENTS, min_size=1, max_size=4),
            st.sampled_from(["", "/:rest+", "/:rest*"]),
        ),
        max_size=5,
    )
)
def test_whatever_the_patterns_the_document_is_valid(routes: list[tuple[str, list[str], str]]) -> None:
    async def handler(request: Request) -> Response:
        return Response("")

    router = Router()
    for method, components, tail in routes:
        try:
            router.add(method, "/" + "/".join(components) + tail, handler)
        except ValueError:
            continue  # no pattern: a name comes twice

    validate(openapi(router, title="x", version="1"))
