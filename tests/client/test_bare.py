"""What comes out of a client's block is the user's own exception, not the group that our nursery would make of it."""

# ruff: noqa: PT012 - blocks that fail, and exceptions on their way out, are what is tested here

from __future__ import annotations

import traceback

import pytest
import trio
import trio.testing

from tests.client.client_peers import Peer, answers, listen, run, silence
from trio_http import Client
from trio_http.testing import VirtualNetwork


def test_exception_comes_out_as_the_same_object_with_its_traceback() -> None:
    error = ValueError("mine")

    def fail() -> None:
        raise error

    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        with pytest.raises(ValueError, match="mine") as caught:
            async with Client() as client:
                await client.get("http://api/")
                fail()

        assert caught.value is error
        assert traceback.extract_tb(error.__traceback__)[-1].name == "fail"
        assert error.__context__ is None

    run(main)


def test_the_users_own_group_passes_untouched() -> None:
    group = ExceptionGroup("mine", [ValueError("a"), ExceptionGroup("inner", [KeyError("b")])])

    async def main(net: VirtualNetwork) -> None:
        with pytest.raises(ExceptionGroup) as caught:
            async with Client():
                raise group

        assert caught.value is group
        assert len(group.exceptions) == 2

    run(main)


def test_cancellation_comes_out_bare_and_ends_at_its_scope() -> None:
    async def main(net: VirtualNetwork) -> None:
        await listen(net, silence)
        with trio.move_on_after(1) as scope:
            with pytest.raises(trio.Cancelled) as caught:  # and not a group with it
                async with Client() as client:
                    await client.get("http://api/")
            raise caught.value
        assert scope.cancelled_caught
        assert trio.current_time() == 1

    run(main)


def test_beside_a_cancellation_the_group_stays_as_trio_made_it() -> None:
    error = ValueError("mine")

    async def main(net: VirtualNetwork) -> None:
        with trio.CancelScope() as scope:
            with pytest.raises(BaseExceptionGroup, match="Exceptions from Trio nursery") as caught:
                async with Client():
                    scope.cancel()
                    raise error
            mine, cancelled = caught.value.exceptions
            assert mine is error
            assert type(cancelled) is trio.Cancelled
            raise cancelled
        assert scope.cancelled_caught

    run(main)


def test_keyboard_interrupt_wins() -> None:
    async def main(net: VirtualNetwork) -> None:
        with pytest.raises(KeyboardInterrupt) as caught:
            async with Client():
                raise KeyboardInterrupt("now")

        assert str(caught.value) == "now"

    run(main)


def test_tasks_of_the_client_never_raise() -> None:
    async def main(net: VirtualNetwork) -> None:
        async def script(peer: Peer) -> None:
            await peer.head()
            await trio.sleep(1)

        async def broken() -> object:
            yield b"x"
            raise RuntimeError("the upload")

        await listen(net, script)
        async with Client() as client:
            with pytest.raises(RuntimeError, match="the upload"):
                await client.post("http://api/", content=broken())
            await trio.sleep(10)  # nobody is cancelled by it

    run(main)


def test_error_inside_a_stream_block_comes_out_as_it_is() -> None:
    error = ValueError("mine")

    async def main(net: VirtualNetwork) -> None:
        await listen(net, answers)
        async with Client() as client:
            with pytest.raises(ValueError, match="mine") as caught:
                async with client.stream("GET", "http://api/"):
                    raise error

            assert caught.value is error
            assert client.pool.connections == []

    run(main)
