"""The sqlite: store at D1, so that the time is the store's and not the disk's."""

import asyncio

from benchmarks.memory.weighing import commit_all, weighed
from benchmarks.memory.workload import Workload
from benchmarks.outcome import Outcome
from benchmarks.scratch import scratch_folder
from engine.clock import SystemClock
from engine.stores.open import open_store

LABEL = "Opportune, sqlite:"


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Commit every session."""
    with asyncio.Runner() as runner:
        url = f"sqlite:///{scratch_folder()}/memory.db"
        store = runner.run(open_store(url, durability="D1", clock=SystemClock().now_ms))
        outcome = weighed(prepared, lambda: runner.run(commit_all(prepared, store)))
        runner.run(store.close())
        return outcome
