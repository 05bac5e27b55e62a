"""Our server on the memory store."""

from benchmarks.ingest.loading import load_opportune
from benchmarks.ingest.workload import Workload
from benchmarks.outcome import Outcome

LABEL = "Opportune, memory:"


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare: each repetition starts its own server."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Start the server and load it."""
    return load_opportune(prepared, "memory:", "D0")
