"""The pytest plugin: fixtures, options, and the report of a failing simulation.

Every pytest run of everyone who installs the package loads this file, so it imports nothing but pytest at its top; the
kit comes when a test asks for it.

How it works:
1. ``virtual_network`` is a plain synchronous fixture. At collection its tests get ``pytest.mark.trio(run=ours)`` first
   in line; pytest-trio then calls ``ours(test, clock=, instruments=)``, which runs the test, and all its async
   fixtures, inside the network.
2. pytest-trio ignores ``run=`` for Hypothesis tests; there we have its wrapper made with our run in trio's place.
3. Options reach ``@explore`` functions, which know no pytest, through the environment.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import Any

    from trio import Nursery

    from ..client import Client
    from ._ca import CertificateAuthority
    from ._network import VirtualNetwork
    from ._services import RealServers, VirtualServers

_NETWORK: pytest.StashKey[VirtualNetwork] = pytest.StashKey()
_LAST: pytest.StashKey[VirtualNetwork] = pytest.StashKey()
_ENVIRONMENT: pytest.StashKey[dict[str, str | None]] = pytest.StashKey()
_SEED, _SEEDS = "TRIO_HTTP_SEED", "TRIO_HTTP_SEEDS"
_OPTIONS = ("faults", "world", "checks")
_SHOWN = 20


def _kit(module: str) -> Any:
    """One module of the kit; late, because loading it for people who do not use it would be rude."""
    return importlib.import_module(f"{__package__}.{module}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--vnet-seed`` and ``--vnet-seeds``."""
    group = parser.getgroup("virtual network", "trio_http.testing")
    group.addoption("--vnet-seed", type=int, metavar="N", help=f"run simulations with this seed only (or {_SEED}=N)")
    group.addoption("--vnet-seeds", type=int, metavar="N", help=f"explore so many seeds (or {_SEEDS}=N)")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks; pass the options on."""
    config.addinivalue_line("markers", "explore(seeds=100, faults=, world=, checks=): run under many seeds")
    config.addinivalue_line("markers", "vnet(seed=0, faults=, world=, checks=): settings of virtual_network")
    config.stash[_ENVIRONMENT] = {name: os.environ.get(name) for name in (_SEED, _SEEDS)}
    for option, name in (("vnet_seed", _SEED), ("vnet_seeds", _SEEDS)):
        value = config.getoption(option, default=None)
        if value is not None:
            if option == "vnet_seeds" and value < 1:
                raise pytest.UsageError(f"--vnet-seeds {value}: give how many, 1 or more")
            os.environ[name] = str(value)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the environment as it was."""
    for name, value in config.stash.get(_ENVIRONMENT, {}).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _marked(node: Any) -> tuple[dict[str, Any], list[int]]:
    """The settings of a test, and its seeds."""
    chosen: dict[str, Any] = {}
    seeds: Any = [0]
    for name, own in (("vnet", "seed"), ("explore", "seeds")):
        mark = node.get_closest_marker(name)
        if mark is None:
            continue
        unknown = set(mark.kwargs) - {own, *_OPTIONS}
        if mark.args or unknown:
            wrong = ", ".join(sorted(unknown)) or "arguments without names"
            raise pytest.UsageError(
                f"@pytest.mark.{name} on {node.name}: no {wrong}; it has {own}, faults, world, checks"
            )
        chosen |= {key: value for key, value in mark.kwargs.items() if key in _OPTIONS}
        if name == "vnet":
            seeds = [mark.kwargs.get("seed", 0)]
        else:
            seeds = mark.kwargs.get("seeds", 100)
            many = _number(_SEEDS)
            seeds = range(many) if many is not None else range(seeds) if isinstance(seeds, int) else seeds
    one = _number(_SEED)
    return chosen, [one] if one is not None else list(seeds)


def _number(name: str) -> int | None:
    value = os.environ.get(name)
    try:
        return None if value is None else int(value)
    except ValueError:
        raise pytest.UsageError(f"{name}={value!r}: give a whole number") from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item for each seed of an exploring test."""
    if "vnet_seed" in metafunc.fixturenames and metafunc.definition.get_closest_marker("explore") is not None:
        _, seeds = _marked(metafunc.definition)
        metafunc.parametrize("vnet_seed", seeds, indirect=True, ids=lambda seed: f"seed={seed}")


@pytest.fixture
def vnet_seed(request: pytest.FixtureRequest) -> int:
    """The seed of this test."""
    if hasattr(request, "param"):
        return int(request.param)
    return _marked(request.node)[1][0]


@pytest.fixture
def virtual_network(request: pytest.FixtureRequest, vnet_seed: int) -> VirtualNetwork:
    """A virtual network in which this test and its async fixtures run, in virtual time."""
    if request.node.get_closest_marker("trio") is None:
        raise pytest.UsageError(
            f"{request.node.name}: virtual_network needs an async test run by pytest-trio (installed, and the mark "
            "trio or trio_mode); without it use @explore or simulate()"
        )
    simulate = _kit("_simulate")
    options = dict.fromkeys(_OPTIONS) | _marked(request.node)[0]
    net: VirtualNetwork = simulate.make_run(seed=vnet_seed, only=None, **options).network()
    request.node.stash[_NETWORK] = net
    return net


@pytest.fixture
def virtual_server(virtual_network: VirtualNetwork) -> VirtualServers:
    """A way to start trio_http servers on virtual hosts; call it with a handler, await it, and get the server."""
    servers: VirtualServers = _kit("_services").VirtualServers(virtual_network)
    return servers


@pytest.fixture
async def virtual_client(virtual_network: VirtualNetwork) -> AsyncIterator[Client]:
    """A trio_http client in the virtual network; it connects from the host of the code that uses it."""
    async with _kit("_services").new_client() as client:
        yield client


@pytest.fixture
def http_server(nursery: Nursery) -> RealServers:
    """A way to start trio_http servers on 127.0.0.1 and any free port, in pytest-trio's nursery."""
    servers: RealServers = _kit("_services").RealServers(nursery)
    return servers


