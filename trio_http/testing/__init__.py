"""Deterministic network tests for any trio program: a virtual network, virtual time, seeded faults, repeatable runs."""

from __future__ import annotations

from ._checks import Checks
from ._chunks import Chunks
from ._deterministic import NotDeterministicWarning
from ._dns import DNS
from ._draws import FaultEvent
from ._explore import Exploration, Failure, buggify, explore, explore_seeds
from ._faults import FaultPlan, Faults
from ._hosts import Host
from ._links import Link
from ._network import VirtualNetwork
from ._problems import (
    DeadlockError,
    Finding,
    HarnessError,
    LeakError,
    LivelockError,
    NondeterminismError,
    OutsideSimulationError,
    RealIOError,
    TimeLimitError,
)
from ._simulate import Simulation, World, simulate
from ._tcp import Connection
from ._trace import Trace, TraceEvent

__all__ = [
    "DNS",
    "Checks",
    "Chunks",
    "Connection",
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
    "NondeterminismError",
    "NotDeterministicWarning",
    "OutsideSimulationError",
    "RealIOError",
    "Simulation",
    "TimeLimitError",
    "Trace",
    "TraceEvent",
    "VirtualNetwork",
    "World",
    "buggify",
    "explore",
    "explore_seeds",
    "simulate",
]
