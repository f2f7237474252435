"""A JSON API with a database: sqlite3 in threads, bodies as dataclasses, a page that documents it all.

Run it: ``python examples/web_json_api.py``, then open http://127.0.0.1:8000/docs. With the name of a file the notes
are kept there; ``PORT=8080`` in the environment takes another port.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import trio

import trio_http
from trio_http import Handler, Request, Response, StatusError
from trio_http.web import (
    JsonResponse,
    Resource,
    Router,
    access_log,
    add_docs,
    apply,
    compression,
    delete,
    get,
    param,
    post,
    put,
    timeout,
)

T = TypeVar("T")


class Database:
    """One SQLite connection; one thread at a time uses it."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._one = trio.CapacityLimiter(1)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a transaction in a thread: it is committed as a whole, or not at all."""

        def transaction() -> T:
            with self._connection:
                return work(self._connection)

        return await trio.to_thread.run_sync(transaction, limiter=self._one)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


@contextlib.asynccontextmanager
async def open_database(path: str) -> AsyncIterator[Database]:
    """Open the database for the length of a block."""
    database = Database(path)
    try:
        await database.run(
            lambda sql: sql.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text, done)")
        )
        yield database
    finally:
        database.close()


@dataclasses.dataclass
class Note:
    """What a client sends."""

    text: str
    done: bool = False


class Notes(Resource):
    """The notes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @get("/notes")
    @param("done", "1 for those that are done, 0 for the others", value_type=bool)
    async def list(self, request: Request) -> Response:
        """List the notes."""
        given = request.query.get("done")
        if given not in {None, "0", "1"}:
            raise StatusError(400, f"done is {given!a}; expected 0 or 1")
        done = None if given is None else int(given)
        rows = await self._database.run(
            lambda sql: sql.execute(
                "SELECT * FROM notes WHERE ? IS NULL OR done = ? ORDER BY id", (done, done)
            ).fetchall()
        )
        return JsonResponse([_shown(row) for row in rows])

    @post("/notes", max_content_length=64 * 1024)
    async def add(self, request: Request) -> Response:
        """Add a note."""
        note = await request.message(Note)
        number = await self._database.run(
            lambda sql: sql.execute("INSERT INTO notes (text, done) VALUES (?, ?)", (note.text, note.done)).lastrowid
        )
        return JsonResponse(
            {"id": number, **dataclasses.asdict(note)}, status=201, headers={"location": f"/notes/{number}"}
        )

    @get("/notes/:id<int>")
    async def show(self, request: Request) -> Response:
        """Show one note."""
        key = (request.matches["id"],)
        row = await self._database.run(lambda sql: sql.execute("SELECT * FROM notes WHERE id = ?", key).fetchone())
        if row is None:
            raise StatusError(404, "there is no such note")
        return JsonResponse(_shown(row))

    @put("/notes/:id<int>", max_content_length=64 * 1024)
    async def change(self, request: Request) -> Response:
        """Change one note."""
        note = await request.message(Note)
        values = (note.text, note.done, request.matches["id"])
        if not await self._database.run(
            lambda sql: sql.execute("UPDATE notes SET text = ?, done = ? WHERE id = ?", values).rowcount
        ):
            raise StatusError(404, "there is no such note")
        return Response(status=204)

    @delete("/notes/:id<int>")
    async def remove(self, request: Request) -> Response:
        """Remove one note.

        It is no error if there is none.
        """
        key = (request.matches["id"],)
        await self._database.run(lambda sql: sql.execute("DELETE FROM notes WHERE id = ?", key))
        return Response(status=204)


def _shown(row: sqlite3.Row) -> dict[str, object]:
    return {"id": row["id"], "text": row["text"], "done": bool(row["done"])}


def make_app(database: Database) -> Handler:
    """Return the whole service as a handler."""
    notes = Notes(database)
    router = Router()
    router.register_routes(notes)
    add_docs(
        router,
        title="Notes",
        version="1.0",
        description="Short texts that may be done.",
        bodies={notes.add: Note, notes.change: Note},
    )
    return apply(router, access_log(), timeout(10), compression())


async def main(path: str = ":memory:", port: int = 8000) -> None:
    async with open_database(path) as database, trio.open_nursery() as nursery:
        server = await nursery.start(trio_http.serve, make_app(database), port)
        print(f"open {server.url}/docs; Ctrl-C ends it")


if __name__ == "__main__":
    try:
        trio.run(main, sys.argv[1] if len(sys.argv) > 1 else ":memory:", int(os.environ.get("PORT", "8000")))
    except* KeyboardInterrupt:
        pass  # Ctrl-C is how it ends
