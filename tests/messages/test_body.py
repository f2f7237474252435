"""Reading a body: piece by piece, bounded, at once, and what is said when that does not fit."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given, strategies as st

from trio_http import BodyConsumed, BodyScopeEnded, BodyTooLarge, Headers
from trio_http.messages import Body, EmptySource, WholeSource


class Pieces:
    """A source of these pieces; a piece that is an exception is raised."""

    def __init__(self, *pieces: bytes | Exception, length: int | None = None) -> None:
        self._pieces = list(pieces)
        self.length = length
        self.trailers: Headers | None = None
        self.closed = False

    async def receive_chunk(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self._pieces:
            self.trailers = Headers({"X-Sum": "7"})
            return b""
        piece = self._pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


async def test_pieces_come_as_they_are() -> None:
    body = Body(Pieces(b"one", b"two"))

    assert [piece async for piece in body] == [b"one", b"two"]
    assert body.at_end
    assert body.received == 6
    assert body.trailers == Headers({"X-Sum": "7"})
    assert await body.receive_some() == b""


async def test_iterating_goes_on_where_it_stopped_but_not_past_the_end() -> None:
    body = Body(Pieces(b"one", b"two"))

    async for piece in body:
        assert piece == b"one"
        break
    assert [piece async for piece in body] == [b"two"]
    with pytest.raises(BodyConsumed, match=r"all 6 bytes of this body have been read already"):
        [piece async for piece in body]


async def test_a_body_that_was_read_whole_is_not_empty_afterwards() -> None:
    body, empty = Body(Pieces(b"one")), Body(EmptySource())
    await body.read()
    await empty.read()

    with pytest.raises(BodyConsumed):
        [piece async for piece in body]
    assert [piece async for piece in empty] == []


@given(st.lists(st.binary(min_size=1, max_size=20)), st.integers(1, 7))
def test_bounded_reading_gives_the_same_bytes(pieces: list[bytes], bound: int) -> None:
    async def main() -> None:
        body = Body(Pieces(*pieces))
        got = []
        while piece := await body.receive_some(bound):
            assert len(piece) <= bound
            got.append(piece)
        assert b"".join(got) == b"".join(pieces)
        assert body.received == len(b"".join(pieces))

    trio.run(main)


@pytest.mark.parametrize("bound", [0, -1])
async def test_a_bound_must_let_something_through(bound: int) -> None:
    with pytest.raises(ValueError, match="give at least 1"):
        await Body(Pieces(b"x")).receive_some(bound)


async def test_a_bound_that_is_no_number_costs_no_byte() -> None:
    body = Body(Pieces(b"x"))

    with pytest.raises(TypeError):
        await body.receive_some(1.5)  # type: ignore[arg-type]  # that is what is tested

    assert await body.read() == b"x"


@pytest.mark.parametrize("pieces", [(), (b"one",), (b"one", b"two", b"three")])
async def test_everything_at_once(pieces: tuple[bytes, ...]) -> None:
    assert await Body(Pieces(*pieces)).read() == b"".join(pieces)


async def test_a_part_is_never_passed_off_as_the_whole() -> None:
    body = Body(Pieces(b"one", b"two"))
    await body.receive_some(1)

    with pytest.raises(BodyConsumed, match="1 bytes of this body have been read already"):
        await body.read()


async def test_the_cap_is_judged_by_the_declared_length_before_a_byte_is_read() -> None:
    source = Pieces(b"x" * 11, length=11)

    with pytest.raises(BodyTooLarge, match="has 11 bytes; at most 10") as caught:
        await Body(source).read(10)

    assert caught.value.limit == 10
    assert source._pieces


async def test_the_cap_is_judged_by_count_where_no_length_is_declared() -> None:
    assert await Body(Pieces(b"x" * 5, b"x" * 5)).read(10) == b"x" * 10
    with pytest.raises(BodyTooLarge, match="more than the 10 bytes"):
        await Body(Pieces(b"x" * 5, b"x" * 5, b"x")).read(10)


async def test_an_error_of_the_source_comes_through_bare() -> None:
    body = Body(Pieces(b"one", RuntimeError("lost")))
    await body.receive_some()

    with pytest.raises(RuntimeError, match="lost"):
        await body.receive_some()


async def test_a_cancelled_read_loses_no_byte(autojump_clock: trio.testing.MockClock) -> None:
    send, receive = trio.open_memory_channel[bytes](0)

    class Channel(Pieces):
        async def receive_chunk(self) -> bytes:
            return await receive.receive()

    body = Body(Channel())
    with trio.move_on_after(5):
        await body.receive_some()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send.send, b"late")

        assert await body.receive_some() == b"late"


async def test_two_readers_are_one_too_many(autojump_clock: trio.testing.MockClock) -> None:
    class Silent(Pieces):
        async def receive_chunk(self) -> bytes:
            await trio.sleep_forever()
            return b""

    body = Body(Silent())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(body.receive_some)
        await trio.testing.wait_all_tasks_blocked()

        with pytest.raises(trio.BusyResourceError, match="another task is reading"):
            await body.receive_some()
        nursery.cancel_scope.cancel()


async def test_two_readers_are_one_too_many_also_for_what_is_there() -> None:
    body = Body(Pieces(b"one", b"two"))
    await body.receive_some(1)  # the rest of the piece waits in the body
    got: list[bytes] = []
    refused: list[bool] = []

    async def read() -> None:
        try:
            got.append(await body.receive_some())
        except trio.BusyResourceError:
            refused.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        nursery.start_soon(read)

    assert (got, refused) == ([b"ne"], [True])
    assert await body.receive_some() == b"two"


async def test_closing_gives_up_the_rest() -> None:
    source = Pieces(b"one", b"two")
    body = Body(source)
    await body.receive_some(1)

    await body.aclose()
    await body.aclose()

    assert source.closed
    with pytest.raises(trio.ClosedResourceError, match="closed after 1 bytes"):
        await body.receive_some()
    with trio.testing.assert_checkpoints():
        await body.aclose()


async def test_a_body_that_was_given_up_is_not_passed_off_as_an_empty_one() -> None:
    body = Body(Pieces(b"one"))
    await body.aclose()

    with pytest.raises(trio.ClosedResourceError, match="closed after 0 bytes"):
        await body.read()


async def test_a_body_that_was_read_to_its_end_may_be_closed() -> None:
    body = Body(Pieces(b"one"))
    assert [piece async for piece in body] == [b"one"]

    await body.aclose()

    assert body.at_end
    assert await body.receive_some() == b""


async def test_a_reader_is_told_when_its_body_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    class Late(Pieces):
        async def receive_chunk(self) -> bytes:
            await trio.sleep(1)
            return b"late"

    body = Body(Late())
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await body.receive_some()

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await body.aclose()


async def test_after_its_scope_a_body_says_so() -> None:
    body = Body(Pieces(b"one"))
    body.end_scope("the block ended in line 7")

    with pytest.raises(BodyScopeEnded, match="ended in line 7"):
        await body.receive_some()


async def test_bodies_without_a_connection() -> None:
    assert await Body(WholeSource(b"all")).read() == b"all"
    assert Body(WholeSource(b"all")).length == 3
    assert await Body(EmptySource()).read() == b""
    given_up = Body(WholeSource(b"all"))
    await given_up.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await given_up.receive_some()
    await Body(EmptySource()).aclose()


def test_a_body_says_how_far_it_is() -> None:
    assert repr(Body(Pieces(length=7))) == "<Body: 0 of 7 bytes read>"
    assert repr(Body(Pieces())) == "<Body: 0 of ? bytes read>"


@pytest.mark.parametrize("source", [Pieces(b"x"), WholeSource(b"x"), EmptySource()])
async def test_reading_is_a_checkpoint(source: Pieces | WholeSource | EmptySource) -> None:
    with trio.testing.assert_checkpoints():
        await Body(source).receive_some()
