"""A page that shows an OpenAPI document to people: plain HTML, one file, no scripts, nothing from other hosts."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from typing import Any

from ..messages import Request, Response
from ._openapi import openapi
from ._responses import JsonResponse
from ._router import Router

__all__ = ["add_docs", "docs_page"]


def add_docs(
    router: Router,
    *,
    title: str,
    version: str = "1",
    description: str = "",
    at: str = "/docs",
    bodies: Mapping[Callable[..., Any], type] | None = None,
) -> None:
    """Add two routes to a router: the page at ``/docs``, and the OpenAPI document at ``/docs/openapi.json``.

    Both are made when they are asked for, of the routes that there are by then; these two are not among them.

    Args:
        router: The router.
        title: Of the API.
        version: Of the API.
        description: Of the API.
        at: The path of the page.
        bodies: As for :func:`openapi`.
    """
    own = {at, f"{at}/openapi.json"}

    def document() -> dict[str, Any]:
        made = openapi(router, title=title, version=version, description=description, bodies=bodies)
        for path in own:
            made["paths"].pop(path, None)
        return made

    async def show_docs(request: Request) -> Response:
        """Show this page."""
        page = docs_page(document(), source=f"{request.raw_path.rstrip('/')}/openapi.json")
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": policy}
        return Response(page, headers=headers)

    async def show_openapi(request: Request) -> Response:
        """Return the OpenAPI document."""
        return JsonResponse(document())

    router.add("GET", at, show_docs)
    router.add("GET", f"{at}/openapi.json", show_openapi)


def docs_page(document: dict[str, Any], *, source: str | None = None) -> str:
    """Return a page of HTML that shows an OpenAPI document as :func:`openapi` makes it.

    Args:
        document: The document.
        source: Where it can be had, for a link.
    """
    operations = [
        (path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, method, operation in operations:
        groups.setdefault((operation.get("tags") or [""])[0], []).append((path, method, operation))
    menu, main = [], []
    for group, members in groups.items():
        if group:
            menu.append(f"<li class=group>{_text(group)}</li>")
            main.append(f"<h2>{_text(group)}</h2>")
        for path, method, operation in members:
            anchor = html.escape(f"{method}{path}", quote=True)
            badge = f'<b class="m {method}">{method.upper()}</b>'
            menu.append(f'<li><a href="#{anchor}">{badge} <span>{_text(path)}</span></a></li>')
            main.append(_operation(anchor, badge, path, operation))
    schemas = document.get("components", {}).get("schemas", {})
    if schemas:
        menu.append("<li class=group>Schemas</li>")
        main.append("<h2>Schemas</h2>")
        for name, schema in schemas.items():
            menu.append(f'<li><a href="#schema-{_text(name)}"><span>{_text(name)}</span></a></li>')
            main.append(
                f'<section id="schema-{_text(name)}"><h3><code>{_text(name)}</code></h3>'
                f"<pre>{_text(json.dumps(schema, indent=2))}</pre></section>"
            )
    about = document["info"]
    link = f' · <a href="{html.escape(source, quote=True)}">OpenAPI {_text(document["openapi"])}</a>' if source else ""
    return (
        _PAGE.replace("{title}", _text(about["title"]))
        .replace("{version}", f"Version {_text(about['version'])}{link}")
        .replace("{description}", _paragraphs(about.get("description", "")))
        .replace("{menu}", "\n".join(menu))
        .replace("{main}", "\n".join(main))
    )


def _operation(anchor: str, badge: str, path: str, operation: dict[str, Any]) -> str:
    out = [f'<section id="{anchor}"><h3>{badge} <code>{_text(path)}</code></h3>']
    if "summary" in operation:
        out.append(f"<p class=summary>{_text(operation['summary'])}</p>")
    out.append(_paragraphs(operation.get("description", "")))
    if "parameters" in operation:
        out.append("<div class=wide><table><tr><th>Parameter</th><th>In</th><th>Type</th><th>Meaning</th></tr>")
        for parameter in operation["parameters"]:
            must = " <i>required</i>" if parameter["required"] and parameter["in"] != "path" else ""
            out.append(
                f"<tr><td><code>{_text(parameter['name'])}</code>{must}</td><td>{_text(parameter['in'])}</td>"
                f"<td>{_type(parameter['schema'])}</td><td>{_text(parameter.get('description', ''))}</td></tr>"
            )
        out.append("</table></div>")
    if "requestBody" in operation:
        for kind, content in operation["requestBody"]["content"].items():
            out.append(f"<p>Body: <code>{_text(kind)}</code>, {_type(content['schema'])}</p>")
    for status, response in operation["responses"].items():
        schemas = [_type(content["schema"]) for content in response.get("content", {}).values() if "schema" in content]
        shown = ", " + ", ".join(schemas) if schemas else ""
        out.append(f"<p class=answer><code>{_text(status)}</code> {_text(response['description'])}{shown}</p>")
    out.append("</section>")
    return "\n".join(out)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{_text(name)}">{_text(name)}</a>'
    if "anyOf" in schema:
        return " or ".join([_type(one) for one in schema["anyOf"]])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return " or ".join([f"<code>{_text(json.dumps(value))}</code>" for value in schema["enum"]])
    return _text(schema.get("format") or schema.get("type") or "anything")


def _paragraphs(text: str) -> str:
    return "".join([f"<p>{_text(part)}</p>" for part in text.split("\n\n") if part.strip()])


def _text(text: object) -> str:
    return html.escape(str(text), quote=True)


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root { color-scheme: light dark; --line: #8883; --soft: #8881; --link: light-dark(#0b57d0, #8ab4f8) }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; display: grid; grid-template-columns: 19rem minmax(0, 1fr) }
a { color: var(--link) }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1.5rem 1rem }
nav { border-right: 1px solid var(--line) }
nav ul { list-style: none; margin: 0; padding: 0 }
nav a { display: flex; gap: .5rem; padding: .2rem .4rem; border-radius: .4rem; color: inherit; text-decoration: none }
nav a:hover, nav a:focus-visible { background: var(--soft) }
nav span { font: 13px/1.6 ui-monospace, monospace; overflow-wrap: anywhere }
nav .group { margin: 1rem .4rem .2rem; font-weight: 600 }
main { padding: 1.5rem clamp(1rem, 4vw, 3rem) 6rem; max-width: 60rem }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2 }
h2 { margin: 2.5rem 0 0 }
h3 { margin: 0; font-size: 1.05rem; font-weight: 500; display: flex; gap: .6rem; align-items: baseline }
h3 code { font-size: 1rem; overflow-wrap: anywhere }
section { margin: 1.2rem 0; padding: 1rem 1.2rem; border: 1px solid var(--line); border-radius: .6rem }
section { scroll-margin: 1rem }
section:target { outline: 2px solid var(--link) }
section p { margin: .5rem 0; white-space: pre-line }
.summary { font-weight: 600 }
.answer { font-size: .93rem }
.wide { overflow: auto }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; font-size: .93rem }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line) }
i { opacity: .7; font-size: .85rem }
pre { overflow: auto; padding: .8rem; margin: .6rem 0 0; background: var(--soft); font-size: 13px }
.m { flex: none; width: 4.2rem; border-radius: .3rem; text-align: center; color: #fff; background: #5f6368 }
.m { font: 600 11px/1.8 ui-monospace, monospace }
.get { background: #1a6f3c } .post { background: #0b57d0 } .put { background: #8f4a00 }
.patch { background: #6b4fa0 } .delete { background: #b3261e }
@media (max-width: 50rem) {
  body { display: block }
  nav { position: static; height: auto; max-height: 40vh; border: 0; border-bottom: 1px solid var(--line) }
}
</style>
<nav aria-label="Routes"><ul>
{menu}
</ul></nav>
<main>
<h1>{title}</h1>
<p>{version}</p>
{description}
{main}
</main>
</html>
"""
