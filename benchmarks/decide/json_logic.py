"""json-logic-js on Node: one logic a rule."""

from pathlib import Path

from benchmarks.decide.node_rules import run_script, written
from benchmarks.decide.workload import Workload
from benchmarks.node_peer import versions
from benchmarks.outcome import Outcome

LABEL = "json-logic-js (Node)"
VERSIONS = versions("json-logic-js")


def prepare(workload: Workload) -> Path:
    """Write the workload down."""
    return written(workload, "json-logic-js")


def run(prepared: Path) -> Outcome:
    """Run the script."""
    return run_script("json_logic.mjs", prepared)
