"""Deterministic network tests for any trio program: a virtual network, virtual time, seeded faults, repeatable runs.

Names are loaded when first used: pytest imports this package in every run, also for people who never simulate.
"""

from __future__ import annotations

import importlib as _importlib
import typing as _typing

if _typing.TYPE_CHECKING:
    from ._bridge import stdlib_bridge as stdlib_bridge
    from ._ca import CertificateAuthority as CertificateAuthority
    from ._cancelling import CancelPoints as CancelPoints, for_each_cancel_point as for_each_cancel_point
    from ._cassette import Cassette as Cassette, Conversation as Conversation, Replay as Replay, Turn as Turn
    from ._checks import Checks as Checks
    from ._chunks import Chunks as Chunks
    from ._deterministic import NotDeterministicWarning as NotDeterministicWarning
    from ._diagram import diagram as diagram
    from ._dns import DNS as DNS
    from ._draws import FaultEvent as FaultEvent
    from ._explore import (
        Exploration as Exploration,
        Failure as Failure,
        buggify as buggify,
        explore as explore,
        explore_seeds as explore_seeds,
    )
    from ._faults import FaultPlan as FaultPlan, Faults as Faults
    from ._guard import no_network as no_network
    from ._hosts import Host as Host
    from ._links import Link as Link
    from ._memory import MemoryListener as MemoryListener
    from ._mock import Call as Call, MockHTTP as MockHTTP, MockRoute as MockRoute
    from ._network import VirtualNetwork as VirtualNetwork
    from ._pcap import pcap as pcap
    from ._peer import RawListener as RawListener, RawPeer as RawPeer
    from ._problems import (
        CancelPointError as CancelPointError,
        CassetteError as CassetteError,
        DeadlockError as DeadlockError,
        Finding as Finding,
        HarnessError as HarnessError,
        LeakError as LeakError,
        LivelockError as LivelockError,
        MockError as MockError,
        NondeterminismError as NondeterminismError,
        OutsideSimulationError as OutsideSimulationError,
        PeerError as PeerError,
        RealIOError as RealIOError,
        RealNetworkError as RealNetworkError,
        TimeLimitError as TimeLimitError,
    )
    from ._simulate import (
        Run as Run,
        Simulation as Simulation,
        World as World,
        current_network as current_network,
        run_network as run_network,
        simulate as simulate,
    )
    from ._tcp import Connection as Connection
    from ._trace import Trace as Trace, TraceEvent as TraceEvent

_HOME = {
    "stdlib_bridge": "_bridge",
    "CertificateAuthority": "_ca",
    "CancelPoints": "_cancelling",
    "for_each_cancel_point": "_cancelling",
    "Cassette": "_cassette",
    "Conversation": "_cassette",
    "Replay": "_cassette",
    "Turn": "_cassette",
    "Checks": "_checks",
    "Chunks": "_chunks",
    "NotDeterministicWarning": "_deterministic",
    "diagram": "_diagram",
    "DNS": "_dns",
    "FaultEvent": "_draws",
    "Exploration": "_explore",
    "Failure": "_explore",
    "buggify": "_explore",
    "explore": "_explore",
    "explore_seeds": "_explore",
    "FaultPlan": "_faults",
    "Faults": "_faults",
    "no_network": "_guard",
    "Host": "_hosts",
    "Link": "_links",
    "MemoryListener": "_memory",
    "Call": "_mock",
    "MockHTTP": "_mock",
    "MockRoute": "_mock",
    "VirtualNetwork": "_network",
    "pcap": "_pcap",
    "RawListener": "_peer",
    "RawPeer": "_peer",
    "CancelPointError": "_problems",
    "CassetteError": "_problems",
    "DeadlockError": "_problems",
    "Finding": "_problems",
    "HarnessError": "_problems",
    "LeakError": "_problems",
    "LivelockError": "_problems",
    "MockError": "_problems",
    "NondeterminismError": "_problems",
    "OutsideSimulationError": "_problems",
    "PeerError": "_problems",
    "RealIOError": "_problems",
    "RealNetworkError": "_problems",
    "TimeLimitError": "_problems",
    "Run": "_simulate",
    "Simulation": "_simulate",
    "World": "_simulate",
    "current_network": "_simulate",
    "run_network": "_simulate",
    "simulate": "_simulate",
    "Connection": "_tcp",
    "Trace": "_trace",
    "TraceEvent": "_trace",
}

__all__ = [
    "DNS",
    "Call",
    "CancelPointError",
    "CancelPoints",
    "Cassette",
    "CassetteError",
    "CertificateAuthority",
    "Checks",
    "Chunks",
    "Connection",
    "Conversation",
    "DeadlockError",
    "Exploration",
    "Failure",
    "FaultEvent",
    "FaultPlan",
    "Faults",
    "Finding",
    "HarnessError",
    "Host",
    "LeakError",
    "Link",
    "LivelockError",
    "MemoryListener",
    "MockError",
    "MockHTTP",
    "MockRoute",
    "NondeterminismError",
    "NotDeterministicWarning",
    "OutsideSimulationError",
    "PeerError",
    "RawListener",
    "RawPeer",
    "RealIOError",
    "RealNetworkError",
    "Replay",
    "Run",
    "Simulation",
    "TimeLimitError",
    "Trace",
    "TraceEvent",
    "Turn",
    "VirtualNetwork",
    "World",
    "buggify",
    "current_network",
    "diagram",
    "explore",
    "explore_seeds",
    "for_each_cancel_point",
    "no_network",
    "pcap",
    "run_network",
    "simulate",
    "stdlib_bridge",
]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # not kept in this module: pytester forgets imported modules, and a name kept here would outlive its module
    value: object = getattr(_importlib.import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
