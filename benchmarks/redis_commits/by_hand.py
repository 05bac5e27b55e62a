"""The same script over a plain socket in batches of 64, packed batch by batch."""

from benchmarks.outcome import Outcome
from benchmarks.redis_commits.driving import run_workers
from benchmarks.redis_commits.pipeline import drive
from benchmarks.redis_commits.workload import Workload
from benchmarks.valkey import require, versions

LABEL = "the script by hand, batches of 64"
VERSIONS = versions()


def prepare(workload: Workload) -> Workload:
    """Look for a server; each repetition starts its own."""
    require()
    return workload


def run(prepared: Workload) -> Outcome:
    """Commit everything once."""
    return run_workers(prepared, drive)
