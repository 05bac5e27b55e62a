"""The same script over a plain socket in batches of 64, packed before the clock starts."""

from benchmarks.outcome import Outcome
from benchmarks.redis_commits.driving import run_workers
from benchmarks.redis_commits.pipeline import drive_packed
from benchmarks.redis_commits.workload import Workload
from benchmarks.valkey import require, versions

LABEL = "the script by hand, packed beforehand"
SIZES = ("tiny", "d1", "d1_plain", "d1_named")
VERSIONS = versions()


def prepare(workload: Workload) -> Workload:
    """Look for a server; each repetition starts its own."""
    require()
    return workload


def run(prepared: Workload) -> Outcome:
    """Commit everything once."""
    return run_workers(prepared, drive_packed)
