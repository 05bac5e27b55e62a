"""The floor: Python that imports the web framework and ends."""

import sys

from benchmarks.outcome import Outcome
from benchmarks.start.commands import timed
from benchmarks.start.workload import Workload

LABEL = "python -c 'import starlette'"


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Import it."""
    return timed((sys.executable, "-c", "import starlette.applications"))
