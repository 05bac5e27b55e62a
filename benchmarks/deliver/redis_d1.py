"""Our server on a Redis of its own without replicas, which writes its file once a second."""

from benchmarks.deliver.visiting import visit_opportune
from benchmarks.deliver.workload import Workload
from benchmarks.outcome import Outcome
from benchmarks.valkey import fresh, require, versions

LABEL = "Opportune, Redis D1"
VERSIONS = versions()


def prepare(workload: Workload) -> Workload:
    """Look for a server; each repetition starts its own."""
    require()
    return workload


def run(prepared: Workload) -> Outcome:
    """Start the servers and let the visitors come."""
    with fresh() as running:
        return visit_opportune(prepared, running.url, "D1")