@pytest.fixture(scope="session")
def test_ca() -> CertificateAuthority:
    """A certificate authority, the same in every run."""
    authority: CertificateAuthority = _kit("_ca").CertificateAuthority()
    return authority


@pytest.fixture
def no_network() -> Iterator[None]:
    """Fail on every attempt to reach another machine."""
    with _kit("_guard").no_network():
        yield


def _inner_test(item: pytest.Item) -> Any:
    function = getattr(item, "obj", None)
    return getattr(getattr(function, "hypothesis", None), "inner_test", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have pytest-trio run the tests of ``virtual_network`` by us."""
    for item in items:
        if "virtual_network" in getattr(item, "fixturenames", ()):
            function = _inner_test(item) or getattr(item, "obj", None)
            if inspect.iscoroutinefunction(function) and item.config.pluginmanager.hasplugin("trio"):
                item.add_marker(pytest.mark.trio(run=partial(_run, item)), append=False)


def _run(item: pytest.Item, test: Any, *, clock: Any = None, instruments: Any = ()) -> Any:
    return _kit("_simulate").run_in(item.stash[_NETWORK], test, clock=clock, instruments=instruments)[0]


def _run_example(item: pytest.Item, trio_run: Callable[..., Any], test: Any, **options: Any) -> Any:
    """Run one example of a Hypothesis test, in a network of its own if it has one."""
    network = sys.modules.get(f"{__package__}._network")
    nets = [] if network is None else [x for x in test.keywords.values() if isinstance(x, network.VirtualNetwork)]
    if not nets:
        return trio_run(test, **options)
    if len(nets) > 1:
        raise pytest.UsageError(f"{item.name}: takes {len(nets)} virtual networks; a test runs in one")
    simulate = _kit("_simulate")
    given = nets[0]
    # a fixture is made once for all examples; each example needs a fresh network
    fresh = simulate.settings_of(given).network() if given is item.stash.get(_NETWORK, None) else given
    keywords = {name: fresh if value is given else value for name, value in test.keywords.items()}
    try:
        return simulate.run_in(fresh, partial(test.func, **keywords), **options)[0]
    finally:
        item.stash[_LAST] = fresh


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Wrap the inner test of Hypothesis before pytest-trio does."""
    inner = _inner_test(item)
    if inner is not None and inspect.iscoroutinefunction(inner) and item.get_closest_marker("trio") is not None:
        wrapped = _kit("_deterministic").trio_test_runner(item, inner, partial(_run_example, item))
        if wrapped is not None:
            item.obj.hypothesis.inner_test = wrapped  # type: ignore[attr-defined]  # set by Hypothesis
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add seed, replay command, faults, last events and open sockets to the report of a failure."""
    report = yield
    net = item.stash.get(_LAST, None) or item.stash.get(_NETWORK, None)
    if net is not None and call.when == "call" and report.failed:
        report.sections.append(("virtual network", _describe(item, net)))
    return report


def _describe(item: pytest.Item, net: VirtualNetwork) -> str:
    # without the seed in brackets: --vnet-seed makes it the only one
    name = item.nodeid.replace(f"[seed={net.seed}]", "").replace(f"-seed={net.seed}]", "]")
    lines = [f"seed {net.seed}; run it again: pytest '{name}' --vnet-seed {net.seed}"]
    faults = net.faults_happened
    lines.append(f"{len(faults)} faults happened" + (":" if faults else ""))
    lines.extend(f"  {event}" for event in faults[:_SHOWN])
    if len(faults) > _SHOWN:
        lines.append(f"  ... and {len(faults) - _SHOWN} more")
    if net.open_at_end:
        lines.append("open sockets at the end:")
        lines.extend(f"  {line}" for line in net.open_at_end)
    events = net.trace.last(_SHOWN)
    lines.append(f"last {len(events)} of {len(net.trace)} events:")
    lines.extend(f"  {event}" for event in events)
    return "\n".join(lines)
