"""Our server on the memory store."""

from benchmarks.deliver.visiting import visit_opportune
from benchmarks.deliver.workload import Workload
from benchmarks.outcome import Outcome

LABEL = "Opportune, memory:"


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare: each repetition starts its own server."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Start the server and let the visitors come."""
    return visit_opportune(prepared, "memory:", "D0")
