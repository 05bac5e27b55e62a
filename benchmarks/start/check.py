"""`opportune check` on a file of rules."""

from benchmarks.outcome import Outcome
from benchmarks.start.commands import OPPORTUNE, timed
from benchmarks.start.workload import Workload

LABEL = "opportune check"


def prepare(workload: Workload) -> Workload:
    """Check once, so that the grammar's tables are where they stay."""
    run(workload)
    return workload


def run(prepared: Workload) -> Outcome:
    """Check the rules."""
    return timed((*OPPORTUNE, "check", str(prepared.folder / "rules")))
