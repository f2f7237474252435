"""How Sphinx builds the documentation: ``python -m nox -s docs``; every warning is an error."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx

import trio_http

ROOT = Path(__file__).parent.parent

project = "trio_http"
author = "The trio_http authors"
copyright = "The trio_http authors"  # noqa: A001  # Sphinx's name
version = release = trio_http.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.mermaid"]
exclude_patterns = ["_build"]
root_doc = "index"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3
# Links to files outside of docs/ work where the pages are read in the repository; here they are only text.
suppress_warnings = ["myst.xref_missing", "ref.python"]

autodoc_typehints = "signature"
autodoc_member_order = "groupwise"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Cancellation", "notes_style"), ("Yields", "returns_style")]

html_theme = "furo"
html_title = f"trio_http {release}"
html_theme_options = {"source_repository": "", "navigation_with_keys": True}


def show_the_coming_release(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put what the news fragments come to into the page of changes."""
    if docname == "changelog":
        command = [sys.executable, "-m", "towncrier", "build", "--draft", f"--version={release}", "--date=unreleased"]
        draft = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        source[0] = source[0].replace("<!-- the coming release -->", draft.stdout)


def say_it_in_python(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Leave nothing in a signature that is no Python, and nothing of a protocol, which nobody calls."""
    if getattr(obj, "_is_protocol", False):
        return "", None
    if signature is not None:
        names = vars(sys.modules[getattr(obj, "__module__", "trio_http")])
        constants = {key: value for key, value in names.items() if key.isupper() and isinstance(value, int | float)}
        signature = re.sub(r"(?<== )[A-Z_]+", lambda found: str(constants.get(found[0], found[0])), signature)
        signature = re.sub(r"<class '(\w+)'>", r"\1", signature.replace("<factory>", "..."))
    return signature, returns


def say_what_it_is(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Name the public bases of a class; those that are ours alone have their members shown with its own."""
    bases = obj.__bases__ if isinstance(obj, type) else ()
    shown = [
        f":class:`~{base.__module__}.{base.__name__}`"
        for base in bases
        if getattr(trio_http, base.__name__, None) is base or (issubclass(base, Exception) and base is not Exception)
    ]
    if shown:
        lines[:0] = [f"Derived from {' and '.join(shown)}.", ""]


def setup(app: Sphinx) -> None:
    """Sphinx calls this once."""
    app.connect("source-read", show_the_coming_release)
    app.connect("autodoc-process-signature", say_it_in_python)
    app.connect("autodoc-process-docstring", say_what_it_is)
