"""The floor: the same uvicorn sends each frame back."""

import sys

from benchmarks.deliver.visiting import played
from benchmarks.deliver.visitors import Target
from benchmarks.deliver.workload import Workload
from benchmarks.outcome import Outcome
from benchmarks.servers import started

LABEL = "WebSocket echo on the same uvicorn"


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare: each repetition starts its own server."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Start the server and let the visitors come."""
    command = (sys.executable, "-m", "benchmarks.deliver.echo_server")
    with started(command, "/readyz") as serving:
        count = prepared.sockets
        return played(prepared, Target(serving.port, serving.pid, ["/"] * count, [b""] * count))
