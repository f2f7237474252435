"""The lifespan of an application: started before the server listens, ended after its last request."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from asgiref.typing import LifespanScope

from tests.asgi.apps import GET, body, start
from tests.wires import serving
from trio_http.asgi import ASGIHandler, LifespanError, Receive, Scope, Send


class App:
    """Speaks the protocol; its behaviour is set by its attributes."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.states: list[Any] = []
        self.at_start = "complete"
        self.at_end = "complete"
        self.fail_after: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.live(scope, receive, send)
        else:
            self.states.append(scope["state"])
            scope["state"]["mine"] = len(self.states)
            await send(start())
            await send(body(b"x"))

    async def live(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert set(scope) == set(LifespanScope.__annotations__), "what the specification names, and nothing else"
        assert scope["asgi"]["version"] == "3.0"
        for stage, then in (("startup", self.at_start), ("shutdown", self.at_end)):
            if stage == "shutdown" and self.fail_after is not None:
                await trio.sleep(self.fail_after)
                raise ValueError("lost the database")
            message = await receive()
            assert message == {"type": f"lifespan.{stage}"}
            self.events.append(stage)
            if stage == "startup":
                scope["state"]["database"] = self
            if then == "raises":
                raise ValueError("no database")
            if then == "hangs":
                await trio.sleep_forever()
            if then == "returns":
                return
            await send({"type": f"lifespan.{stage}.{then}", "message": "no database"})


async def test_it_is_started_and_ended_and_gives_its_state_to_requests(autojump_clock: Any) -> None:
    app = App()
    handler = ASGIHandler(app)
    async with serving(handler, lifespan=handler.lifespan) as wires:
        assert app.events == ["startup"]
        async with wires.connect() as peer:
            await peer.ask(GET)
            await peer.ask(GET)
        await wires.server.shutdown(grace=1)
        await trio.sleep(1)
        assert app.events == ["startup", "shutdown"]

    assert app.states == [{"database": app, "mine": 1}, {"database": app, "mine": 2}], "each request has a copy"


@pytest.mark.parametrize(
    ("at_start", "text"), [("failed", "could not start: no database"), ("hangs", "not started after 2 s")]
)
async def test_one_that_cannot_start_never_listens(at_start: str, text: str, autojump_clock: Any) -> None:
    app = App()
    app.at_start = at_start
    handler = ASGIHandler(app, startup_timeout=2)

    with pytest.raises(ExceptionGroup) as caught:
        async with serving(handler, lifespan=handler.lifespan):
            raise AssertionError("it does not listen")

    (error,) = leaves(caught.value)
    assert isinstance(error, LifespanError)
    assert text in str(error)


@pytest.mark.parametrize("at_start", ["raises", "returns"])
async def test_one_that_does_not_speak_of_it_serves_unless_it_has_to(at_start: str, autojump_clock: Any) -> None:
    app = App()
    app.at_start = at_start
    handler = ASGIHandler(app)
    async with serving(handler, lifespan=handler.lifespan) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[0] == 200

    handler = ASGIHandler(app, lifespan="on")
    with pytest.raises(ExceptionGroup) as caught:
        async with serving(handler, lifespan=handler.lifespan):
            raise AssertionError("it does not listen")
    (error,) = leaves(caught.value)
    assert "before 'lifespan.startup.complete', and lifespan='on' demands that" in str(error)


async def test_it_is_not_asked_when_switched_off(autojump_clock: Any) -> None:
    app = App()
    handler = ASGIHandler(app, lifespan="off")
    async with serving(handler, lifespan=handler.lifespan) as wires, wires.connect() as peer:
        assert (await peer.ask(GET))[0] == 200

    assert app.events == []


@pytest.mark.parametrize(
    ("at_end", "text"),
    [
        ("failed", "could not end: no database"),
        ("raises", "could not end: it raised ValueError('no database')"),
        ("hangs", "not ended after 3 s"),
    ],
)
async def test_one_that_cannot_end_is_an_error_of_the_server(at_end: str, text: str, autojump_clock: Any) -> None:
    app = App()
    app.at_end = at_end
    handler = ASGIHandler(app, shutdown_timeout=3)

    async def serve_and_stop() -> None:
        async with serving(handler, lifespan=handler.lifespan) as wires:
            await wires.server.shutdown(grace=1)
            await trio.sleep(10)

    with pytest.raises(ExceptionGroup) as caught:
        await serve_and_stop()

    (error,) = leaves(caught.value)
    assert isinstance(error, LifespanError)
    assert text in str(error)


async def test_one_that_fails_while_serving_ends_the_server(autojump_clock: Any) -> None:
    app = App()
    app.fail_after = 5
    handler = ASGIHandler(app)

    with pytest.raises(ExceptionGroup) as caught:
        async with serving(handler, lifespan=handler.lifespan):
            await trio.sleep(10)

    (error,) = leaves(caught.value)
    assert str(error) == "lost the database"


async def test_cancelling_the_server_cancels_it_too(autojump_clock: Any) -> None:
    app = App()
    handler = ASGIHandler(app)
    with trio.move_on_after(5):
        async with serving(handler, lifespan=handler.lifespan):
            await trio.sleep_forever()

    assert app.events == ["startup"]


async def test_last_words_of_one_that_is_cancelled_are_no_error(autojump_clock: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # as Starlette does
        try:
            await send({"type": "lifespan.startup.complete"})
            await trio.sleep_forever()
        except BaseException:
            await send({"type": "lifespan.shutdown.failed", "message": "a traceback"})
            raise

    handler = ASGIHandler(app)
    with trio.move_on_after(5) as scope:
        async with serving(handler, lifespan=handler.lifespan):
            await trio.sleep_forever()

    assert scope.cancelled_caught


async def test_messages_out_of_order_are_refused(autojump_clock: Any) -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for kind in ("lifespan.shutdown.complete", "http.response.start"):
            try:
                await send({"type": kind})
            except RuntimeError as error:
                seen.append(str(error))
        await send({"type": "lifespan.startup.complete"})
        try:
            await send({"type": "lifespan.shutdown.complete"})
        except RuntimeError as error:
            seen.append(str(error))
        await trio.sleep_forever()

    handler = ASGIHandler(app)
    async with serving(handler, lifespan=handler.lifespan):
        await trio.sleep(1)

    assert "expected 'lifespan.startup.complete' or 'lifespan.startup.failed'" in seen[0]
    assert "'http.response.start'" in seen[1]
    assert "before it was asked to end" in seen[2]


def leaves(group: BaseException) -> list[BaseException]:
    if isinstance(group, BaseExceptionGroup):
        return [leaf for each in group.exceptions for leaf in leaves(each)]
    return [group]
