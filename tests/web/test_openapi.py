"""The OpenAPI document and the page that shows it."""

from __future__ import annotations

import dataclasses
import enum
import re
from html.parser import HTMLParser

import pytest

from trio_http import Request, Response
from trio_http.web import Resource, Router, add_docs, get, header, openapi, param, put


class Kind(enum.Enum):
    TALL = "tall"


@dataclasses.dataclass
class Tree:
    name: str
    kind: Kind | None = None
    children: list[Tree] = dataclasses.field(default_factory=list)


class Trees(Resource):
    @get("/tree/:id<int>/:leaf?")
    @header("X-Token", "who asks", required=True)
    @param("depth", "how far down", value_type=int)
    async def show(self, request: Request) -> Response:
        """Show a tree.

        With all <b>its</b> leaves.
        """
        return Response("")

    @put("/tree/:id<int>")
    async def store(self, request: Request) -> Response:
        return Response("")


def make() -> tuple[Router, Trees]:
    trees = Trees()
    router = Router()
    router.register_routes(trees)
    return router, trees


@pytest.mark.covers("S4.48", "S4.49")
def test_the_document() -> None:
    router, trees = make()

    document = openapi(router, title="Forest", version="2", bodies={trees.store: Tree}, servers=["https://h"])

    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "Forest", "version": "2"}
    assert list(document["paths"]) == ["/tree/{id}/{leaf}", "/tree/{id}"]
    shown = document["paths"]["/tree/{id}/{leaf}"]["get"]
    assert shown["operationId"] == "Trees.show"
    assert (shown["summary"], shown["description"]) == ("Show a tree.", "With all <b>its</b> leaves.")
    assert shown["tags"] == ["Trees"]
    assert shown["parameters"] == [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
        {"name": "leaf", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "X-Token", "in": "header", "required": True, "description": "who asks", "schema": {"type": "string"}},
        {
            "name": "depth",
            "in": "query",
            "required": False,
            "description": "how far down",
            "schema": {"type": "integer"},
        },
    ]
    stored = document["paths"]["/tree/{id}"]["put"]
    assert stored["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Tree"}
    assert "5242880" in stored["responses"]["413"]["description"]
    assert document["components"]["schemas"]["Tree"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "kind": {"anyOf": [{"enum": ["tall"]}, {"type": "null"}]},
            "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
        },
        "required": ["name"],
        "additionalProperties": False,
    }
    identifiers = re.findall(r"'operationId': '([^']*)'", str(document))
    assert len(identifiers) == len(set(identifiers)) == 2


class Page(HTMLParser):
    """The links and anchors of a page, and what would load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.links.add(given["href"] or "")
        if given.get("id"):
            self.anchors.add(given["id"] or "")
        if tag in {"script", "img", "link", "iframe"} or "src" in given:
            self.loads.append(tag)


async def test_the_page() -> None:
    router, _ = make()
    add_docs(router, title="Forest <3", description="All trees.")

    response = await router(Request("GET", "/docs"))

    text = response.text()
    page = Page(text)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "Forest &lt;3" in text
    assert "With all &lt;b&gt;its&lt;/b&gt; leaves." in text
    assert page.loads == []
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.anchors
    assert [link for link in page.links if not link.startswith("#")] == ["/docs/openapi.json"]
    document = (await router(Request("GET", "/docs/openapi.json"))).json()
    assert list(document["paths"]) == ["/tree/{id}/{leaf}", "/tree/{id}"]


async def test_the_page_shows_what_answers_and_types_are() -> None:
    async def show(request: Request) -> Tree:
        """Show a tree."""
        raise NotImplementedError

    router = Router()
    router.get("/tree")(show)  # type: ignore[type-var]  # wrapped by a decorator of somebody's own, in earnest
    add_docs(router, title="Forest", bodies={show: Tree})

    text = (await router(Request("GET", "/docs"))).text()
    document = (await router(Request("GET", "/docs/openapi.json"))).json()

    answers = document["paths"]["/tree"]["get"]["responses"]
    assert answers["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Tree"}
    assert "&quot;tall&quot;" in text
    assert 'href="#schema-Tree"' in text
