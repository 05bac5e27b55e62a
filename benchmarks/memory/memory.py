"""The memory: store."""

import asyncio

from benchmarks.memory.weighing import commit_all, weighed
from benchmarks.memory.workload import Workload
from benchmarks.outcome import Outcome
from engine.clock import SystemClock
from engine.stores.memory.store import MemoryStore

LABEL = "Opportune, memory:"


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Commit every session."""
    with asyncio.Runner() as runner:
        store = MemoryStore(SystemClock().now_ms)
        outcome = weighed(prepared, lambda: runner.run(commit_all(prepared, store)))
        assert runner.run(store.health()).sessions == prepared.sessions
        return outcome
