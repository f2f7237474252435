"""A file server with listings, ranges and uploads.

Run it: ``python examples/web_files.py some-folder``, then open http://127.0.0.1:8000/. ``PORT=8080`` in the
environment takes another port.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import trio_http
from trio_http import Handler, Request, Response, StatusError
from trio_http.web import FormLimits, Router, access_log, apply, compression, form, path_join_safe, redirect, static


def make_app(root: Path) -> Handler:
    """Return the file server of a folder as a handler."""
    router = Router()

    @router.post("/upload", max_content_length=1 << 30)
    async def upload(request: Request) -> Response:
        """Store the files of a form; a file that is there already stays."""
        async with form(request, limits=FormLimits(files=20), folder=str(root)) as submitted:
            for file in submitted.files.get_all():
                try:
                    await file.save(path_join_safe(root, file.filename))
                except ValueError as error:
                    raise StatusError(422, str(error)) from None
                except FileExistsError:
                    raise StatusError(409, f"there is a file {file.filename!a} already") from None
        return redirect("/", status=303)

    router.mount("/", static(root, listing=True))
    return apply(router, access_log(), compression())


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    if not folder.is_dir():
        sys.exit(f"{folder} is no folder")
    trio_http.run(make_app(folder), int(os.environ.get("PORT", "8000")))  # it says where; Ctrl-C ends it in order
