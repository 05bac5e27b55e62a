"""The floor: an ASGI function that reads the body and answers."""

from benchmarks.ingest.loading import load_plain
from benchmarks.ingest.workload import Workload
from benchmarks.outcome import Outcome

LABEL = "bare ASGI on the same uvicorn"


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare: each repetition starts its own server."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Start the server and load it."""
    return load_plain(prepared, "bare")
