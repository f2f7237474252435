"""Hypothesis strategies: Hypothesis chooses, and natively shrinks, what is asked for and what goes wrong."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote

from hypothesis import strategies as st

from ..messages import Request
from ._checks import Checks
from ._chunks import Chunks
from ._faults import Faults
from ._network import VirtualNetwork
from ._simulate import Run, World

__all__ = ["chunkings", "chunks", "faults", "requests", "virtual_networks"]

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


_TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"  # RFC 9110 section 5.6.2
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


@st.composite
def requests(
    draw: st.DrawFn,
    methods: Sequence[str] = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"),
    *,
    most_content: int = 1000,
) -> Request:
    """Requests as a handler may get them: any path and query, fields of any name, any content.

    All are well-formed: what nobody may send is answered before a handler sees it. Their fields begin with ``X-``, so
    that none changes how a message is framed; GET, HEAD and OPTIONS come without content; there are no dot segments in
    paths, because clients resolve them. Call a handler with one, or :meth:`Client.send <trio_http.Client.send>`.
    """
    method = draw(st.sampled_from(methods))
    segment = st.text(max_size=8).map(lambda text: quote(text, safe="")).filter(lambda text: text not in {".", ".."})
    path = "/".join(draw(st.lists(segment, max_size=4)))
    params = draw(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=4))
    values = st.lists(st.text(_VISIBLE, min_size=1, max_size=8), max_size=3).map(" ".join)
    fields = draw(st.lists(st.tuples(st.text(_TOKEN, min_size=1, max_size=8).map("X-".__add__), values), max_size=6))
    content = None if method in {"GET", "HEAD", "OPTIONS"} else draw(st.binary(max_size=most_content))
    return Request(method, f"/{path.lstrip('/')}", params=params, headers=fields, content=content)


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
