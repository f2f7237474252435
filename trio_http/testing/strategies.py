"""Hypothesis strategies for virtual networks: Hypothesis chooses, and natively shrinks, what goes wrong."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st

from ._checks import Checks
from ._chunks import Chunks
from ._faults import Faults
from ._network import VirtualNetwork
from ._simulate import Run, World

__all__ = ["chunkings", "chunks", "faults", "virtual_networks"]

T = TypeVar("T")


def faults(*kinds: str, most: float = 1.0) -> st.SearchStrategy[Faults]:
    """Mixes of faults; each kind is off or has a probability up to ``most``.

    Args:
        kinds: which kinds may be on; default all but ``corrupt``.
        most: the highest probability.
    """
    chosen = kinds or tuple(kind for kind in Faults.KINDS if kind != "corrupt")
    Faults().only(*chosen)  # refuses unknown names at once
    rate = st.just(0.0) | st.floats(0.0, most)
    rates = st.fixed_dictionaries(dict.fromkeys(chosen, rate))
    return rates.map(lambda found: Faults(**found))  # type: ignore[arg-type]  # the keys are probabilities, never the pairs


def chunks() -> st.SearchStrategy[Chunks]:
    """Rules for the size of reads."""
    return st.one_of(
        st.just(Chunks.whole()),
        st.just(Chunks.bytewise()),
        st.lists(st.integers(1, 64), min_size=1, max_size=8).map(Chunks.sizes),
        st.just(Chunks.split_inside(b"\r\n")),
    )


@st.composite
def chunkings(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Ways to cut ``data`` into non-empty pieces; for parsers that are fed by hand."""
    if len(data) < 2:
        return [data] if data else []
    cuts = sorted(draw(st.sets(st.integers(1, len(data) - 1), max_size=min(len(data) - 1, 20))))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@st.composite
def virtual_networks(
    draw: st.DrawFn,
    *,
    faults: st.SearchStrategy[Faults] | Faults | None = None,
    world: World | None = None,
    checks: Checks | None = None,
) -> VirtualNetwork:
    """Networks whose every decision Hypothesis takes, so that it shrinks to the fewest faults.

    With the pytest plugin an ``async`` test may take one: ``@given(net=virtual_networks(faults=faults()))``. In
    synchronous code run it by :func:`trio_http.testing.run_network`.
    """
    chosen = faults if isinstance(faults, Faults) else Faults() if faults is None else draw(faults)
    run = Run(seed=draw(st.integers(0, 2**32)), faults=chosen, world=world or World(), checks=checks or Checks())
    return run.network(random=draw(st.randoms(use_true_random=False)))
