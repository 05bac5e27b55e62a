"""Our server on the sqlite store, each answer after an fsync."""

from benchmarks.ingest.loading import load_opportune
from benchmarks.ingest.workload import Workload
from benchmarks.outcome import Outcome

LABEL = "Opportune, sqlite D2"


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare: each repetition starts its own server."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Start the server and load it."""
    return load_opportune(prepared, "sqlite:///{folder}/ingest.db", "D2")
